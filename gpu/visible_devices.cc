#include "gpu/visible_devices.h"

#include <algorithm>
#include <charconv>
#include <vector>

namespace kvp2p {

namespace {

constexpr char kVariable[] = "CUDA_VISIBLE_DEVICES";

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool is_uuid(std::string_view entry) { return entry.starts_with("GPU-") || entry.starts_with("MIG-"); }

std::optional<int> number_of(std::string_view entry) {
  int number = 0;
  const auto [end, error] = std::from_chars(entry.data(), entry.data() + entry.size(), number);
  if (error != std::errc() || end != entry.data() + entry.size() || number < 0) return std::nullopt;
  return number;
}

/// The GPU of each ordinal; -1 where it is named by UUID. Like CUDA's, the list ends at the first entry that is none,
/// and has no more entries than CUDA shows devices: what CUDA has not accepted ends it too.
std::vector<int> visible_gpus(std::string_view list, std::size_t devices) {
  std::vector<int> gpus;
  while (gpus.size() < devices) {
    const auto comma = list.find(',');
    const std::string_view entry = trimmed(list.substr(0, comma));
    if (is_uuid(entry)) {
      gpus.push_back(-1);
    } else if (const auto number = number_of(entry)) {
      gpus.push_back(*number);
    } else {
      break;
    }
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return gpus;
}

std::string count_of(int devices) { return devices == 1 ? "1 GPU" : std::to_string(devices) + " GPUs"; }

std::string shown(std::string_view visible) { return std::string(kVariable) + "=" + std::string(visible); }

}  // namespace

VisibleDevice find_visible_device(std::optional<std::string_view> visible, std::optional<int> gpu, int devices) {
  if (devices <= 0) {
    return {std::nullopt, visible ? "no GPU is visible with " + shown(*visible) : "no GPU is visible"};
  }
  if (!gpu) return {0, ""};
  const std::string asked = "--gpu=" + std::to_string(*gpu);
  if (!visible) {
    if (*gpu >= 0 && *gpu < devices) return {*gpu, ""};
    return {std::nullopt, asked + ": this machine has " + count_of(devices) + ", counted from 0"};
  }
  const std::vector<int> gpus = visible_gpus(*visible, static_cast<std::size_t>(devices));
  if (*gpu >= 0) {
    const auto found = std::find(gpus.begin(), gpus.end(), *gpu);
    if (found != gpus.end()) return {static_cast<int>(found - gpus.begin()), ""};
    if (*gpu < devices) {
      return {*gpu, asked + " is not in " + shown(*visible) + ": taken as the place in that list, counted from 0"};
    }
  }
  return {std::nullopt,
          asked + " is neither in " + shown(*visible) + " nor a place in that list, which shows " + count_of(devices)};
}

}  // namespace kvp2p
