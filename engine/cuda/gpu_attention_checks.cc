// Attention against its definition; and that a query's bits do not depend on the queries beside it.
#include "engine/cuda/gpu_checks.h"
#include "engine/testing/numbers.h"

#include <cmath>

namespace kvp2p::engine::cuda::checks {
namespace {

using testing::Numbers;

struct Case {
  HeadShape shape;
  std::size_t start;
  std::size_t count;
  std::size_t page_tokens;
  KvLayout layout;
};

std::string name_of(const Case& c) {
  return "heads " + std::to_string(c.shape.heads) + "/" + std::to_string(c.shape.kv_heads) + " dim " +
         std::to_string(c.shape.head_dim) + " queries [" + std::to_string(c.start) + ", " +
         std::to_string(c.start + c.count) + ") pages of " + std::to_string(c.page_tokens) +
         (c.layout == KvLayout::kNhd ? " NHD" : " HND");
}

/// Random K and V in pages whose other places, those after the last token too, are NaN.
struct Inputs {
  Inputs(Checks& checks, const Case& c)
      : pages(checks, c.shape, c.start + c.count, c.page_tokens, c.layout), rows(c.count * c.shape.width()) {
    Numbers numbers(c.start * 31 + c.count * 7 + c.shape.head_dim + c.shape.heads);
    for (std::size_t t = 0; t < c.start + c.count; ++t) {
      for (std::size_t head = 0; head < c.shape.kv_heads; ++head) {
        for (std::size_t i = 0; i < c.shape.head_dim; ++i) {
          pages.k_host[pages.at(t, head) + i] = to_bf16(2 * numbers.next());
          pages.v_host[pages.at(t, head) + i] = to_bf16(numbers.next());
        }
      }
    }
    pages.upload(checks);
    for (std::uint16_t& x : rows) x = to_bf16(2 * numbers.next());
  }

  TestPages pages;
  std::vector<std::uint16_t> rows;
};

std::vector<float> reference(const Case& c, const Inputs& in) {
  const std::size_t dim = c.shape.head_dim;
  const std::size_t group = c.shape.heads / c.shape.kv_heads;
  std::vector<float> out;
  for (std::size_t query = 0; query < c.count; ++query) {
    for (std::size_t head = 0; head < c.shape.heads; ++head) {
      const std::uint16_t* q = in.rows.data() + query * c.shape.width() + head * dim;
      std::vector<double> weights;
      double highest = -INFINITY;
      for (std::size_t key = 0; key <= c.start + query; ++key) {
        const std::uint16_t* k = in.pages.k_host.data() + in.pages.at(key, head / group);
        double dot = 0;
        for (std::size_t i = 0; i < dim; ++i) dot += static_cast<double>(to_float(q[i])) * to_float(k[i]);
        weights.push_back(dot / std::sqrt(static_cast<double>(dim)));
        highest = std::max(highest, weights.back());
      }
      double sum = 0;
      for (double& weight : weights) sum += weight = std::exp(weight - highest);
      std::vector<double> value(dim);
      for (std::size_t key = 0; key < weights.size(); ++key) {
        const std::uint16_t* v = in.pages.v_host.data() + in.pages.at(key, head / group);
        for (std::size_t i = 0; i < dim; ++i) value[i] += weights[key] * to_float(v[i]);
      }
      for (double x : value) out.push_back(static_cast<float>(x / sum));
    }
  }
  return out;
}

std::uint32_t u32(std::size_t x) { return static_cast<std::uint32_t>(x); }

void check_case(Checks& checks, const Case& c) {
  const Inputs in(checks, c);
  const std::vector<float> expected = reference(c, in);
  const std::size_t width = c.shape.heads * std::size_t{c.shape.head_dim};
  Buffer<std::uint16_t> queries(checks, in.rows);
  // Values lie in [-1, 1]; probabilities are rounded to bf16 in the fast kernel.
  const auto prefill = [&](const std::string& name, auto kernel) {
    Buffer<std::uint16_t> out(checks, c.count * width);
    kernel(queries.data(), c.shape, in.pages.view(), out.data(), u32(c.start), u32(c.count), checks.queue());
    checks.close(name + " " + name_of(c), to_floats(out.read(name)), expected, 0.006, 0.004);
  };
  prefill("attention", prefill_attention);
  if (has_tensor_core_attention(c.shape.head_dim)) prefill("plain attention", plain_attention);

  const std::string name = "decode attention " + name_of(c);
  const std::size_t last = c.start + c.count - 1;
  Buffer<float> scratch(checks, decode_scratch_floats(c.shape, u32(last + 1)));
  Buffer<std::uint16_t> out(checks, width);
  decode_attention(queries.data() + (c.count - 1) * c.shape.width(), c.shape, in.pages.view(), scratch.data(),
                   out.data(), u32(last), checks.queue());
  checks.close(name, to_floats(out.read(name)), std::span(expected).subspan((c.count - 1) * width), 0.006, 0.004);
  scratch.read(name);
}

/// The chunk in two parts gives the bits that it gives as a whole.
void check_cut(Checks& checks, const Case& c, std::size_t cut) {
  const std::string name = "attention cut at " + std::to_string(cut) + " " + name_of(c);
  const Inputs in(checks, c);
  const std::size_t width = c.shape.heads * std::size_t{c.shape.head_dim};
  Buffer<std::uint16_t> queries(checks, in.rows);
  Buffer<std::uint16_t> whole(checks, c.count * width);
  Buffer<std::uint16_t> parts(checks, c.count * width);
  prefill_attention(queries.data(), c.shape, in.pages.view(), whole.data(), u32(c.start), u32(c.count), checks.queue());
  prefill_attention(queries.data(), c.shape, in.pages.view(), parts.data(), u32(c.start), u32(cut), checks.queue());
  prefill_attention(queries.data() + cut * c.shape.width(), c.shape, in.pages.view(), parts.data() + cut * width,
                    u32(c.start + cut), u32(c.count - cut), checks.queue());
  checks.equal(name, parts.read(name), whole.read(name));
}

}  // namespace

void check_attention(Checks& checks) {
  const HeadShape shapes[] = {{1, 1, 64}, {3, 1, 64}, {4, 4, 128}, {8, 2, 128}, {8, 1, 64},
                              {3, 3, 80}, {4, 1, 24}, {2, 1, 192}, {1, 1, 520}};
  for (const HeadShape& shape : shapes) {
    for (std::size_t count : {1, 15, 16, 17, 63, 65}) {
      check_case(checks, {shape, 0, count, 16, KvLayout::kNhd});
      check_case(checks, {shape, 48, count, 32, KvLayout::kHnd});
    }
    check_case(checks, {shape, 129, 70, 64, KvLayout::kNhd});
    check_case(checks, {shape, 1000, 3, 48, KvLayout::kHnd});
  }
  check_case(checks, {{4, 1, 128}, 0, 333, 16, KvLayout::kNhd});
  check_case(checks, {{4, 1, 64}, 200, 333, 64, KvLayout::kHnd});
  check_case(checks, {{2, 2, 128}, 5000, 2, 16, KvLayout::kNhd});
  for (std::size_t cut : {1, 16, 100, 128, 200, 332}) {
    check_cut(checks, {{4, 2, 128}, 0, 333, 16, KvLayout::kNhd}, cut);
    check_cut(checks, {{4, 2, 64}, 77, 333, 32, KvLayout::kHnd}, cut);
    check_cut(checks, {{3, 1, 80}, 5, 333, 16, KvLayout::kNhd}, cut);
  }
}

}  // namespace kvp2p::engine::cuda::checks
