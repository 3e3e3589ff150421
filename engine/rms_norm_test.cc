#include "engine/rms_norm.h"

#include "engine/testing/numbers.h"

#include <gtest/gtest.h>

#include <cmath>

namespace kvp2p::engine {
namespace {

TEST(RmsNorm, AgreesWithTheDefinition) {
  testing::Numbers numbers(1);
  const auto in = numbers.vector(577);
  const auto weight = numbers.vector(577);
  std::vector<float> out(577);
  rms_norm(in, weight, 1e-5, out.data());
  double squares = 0;
  for (float x : in) squares += double{x} * x;
  for (std::size_t i = 0; i < in.size(); ++i) {
    EXPECT_NEAR(out[i], in[i] / std::sqrt(squares / 577 + 1e-5) * weight[i], 1e-6);
  }
}

TEST(RmsNorm, MayWorkInPlace) {
  testing::Numbers numbers(2);
  auto values = numbers.vector(64);
  const auto weight = numbers.vector(64);
  std::vector<float> apart(64);
  rms_norm(values, weight, 1e-6, apart.data());
  rms_norm(values, weight, 1e-6, values.data());
  EXPECT_EQ(values, apart);
}

TEST(RmsNorm, ZerosStayZeros) {
  std::vector<float> zeros(8);
  const std::vector<float> ones(8, 1.0f);
  rms_norm(zeros, ones, 1e-6, zeros.data());
  EXPECT_EQ(zeros, std::vector<float>(8));
}

}  // namespace
}  // namespace kvp2p::engine
