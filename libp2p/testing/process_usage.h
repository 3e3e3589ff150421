// What this process holds, for tests of leaks.
#pragma once

#include <cstddef>
#include <string>

namespace libp2p::testing {

struct ProcessUsage {
  std::size_t resident_bytes = 0;  ///< anonymous memory in use (RssAnon): heap and stacks, not program text
  std::size_t heap_bytes = 0;      ///< what malloc has handed out (mallinfo2)
  std::size_t descriptors = 0;
};

/// Memory that has been allocated and not freed, by malloc or by a sanitizer's.
std::size_t heap_bytes_in_use();

/// Gives back what malloc holds for later first, so that only what is in use counts.
ProcessUsage measure_process();

std::string to_text(const ProcessUsage& usage);

}  // namespace libp2p::testing
