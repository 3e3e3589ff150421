#include "libp2p/testing/process_usage.h"

#include "base/sanitizers.h"

#include <malloc.h>

#include <filesystem>
#include <fstream>

#if BASE_ADDRESS_SANITIZER
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();  // GCC has it without a header
#endif

namespace libp2p::testing {

namespace {

std::size_t resident_anonymous_bytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  std::size_t kib = 0;
  while (status >> word) {
    if (word == "RssAnon:") status >> kib;
  }
  return kib * 1024;
}

std::size_t count_descriptors() {
  const std::filesystem::directory_iterator descriptors("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(descriptors), end(descriptors))) - 1;  // less the iterator's own
}

}  // namespace

std::size_t heap_bytes_in_use() {
#if BASE_ADDRESS_SANITIZER
  return __sanitizer_get_current_allocated_bytes();
#else
  const struct mallinfo2 heap = mallinfo2();
  return heap.uordblks + heap.hblkhd;
#endif
}

ProcessUsage measure_process() {
  malloc_trim(0);
  return {resident_anonymous_bytes(), heap_bytes_in_use(), count_descriptors()};
}

std::string to_text(const ProcessUsage& usage) {
  return std::to_string(usage.resident_bytes / 1024) + " KiB resident, " + std::to_string(usage.heap_bytes / 1024) +
         " KiB of heap, " + std::to_string(usage.descriptors) + " descriptors";
}

}  // namespace libp2p::testing
