#include "engine/cuda/gpu_checks.h"

#include <cmath>

namespace kvp2p::engine::cuda::checks {

std::uint16_t to_bf16(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  if (std::isnan(x)) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  bits += 0x7fff + (bits >> 16 & 1);
  return static_cast<std::uint16_t>(bits >> 16);
}

float to_float(std::uint16_t x) {
  const std::uint32_t bits = std::uint32_t{x} << 16;
  float out;
  std::memcpy(&out, &bits, sizeof out);
  return out;
}

std::vector<float> to_floats(std::span<const std::uint16_t> x) {
  std::vector<float> out;
  for (std::uint16_t value : x) out.push_back(to_float(value));
  return out;
}

std::vector<std::uint16_t> to_bf16s(std::span<const float> x) {
  std::vector<std::uint16_t> out;
  for (float value : x) out.push_back(to_bf16(value));
  return out;
}

void Checks::say(const std::string& name, bool ok, const std::string& what) {
  ++cases_;
  if (!ok) ++failures_;
  std::printf("%s %s%s%s\n", ok ? "ok" : "FAILED", name.c_str(), what.empty() ? "" : ": ", what.c_str());
  std::fflush(stdout);
}

void Checks::close(const std::string& name, std::span<const float> got, std::span<const float> expected,
                   double relative, double absolute) {
  std::size_t bad = 0;
  std::size_t first = 0;
  double worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double error = std::abs(static_cast<double>(got[i]) - expected[i]);
    if (!(error <= absolute + relative * std::abs(static_cast<double>(expected[i])))) {
      if (bad++ == 0) first = i;
    }
    if (!(error <= worst)) worst = error;
  }
  char text[200];
  std::snprintf(text, sizeof text, "%zu of %zu differ, first [%zu]: %g, expected %g; worst by %g", bad, expected.size(),
                first, bad ? got[first] : 0.0f, bad ? expected[first] : 0.0f, worst);
  say(name, bad == 0 && got.size() == expected.size(), bad ? text : "");
}

void Checks::equal(const std::string& name, std::span<const std::uint16_t> got,
                   std::span<const std::uint16_t> expected) {
  std::size_t bad = 0;
  std::size_t first = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (got[i] != expected[i] && bad++ == 0) first = i;
  }
  char text[160];
  std::snprintf(text, sizeof text, "%zu of %zu differ in their bits, first [%zu]: %04x, expected %04x", bad,
                expected.size(), first, bad ? got[first] : 0, bad ? expected[first] : 0);
  say(name, bad == 0 && got.size() == expected.size(), bad ? text : "");
}

void Checks::cosine(const std::string& name, std::span<const float> got, std::span<const float> expected,
                    double least) {
  double dot = 0;
  double a = 0;
  double b = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    dot += static_cast<double>(got[i]) * expected[i];
    a += static_cast<double>(got[i]) * got[i];
    b += static_cast<double>(expected[i]) * expected[i];
  }
  const double cosine = dot / std::sqrt(a * b);
  say(name, cosine >= least, "cosine " + std::to_string(cosine));
}

TestPages::TestPages(Checks& checks, const HeadShape& heads, std::size_t tokens, std::size_t tokens_a_page,
                     KvLayout order)
    : shape(heads), page_tokens(tokens_a_page), layout(order) {
  const std::size_t used = (tokens + page_tokens - 1) / page_tokens;
  const std::size_t pages = used + 2;
  for (std::size_t i = 0; i < used; ++i) table.push_back(static_cast<std::uint32_t>((i * 7 + 1) % pages));
  // i * 7 mod pages repeats where pages is a multiple of 7: then go backwards.
  if (pages % 7 == 0) {
    for (std::size_t i = 0; i < used; ++i) table[i] = static_cast<std::uint32_t>(pages - 1 - i);
  }
  elements = pages * page_tokens * shape.kv_heads * shape.head_dim;
  k_host.assign(elements, 0xffff);
  v_host.assign(elements, 0xffff);
  const std::uint64_t page_stride = page_tokens * shape.kv_heads * shape.head_dim;
  const std::uint64_t token_stride =
      layout == KvLayout::kNhd ? std::uint64_t{shape.kv_heads} * shape.head_dim : shape.head_dim;
  std::vector<std::uint64_t> offsets;
  const auto per_page = static_cast<std::uint32_t>(page_tokens / kTokensPerEntry);
  for (std::uint32_t i = 0; i < used * per_page; ++i) {
    offsets.push_back(
        block_entry(i, table[i / per_page], static_cast<std::uint32_t>(page_tokens), page_stride, token_stride));
  }
  entries = std::make_unique<Buffer<std::uint64_t>>(checks, offsets);
  upload(checks);
}

std::size_t TestPages::at(std::size_t token, std::size_t head) const {
  const std::size_t page = table[token / page_tokens];
  const std::size_t within = token % page_tokens;
  if (layout == KvLayout::kNhd) {
    return ((page * page_tokens + within) * shape.kv_heads + head) * shape.head_dim;
  }
  return ((page * shape.kv_heads + head) * page_tokens + within) * shape.head_dim;
}

void TestPages::upload(Checks& checks) {
  k = std::make_unique<Buffer<std::uint16_t>>(checks, k_host);
  v = std::make_unique<Buffer<std::uint16_t>>(checks, v_host);
}

PagedKv TestPages::view() const {
  PagedKv view;
  view.k = k->data();
  view.v = v->data();
  view.blocks = entries->data();
  const bool nhd = layout == KvLayout::kNhd;
  view.token_stride = nhd ? std::uint64_t{shape.kv_heads} * shape.head_dim : shape.head_dim;
  view.head_stride = nhd ? shape.head_dim : page_tokens * std::uint64_t{shape.head_dim};
  return view;
}

}  // namespace kvp2p::engine::cuda::checks
