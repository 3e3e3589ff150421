#include "libp2p/host/places.h"

#include "libp2p/core/error.h"
#include "libp2p/core/scoped_deadline.h"

namespace libp2p {

base::Task<base::Result<Places::Place>> Places::enter(base::TimePoint deadline, std::stop_token stop) {
  ScopedDeadline time_limit(clock_, deadline, [this] { changed_.notify_all(); });
  const std::stop_callback on_stop(stop, [this] { changed_.notify_all(); });
  while (free_ == 0 && !time_limit.expired() && !stop.stop_requested()) co_await changed_.wait();
  if (stop.stop_requested()) co_return Error::kClosing;
  if (free_ == 0) co_return Error::kTimeout;
  --free_;
  co_return Place(*this);
}

}  // namespace libp2p
