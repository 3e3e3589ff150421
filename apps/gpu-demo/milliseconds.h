#pragma once

#include "base/clock.h"

#include <chrono>

namespace kvp2p::demo {

inline double milliseconds_of(base::Duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

}  // namespace kvp2p::demo
