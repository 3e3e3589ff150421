#include "libp2p/testing/process_usage.h"

#include <malloc.h>

#include <filesystem>
#include <fstream>

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

ProcessUsage measure_process() {
  malloc_trim(0);
  const struct mallinfo2 heap = mallinfo2();
  return {resident_anonymous_bytes(), heap.uordblks + heap.hblkhd, count_descriptors()};
}

std::string to_text(const ProcessUsage& usage) {
  return std::to_string(usage.resident_bytes / 1024) + " KiB resident, " + std::to_string(usage.heap_bytes / 1024) +
         " KiB of heap, " + std::to_string(usage.descriptors) + " descriptors";
}

}  // namespace libp2p::testing
