// Errors as text for people. Free of CUDA, for the parts that a plain compiler builds.
#pragma once

#include "gpu/cuda/kvcache.h"

namespace kvc {

/// Sets kvc_last_error() of this thread and returns `status`.
[[gnu::format(printf, 2, 3)]] kvc_status fail(kvc_status status, const char* format, ...);

}  // namespace kvc

/// Returns the status of a call that failed.
#define KVC_TRY(expression)                                                   \
  do {                                                                        \
    if (const kvc_status tried = (expression); tried != KVC_OK) return tried; \
  } while (false)
