#include "engine/safetensors.h"

#include "engine/engine_error.h"

#include <nlohmann/json.hpp>

#include <bit>
#include <cassert>
#include <cstring>
#include <set>

namespace kvp2p::engine {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kMetadataKey = "__metadata__";
constexpr std::string_view kFileSuffix = ".safetensors";

/// Parses JSON and refuses a tensor (a key of the outermost object) that is named twice: readers that differ in which
/// one they take would load different weights.
base::Result<> parse_without_duplicates(std::string_view text, Json& json) {
  std::set<std::string> names;
  bool duplicate = false;
  bool too_many = false;
  const Json::parser_callback_t watch = [&](int depth, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::key && depth == 1) {
      if (names.size() > kSafetensorsTensorsMax) too_many = true;
      if (!too_many && !names.insert(value.get<std::string>()).second) duplicate = true;
    }
    return true;
  };
  json = Json::parse(text, watch, /*allow_exceptions=*/false);
  if (!json.is_object() || too_many) return EngineError::kBadSafetensorsHeader;
  if (duplicate) return EngineError::kDuplicateTensor;
  return {};
}

/// The bits of each of the format's dtypes, or 0 for an unknown one.
std::uint64_t bits_of(const std::string& dtype) {
  static const std::map<std::string, std::uint64_t> kBits = {
      {"BOOL", 8},  {"U8", 8},   {"I8", 8},   {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"I16", 16}, {"U16", 16}, {"F16", 16},
      {"BF16", 16}, {"I32", 32}, {"U32", 32}, {"F32", 32},    {"F64", 64},    {"I64", 64}, {"U64", 64}};
  auto it = kBits.find(dtype);
  return it == kBits.end() ? 0 : it->second;
}

Dtype dtype_of(const std::string& name) {
  if (name == "F32") return Dtype::kF32;
  if (name == "F16") return Dtype::kF16;
  if (name == "BF16") return Dtype::kBf16;
  return Dtype::kOther;
}

base::Result<TensorInfo> parse_tensor(const Json& json, std::uint64_t data_bytes) {
  if (!json.is_object()) return EngineError::kBadSafetensorsHeader;
  auto dtype = json.find("dtype");
  auto shape = json.find("shape");
  auto offsets = json.find("data_offsets");
  if (dtype == json.end() || !dtype->is_string() || shape == json.end() || !shape->is_array() ||
      shape->size() > kSafetensorsDimsMax || offsets == json.end() || !offsets->is_array() || offsets->size() != 2 ||
      !(*offsets)[0].is_number_unsigned() || !(*offsets)[1].is_number_unsigned()) {
    return EngineError::kBadSafetensorsHeader;
  }
  const std::uint64_t bits = bits_of(dtype->get<std::string>());
  if (bits == 0) return EngineError::kUnsupportedDtype;
  TensorInfo info;
  info.dtype = dtype_of(dtype->get<std::string>());
  info.begin = (*offsets)[0].get<std::uint64_t>();
  info.end = (*offsets)[1].get<std::uint64_t>();
  if (info.begin > info.end || info.end > data_bytes) return EngineError::kTensorOutOfFile;
  std::uint64_t bytes = bits / 8;
  for (const Json& dim : *shape) {
    if (!dim.is_number_unsigned()) return EngineError::kBadSafetensorsHeader;
    info.shape.push_back(dim.get<std::uint64_t>());
    if (__builtin_mul_overflow(bytes, info.shape.back(), &bytes)) return EngineError::kTensorSizeMismatch;
  }
  if (bytes != info.end - info.begin) return EngineError::kTensorSizeMismatch;
  return info;
}

/// The format forbids overlaps and gaps; checking both leaves no byte that two readers could take differently.
bool tile_exactly(const SafetensorsHeader& header, std::uint64_t data_bytes) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (const auto& [name, info] : header) ranges.emplace_back(info.begin, info.end);
  std::sort(ranges.begin(), ranges.end());
  std::uint64_t at = 0;
  for (const auto& [begin, end] : ranges) {
    if (begin != at) return false;
    at = end;
  }
  return at == data_bytes;
}

