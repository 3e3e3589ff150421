#include "engine/attention.h"

#include "engine/testing/numbers.h"

#include <gtest/gtest.h>

#include <cmath>

namespace kvp2p::engine {
namespace {

constexpr std::size_t kTokens = 75;
constexpr std::size_t kDim = 8;
constexpr std::size_t kHeads = 6;
constexpr std::size_t kKvHeads = 2;

ModelConfig shape() {
  ModelConfig config;
  config.heads = kHeads;
  config.kv_heads = kKvHeads;
  config.head_dim = kDim;
  return config;
}

/// Random Q, K and V of kTokens tokens.
struct Inputs {
  Inputs() {
    testing::Numbers numbers(5);
    queries = numbers.vector(kTokens * kHeads * kDim);
    for (float& q : queries) q *= 8;
    keys = numbers.vector(kTokens * kKvHeads * kDim);
    values = numbers.vector(kTokens * kKvHeads * kDim);
  }
  std::vector<float> queries, keys, values;
};

/// The definition, in double precision: one token and head.
std::vector<double> reference(const Inputs& in, std::size_t token, std::size_t head) {
  const std::size_t kv_head = head / (kHeads / kKvHeads);
  std::vector<double> weights;
  double sum = 0;
  for (std::size_t t = 0; t <= token; ++t) {
    double score = 0;
    for (std::size_t d = 0; d < kDim; ++d) {
      score += double{in.queries[(token * kHeads + head) * kDim + d]} * in.keys[(t * kKvHeads + kv_head) * kDim + d];
    }
    weights.push_back(std::exp(score / std::sqrt(double{kDim})));
    sum += weights.back();
  }
  std::vector<double> out(kDim);
  for (std::size_t t = 0; t <= token; ++t) {
    for (std::size_t d = 0; d < kDim; ++d) out[d] += weights[t] / sum * in.values[(t * kKvHeads + kv_head) * kDim + d];
  }
  return out;
}

/// Attention of tokens [start, end), given all before: [token][head][dim].
std::vector<float> attend(const Inputs& in, KvLayout layout, std::size_t start, std::size_t end, std::size_t tile) {
  PagedKvCache kv(
      {.layers = 2, .kv_heads = kKvHeads, .head_dim = kDim, .pages = 16, .page_tokens = 16, .layout = layout});
  const BlockTable unused = kv.allocate(3 * 16).value();
  BlockTable table = kv.allocate(16).value();
  kv.release(unused);
  EXPECT_TRUE(kv.extend(table, kTokens));
  for (std::size_t t = 0; t < end; ++t) {
    kv.write(1, KvPlane::kKeys, table, t, in.keys.data() + t * kKvHeads * kDim);
    kv.write(1, KvPlane::kValues, table, t, in.values.data() + t * kKvHeads * kDim);
  }
  const Batch batch{.start = start, .count = end - start, .tile = tile, .hidden = {}};
  std::vector<float> queries(batch.rows() * kHeads * kDim, 0.5f);
  std::copy_n(in.queries.begin() + static_cast<std::ptrdiff_t>(start * kHeads * kDim), batch.count * kHeads * kDim,
              queries.begin() + static_cast<std::ptrdiff_t>(batch.front() * kHeads * kDim));
  std::vector<float> out(queries.size());
  const ModelConfig config = shape();
  Attention(config).run(batch, 1, kv, table, queries.data(), kHeads * kDim, out.data());
  const auto first = out.begin() + static_cast<std::ptrdiff_t>(batch.front() * kHeads * kDim);
  return {first, first + static_cast<std::ptrdiff_t>(batch.count * kHeads * kDim)};
}

void expect_reference(const Inputs& in, const std::vector<float>& out, std::size_t start) {
  for (std::size_t i = 0; i < out.size() / (kHeads * kDim); ++i) {
    for (std::size_t head = 0; head < kHeads; ++head) {
      const auto expected = reference(in, start + i, head);
      for (std::size_t d = 0; d < kDim; ++d) ASSERT_NEAR(out[(i * kHeads + head) * kDim + d], expected[d], 2e-6);
    }
  }
}

TEST(Attention, AgreesWithTheDefinition) {
  const Inputs in;
  expect_reference(in, attend(in, KvLayout::kNhd, 0, kTokens, 48), 0);
  expect_reference(in, attend(in, KvLayout::kHnd, 32, kTokens, 48), 32);
  expect_reference(in, attend(in, KvLayout::kNhd, kTokens - 1, kTokens, 1), kTokens - 1);
}

TEST(Attention, LayoutsGiveEqualBits) {
  const Inputs in;
  EXPECT_EQ(attend(in, KvLayout::kNhd, 0, kTokens, 48), attend(in, KvLayout::kHnd, 0, kTokens, 48));
  EXPECT_EQ(attend(in, KvLayout::kNhd, 64, 65, 1), attend(in, KvLayout::kHnd, 64, 65, 1));
}

TEST(Attention, BatchesGiveEqualBits) {
  const Inputs in;
  const auto whole = attend(in, KvLayout::kNhd, 0, kTokens, 48);
  for (std::size_t start : {16, 32, 48, 64}) {
    const auto tail = attend(in, KvLayout::kNhd, start, kTokens, 48);
    EXPECT_TRUE(std::equal(tail.begin(), tail.end(), whole.end() - static_cast<std::ptrdiff_t>(tail.size()))) << start;
    const auto head = attend(in, KvLayout::kNhd, 0, start, 48);
    EXPECT_TRUE(std::equal(head.begin(), head.end(), whole.begin())) << start;
  }
}

TEST(Softmax, HidesWhatMustNotBeSeen) {
  float scores[] = {1000, 1001, 5000, 6000};
  softmax_causal(scores, 2, 4);
  EXPECT_NEAR(scores[0], 1 / (1 + std::exp(1.0)), 1e-6);
  EXPECT_NEAR(scores[0] + scores[1], 1, 1e-6);
  EXPECT_EQ(scores[2], 0);
  EXPECT_EQ(scores[3], 0);
}

}  // namespace
}  // namespace kvp2p::engine
