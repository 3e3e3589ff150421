#include "apps/gpu-demo/hardware.h"

#include <unistd.h>

#include <fstream>
#include <thread>

namespace kvp2p::demo {

namespace {

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown processor";
}

}  // namespace

std::string hardware_description() {
  const double gib =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1u << 30);
  return cpu_model() + ", " + std::to_string(std::thread::hardware_concurrency()) + " cores, " +
         std::to_string(static_cast<int>(gib + 0.5)) + " GiB";
}

}  // namespace kvp2p::demo
