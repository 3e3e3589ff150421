// Runs a node's event loop.
#pragma once

#include "base/spin_time.h"

#include <boost/asio/io_context.hpp>

namespace base {

/// Runs `context` until it is out of work or stopped, as its run() does, but looks for more work for a few tens of
/// microseconds before the thread sleeps: waking one up takes longer than a round trip within a rack. It does so only
/// while that pays, that is, while waits have been short lately, so a quiet node costs nothing.
///
/// One thread runs a context at a time. It looks for `spin_max` at most; zero: it sleeps at once.
void run_event_loop(boost::asio::io_context& context, Duration spin_max = spin_time_max());

}  // namespace base
