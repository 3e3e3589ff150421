// Which sanitizer this is compiled for: GCC and clang say it in different ways.
#pragma once

#if defined(__has_feature)
#define BASE_HAS_FEATURE(feature) __has_feature(feature)
#else
#define BASE_HAS_FEATURE(feature) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || BASE_HAS_FEATURE(address_sanitizer)
#define BASE_ADDRESS_SANITIZER 1
#else
#define BASE_ADDRESS_SANITIZER 0
#endif

#if defined(__SANITIZE_THREAD__) || BASE_HAS_FEATURE(thread_sanitizer)
#define BASE_THREAD_SANITIZER 1
#else
#define BASE_THREAD_SANITIZER 0
#endif
