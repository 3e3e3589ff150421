// Which of CUDA's ordinals a GPU number means when CUDA_VISIBLE_DEVICES hides and renumbers GPUs. A pure function.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kvp2p {

/// The CUDA ordinal to use, or why there is none.
struct VisibleDevice {
  std::optional<int> ordinal;
  /// Without an ordinal: what is wrong. With one: what a person should be told of how --gpu was read; often empty.
  std::string note;
};

/// `gpu` is the GPU as counted without CUDA_VISIBLE_DEVICES (nothing: any), `visible` the variable's value (nothing:
/// unset), `devices` how many the process sees. If the variable names `gpu`, it is that one, wherever it stands in the
/// list: CUDA_VISIBLE_DEVICES=1 --gpu=1 is ordinal 0. If it does not, `gpu` is taken as the place in the list, and the
/// note says so. Entries by UUID have no number that could be known here and count by their place only.
VisibleDevice find_visible_device(std::optional<std::string_view> visible, std::optional<int> gpu, int devices);

}  // namespace kvp2p
