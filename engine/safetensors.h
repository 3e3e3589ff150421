// The safetensors format: 8 bytes of little-endian header length, a JSON header, then the tensors' bytes.
// https://github.com/huggingface/safetensors ("Format")
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kvp2p::engine {

inline constexpr std::size_t kSafetensorsLengthBytes = 8;
inline constexpr std::uint64_t kSafetensorsHeaderBytesMax = 16 << 20;
inline constexpr std::size_t kSafetensorsTensorsMax = 1 << 16;
inline constexpr std::size_t kSafetensorsDimsMax = 8;
inline constexpr std::size_t kSafetensorsNameBytesMax = 512;
inline constexpr std::size_t kSafetensorsIndexBytesMax = 16 << 20;
inline constexpr std::size_t kSafetensorsShardsMax = 1024;

/// What this engine computes with; a header may name other types, which are kOther and cannot be read.
enum class Dtype { kF32, kF16, kBf16, kOther };

/// Bytes of one element; 0 for kOther.
std::size_t element_bytes(Dtype dtype);

struct TensorInfo {
  Dtype dtype = Dtype::kOther;
  std::vector<std::uint64_t> shape;
  /// Counted from the end of the header. end - begin is the shape's elements times the element's bytes.
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// Tensors by name. They tile the data section without overlap or gap.
using SafetensorsHeader = std::map<std::string, TensorInfo>;

/// Reads the header's length from a file's first 8 bytes, for a file of `file_bytes` bytes. Pure.
base::Result<std::uint64_t> parse_safetensors_length(base::ConstBytes first8, std::uint64_t file_bytes);

/// Reads a header (the JSON alone) of a file whose data section has `data_bytes` bytes. Pure; `json` is hostile.
/// The data of the tensors need not be aligned: it is read by copying.
base::Result<SafetensorsHeader> parse_safetensors_header(std::string_view json, std::uint64_t data_bytes);

/// Tensor name to file name, from model.safetensors.index.json. File names are plain names ending in .safetensors, with
/// no folder in them. Pure; `json` is hostile.
base::Result<std::map<std::string, std::string>> parse_safetensors_index(std::string_view json);

/// Converts little-endian elements to fp32. `bytes` holds out.size() elements of `dtype`, which is not kOther.
void convert_to_f32(Dtype dtype, base::ConstBytes bytes, std::span<float> out);

}  // namespace kvp2p::engine
