#include "engine/rope.h"

#include "engine/testing/numbers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <numbers>

namespace kvp2p::engine {
namespace {

ModelConfig config_with(std::uint32_t head_dim) {
  ModelConfig config;
  config.head_dim = head_dim;
  config.rope_theta = 10000;
  return config;
}

TEST(Rope, TurnsPairsByPositionTimesFrequency) {
  const Rope rope(config_with(8), 100);
  testing::Numbers numbers(3);
  for (std::size_t position : {0, 1, 7, 99}) {
    const auto before = numbers.vector(8);
    auto after = before;
    rope.apply(after.data(), position);
    for (std::size_t i = 0; i < 4; ++i) {
      const double angle = static_cast<double>(position) * std::pow(10000.0, -2.0 * static_cast<double>(i) / 8);
      const auto turned = std::complex<double>(before[i], before[i + 4]) * std::polar(1.0, angle);
      EXPECT_NEAR(after[i], turned.real(), 1e-6);
      EXPECT_NEAR(after[i + 4], turned.imag(), 1e-6);
    }
  }
}

TEST(Rope, ScalarProductsDependOnDistanceAlone) {
  const Rope rope(config_with(16), 64);
  testing::Numbers numbers(4);
  const auto query = numbers.vector(16);
  const auto key = numbers.vector(16);
  const auto product_at = [&](std::size_t q, std::size_t k) {
    auto a = query;
    auto b = key;
    rope.apply(a.data(), q);
    rope.apply(b.data(), k);
    double sum = 0;
    for (std::size_t i = 0; i < 16; ++i) sum += double{a[i]} * b[i];
    return sum;
  };
  EXPECT_NEAR(product_at(10, 3), product_at(57, 50), 1e-5);
  EXPECT_NEAR(product_at(5, 5), product_at(0, 0), 1e-5);
}

TEST(Rope, Llama3ScalingKeepsShortWavesAndStretchesLongOnes) {
  ModelConfig config = config_with(128);
  config.rope_theta = 500000;
  const auto plain = rope_frequencies(config);
  config.rope_scaling = Llama3RopeScaling{8, 1, 4, 8192};
  const auto scaled = rope_frequencies(config);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const double wavelength = 2 * std::numbers::pi / plain[i];
    if (wavelength < 8192.0 / 4) {
      EXPECT_EQ(scaled[i], plain[i]);
    } else if (wavelength > 8192.0) {
      EXPECT_DOUBLE_EQ(scaled[i], plain[i] / 8);
    } else {
      EXPECT_LT(scaled[i], plain[i]);
      EXPECT_GT(scaled[i], plain[i] / 8);
    }
  }
}

}  // namespace
}  // namespace kvp2p::engine
