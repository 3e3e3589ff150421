// Names of threads, for debuggers, top and /proc.
#pragma once

#include <pthread.h>

namespace base {

/// At most 15 characters: more, and the thread keeps its name.
inline void name_this_thread(const char* name) { pthread_setname_np(pthread_self(), name); }

}  // namespace base
