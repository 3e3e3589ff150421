#include "base/unique_fd.h"

#include <fcntl.h>

namespace base {

UniqueFd UniqueFd::duplicate() const { return UniqueFd(fd_ < 0 ? -1 : ::fcntl(fd_, F_DUPFD_CLOEXEC, 0)); }

}  // namespace base
