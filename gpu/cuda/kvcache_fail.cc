#include "gpu/cuda/kvcache_fail.h"

#include <cstdarg>
#include <cstdio>

namespace kvc {

namespace {

/// Fixed: an error must be told when there is no memory too.
thread_local char last_error[512] = "";

}  // namespace

kvc_status fail(kvc_status status, const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(last_error, sizeof last_error, format, arguments);
  va_end(arguments);
  return status;
}

}  // namespace kvc

const char* kvc_last_error(void) { return kvc::last_error; }
