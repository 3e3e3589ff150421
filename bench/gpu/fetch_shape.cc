#include "bench/gpu/fetch_shape.h"

#include <charconv>
#include <cstring>

namespace kvp2p::bench {

namespace {

constexpr std::uint32_t kMibPerBlock8b = 2;
constexpr std::uint32_t kMibPerSlicedBlock = 32;
constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15u;

std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace

ObjectFormat FetchShape::format() const {
  ObjectFormat format;
  format.element = ElementType::kBf16;
  format.head_dim = head_dim;
  format.shard = {0, layers, 0, kv_heads};
  return format;
}

LayoutDesc FetchShape::layout() const {
  LayoutDesc layout;
  layout.format = format();
  const std::size_t row = head_dim * element_bytes(ElementType::kBf16);
  layout.engine_blocks = blocks;
  if (order == "wire") {
    layout.token_stride = row;
    layout.head_stride = 2 * kBlockTokens * row;
    layout.block_stride = kv_heads * layout.head_stride;
    for (std::uint32_t l = 0; l < layers; ++l) {
      const std::size_t start = l * layout.block_stride * blocks;
      layout.layers.push_back({start, start + kBlockTokens * row});
    }
    return layout;
  }
  layout.token_stride = order == "nhd" ? row * kv_heads : row;
  layout.head_stride = order == "nhd" ? row : row * kBlockTokens;
  layout.block_stride = row * kv_heads * kBlockTokens;
  const std::size_t plane = layout.block_stride * blocks;
  for (std::uint32_t l = 0; l < layers; ++l) layout.layers.push_back({2 * l * plane, (2 * l + 1) * plane});
  return layout;
}

ModelSpec FetchShape::spec() const {
  ModelSpec spec;
  spec.weights_digest = "none: numbers of a benchmark";
  spec.architecture = "bench";
  spec.layers = layers;
  spec.kv_heads = kv_heads;
  spec.head_dim = head_dim;
  spec.kv_element = ElementType::kBf16;
  return spec;
}

std::vector<TokenId> FetchShape::tokens(std::uint64_t version) const {
  std::vector<TokenId> tokens(std::size_t{blocks} * kBlockTokens);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<TokenId>(mixed(version * kOdd + i));
  tokens[0] = static_cast<TokenId>(version);
  return tokens;
}

std::optional<FetchShape> parse_shape(const std::string& text) {
  if (text == "fixed") return FetchShape{.name = text, .layers = 1, .kv_heads = 4, .blocks = 1};
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return std::nullopt;
  const std::string kind = text.substr(0, colon);
  std::uint32_t number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || number == 0 || number > 1u << 20) return std::nullopt;
  if (kind == "slice" && number % kMibPerSlicedBlock == 0)
    return FetchShape{.name = text, .layers = 32, .kv_heads = 128, .blocks = number / kMibPerSlicedBlock};
  const std::uint32_t unit = kind == "mib" ? kMibPerBlock8b : kBlockTokens;
  if (number % unit != 0 || (kind != "mib" && kind != "8b" && kind != "70b")) return std::nullopt;
  return FetchShape{.name = text, .layers = kind == "70b" ? 80u : 32u, .kv_heads = 8, .blocks = number / unit};
}

void fill_slice(std::uint64_t version, std::uint32_t block, std::uint32_t layer, base::MutableBytes wire) {
  const std::uint64_t seed = mixed(version * kOdd + (std::uint64_t{block} << 16) + layer);
  std::size_t at = 0;
  for (std::uint64_t word = 0; at + sizeof word <= wire.size(); at += sizeof word, ++word) {
    // Adjacent words differ in all bytes; every word depends on version, block, layer and place.
    const std::uint64_t value = (seed + word) * kOdd;
    const std::uint64_t bytes = value ^ (value >> 32);
    std::memcpy(wire.data() + at, &bytes, sizeof bytes);
  }
}

}  // namespace kvp2p::bench