float f16_to_f32(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000) << 16;
  const std::uint32_t exponent = half >> 10 & 0x1f;
  const std::uint32_t mantissa = half & 0x3ff;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000 | mantissa << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  const float tiny = static_cast<float>(mantissa) * 0x1p-24f;  // zero and subnormals, exact
  return sign ? -tiny : tiny;
}

bool is_plain_shard_name(const std::string& name) {
  if (name.size() > kSafetensorsNameBytesMax || name.size() <= kFileSuffix.size()) return false;
  if (!name.ends_with(kFileSuffix) || name.front() == '.') return false;
  for (char c : name) {
    const bool plain =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
    if (!plain) return false;
  }
  return true;
}

}  // namespace

std::size_t element_bytes(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF32:
      return 4;
    case Dtype::kF16:
    case Dtype::kBf16:
      return 2;
    case Dtype::kOther:
      break;
  }
  return 0;
}

base::Result<std::uint64_t> parse_safetensors_length(base::ConstBytes first8, std::uint64_t file_bytes) {
  if (first8.size() != kSafetensorsLengthBytes || file_bytes < kSafetensorsLengthBytes) {
    return EngineError::kBadSafetensorsHeader;
  }
  const std::uint64_t length = base::load_le64(first8.data());
  if (length > kSafetensorsHeaderBytesMax) return EngineError::kBadSafetensorsHeader;
  if (length > file_bytes - kSafetensorsLengthBytes) return EngineError::kTensorOutOfFile;
  return length;
}

base::Result<SafetensorsHeader> parse_safetensors_header(std::string_view json_text, std::uint64_t data_bytes) {
  // The format has the JSON start with {; blanks may follow it, as padding.
  if (json_text.size() > kSafetensorsHeaderBytesMax || !json_text.starts_with('{')) {
    return EngineError::kBadSafetensorsHeader;
  }
  Json json;
  if (auto ok = parse_without_duplicates(json_text, json); !ok) return ok.error();
  SafetensorsHeader header;
  for (const auto& [name, value] : json.items()) {
    if (name == kMetadataKey) continue;
    if (name.empty() || name.size() > kSafetensorsNameBytesMax) return EngineError::kBadSafetensorsHeader;
    auto info = parse_tensor(value, data_bytes);
    if (!info) return info.error();
    header.emplace(name, std::move(*info));
  }
  if (header.size() > kSafetensorsTensorsMax) return EngineError::kBadSafetensorsHeader;
  if (!tile_exactly(header, data_bytes)) return EngineError::kTensorsOverlap;
  return header;
}

base::Result<std::map<std::string, std::string>> parse_safetensors_index(std::string_view json_text) {
  if (json_text.size() > kSafetensorsIndexBytesMax) return EngineError::kFileTooLarge;
  const Json json = Json::parse(json_text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return EngineError::kBadJson;
  auto map = json.find("weight_map");
  if (map == json.end() || !map->is_object() || map->size() > kSafetensorsTensorsMax) return EngineError::kBadJson;
  std::map<std::string, std::string> files_by_tensor;
  std::set<std::string> files;
  for (const auto& [tensor, file] : map->items()) {
    if (!file.is_string() || !is_plain_shard_name(file.get<std::string>())) return EngineError::kBadShardName;
    files.insert(file.get<std::string>());
    if (files.size() > kSafetensorsShardsMax) return EngineError::kBadShardName;
    files_by_tensor.emplace(tensor, file.get<std::string>());
  }
  return files_by_tensor;
}

void convert_to_f32(Dtype dtype, base::ConstBytes bytes, std::span<float> out) {
  assert(dtype != Dtype::kOther && bytes.size() == out.size() * element_bytes(dtype));
  static_assert(std::endian::native == std::endian::little);
  if (dtype == Dtype::kF32) {
    std::memcpy(out.data(), bytes.data(), bytes.size());
    return;
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint16_t element;
    std::memcpy(&element, bytes.data() + 2 * i, 2);
    out[i] =
        dtype == Dtype::kF16 ? f16_to_f32(element) : std::bit_cast<float>(static_cast<std::uint32_t>(element) << 16);
  }
}

}  // namespace kvp2p::engine
