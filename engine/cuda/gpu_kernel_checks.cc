// Kernels that work on rows, the products, and RoPE with its write to the pages.
#include "engine/cuda/cublas.h"
#include "engine/cuda/gpu_checks.h"
#include "engine/rope.h"
#include "engine/testing/numbers.h"

#include <algorithm>
#include <cmath>

namespace kvp2p::engine::cuda::checks {
namespace {

using testing::Numbers;

/// bf16 keeps 8 bits: half a unit of the last place, and some for sums in another order.
constexpr double kBf16Relative = 0.0045;

std::string sized(const std::string& name, std::size_t a, std::size_t b) {
  return name + " " + std::to_string(a) + "x" + std::to_string(b);
}

void check_embed(Checks& checks, std::size_t count, std::size_t width) {
  const std::string name = sized("embed", count, width);
  Numbers numbers(count + width);
  const auto table = to_bf16s(numbers.vector(50 * width));
  const auto tokens = numbers.tokens(count, 50);
  Buffer<std::uint16_t> table_there(checks, table);
  Buffer<std::uint32_t> tokens_there(checks, tokens);
  Buffer<float> out(checks, count * width);
  embed(tokens_there.data(), table_there.data(), out.data(), static_cast<std::uint32_t>(count),
        static_cast<std::uint32_t>(width), checks.queue());
  std::vector<float> expected;
  for (std::uint32_t token : tokens) {
    for (std::size_t i = 0; i < width; ++i) expected.push_back(to_float(table[token * width + i]));
  }
  checks.close(name, out.read(name), expected, 0, 0);
}

void check_rms_norm(Checks& checks, std::size_t rows, std::size_t width) {
  const std::string name = sized("rms_norm", rows, width);
  Numbers numbers(rows * 3 + width);
  const auto in = numbers.vector(rows * width);
  const auto weight = numbers.vector(width);
  Buffer<float> in_there(checks, in);
  Buffer<float> weight_there(checks, weight);
  Buffer<std::uint16_t> out(checks, rows * width);
  rms_norm(in_there.data(), weight_there.data(), out.data(), static_cast<std::uint32_t>(rows),
           static_cast<std::uint32_t>(width), 1e-5f, checks.queue());
  std::vector<float> expected;
  for (std::size_t row = 0; row < rows; ++row) {
    double squares = 0;
    for (std::size_t i = 0; i < width; ++i) squares += static_cast<double>(in[row * width + i]) * in[row * width + i];
    const double scale = 1 / std::sqrt(squares / static_cast<double>(width) + 1e-5);
    for (std::size_t i = 0; i < width; ++i) {
      expected.push_back(static_cast<float>(in[row * width + i] * scale * weight[i]));
    }
  }
  checks.close(name, to_floats(out.read(name)), expected, kBf16Relative, 1e-6);
}

void check_swiglu(Checks& checks, std::size_t rows, std::size_t width) {
  const std::string name = sized("swiglu", rows, width);
  Numbers numbers(rows * 5 + width);
  auto values = numbers.vector(rows * 2 * width);
  for (float& x : values) x *= 6;
  const auto in = to_bf16s(values);
  Buffer<std::uint16_t> in_there(checks, in);
  Buffer<std::uint16_t> out(checks, rows * width);
  swiglu(in_there.data(), out.data(), static_cast<std::uint32_t>(rows), static_cast<std::uint32_t>(width),
         checks.queue());
  std::vector<float> expected;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < width; ++i) {
      const double gate = to_float(in[row * 2 * width + i]);
      const double up = to_float(in[row * 2 * width + width + i]);
      expected.push_back(static_cast<float>(gate / (1 + std::exp(-gate)) * up));
    }
  }
  checks.close(name, to_floats(out.read(name)), expected, kBf16Relative, 1e-5);
}

void check_argmax(Checks& checks, std::size_t count, std::size_t best) {
  const std::string name = "argmax of " + std::to_string(count) + " at " + std::to_string(best);
  Numbers numbers(count);
  auto scores = numbers.vector(count);
  scores[best] = 2;
  for (std::size_t i = best + 1; i < count; i += 97) scores[i] = 2;  // as high, but later
  Buffer<float> there(checks, scores);
  Buffer<std::uint32_t> out(checks, 1);
  argmax(there.data(), static_cast<std::uint32_t>(count), out.data(), checks.queue());
  const auto got = out.read(name)[0];
  checks.say(name, got == best, got == best ? "" : "got " + std::to_string(got));
}

void check_rounding(Checks& checks, std::size_t count) {
  const std::string name = "round_to_bf16 " + std::to_string(count);
  Numbers numbers(count);
  auto values = numbers.vector(count);
  if (count > 3) values[1] = 1.00390625f, values[2] = 1.01171875f, values[3] = -0.0f;  // ties, and a zero
  Buffer<float> there(checks, values);
  Buffer<std::uint16_t> out(checks, count);
  round_to_bf16(there.data(), out.data(), count, checks.queue());
  checks.equal(name, out.read(name), to_bf16s(values));
}

void check_product(Checks& checks, Cublas& cublas, std::size_t rows, std::size_t inputs, std::size_t outputs) {
  const std::string name = sized(sized("product", rows, inputs) + " by", inputs, outputs);
  Numbers numbers(rows + inputs + outputs);
  const auto in = to_bf16s(numbers.vector(rows * inputs));
  const auto weights = to_bf16s(numbers.vector(outputs * inputs));
  const auto before = numbers.vector(rows * outputs);
  std::vector<float> expected;
  std::vector<float> expected_sum;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t j = 0; j < outputs; ++j) {
      double sum = 0;
      for (std::size_t i = 0; i < inputs; ++i) {
        sum += static_cast<double>(to_float(in[row * inputs + i])) * to_float(weights[j * inputs + i]);
      }
      expected.push_back(static_cast<float>(sum));
      expected_sum.push_back(static_cast<float>(sum + before[row * outputs + j]));
    }
  }
  Buffer<std::uint16_t> in_there(checks, in);
  Buffer<std::uint16_t> weights_there(checks, weights);
  Buffer<std::uint16_t> out(checks, rows * outputs);
  Buffer<float> out_floats(checks, rows * outputs);
  Buffer<float> sums(checks, before);
  const bool ok =
      cublas.multiply(in_there.data(), weights_there.data(), out.data(), rows, inputs, outputs) &&
      cublas.multiply(in_there.data(), weights_there.data(), out_floats.data(), rows, inputs, outputs, false) &&
      cublas.multiply(in_there.data(), weights_there.data(), sums.data(), rows, inputs, outputs, true);
  if (!ok) return checks.say(name, false, "cuBLAS refused");
  const double rounding = 1e-5 * std::sqrt(static_cast<double>(inputs));
  checks.close(name + " bf16", to_floats(out.read(name)), expected, kBf16Relative, rounding);
  checks.close(name + " fp32", out_floats.read(name), expected, 1e-5, rounding);
  checks.close(name + " added", sums.read(name), expected_sum, 1e-5, rounding);
}

struct RopeCase {
  HeadShape shape;
  std::size_t start;
  std::size_t count;
  std::size_t page_tokens;
  KvLayout layout;
};

std::string name_of(const RopeCase& c) {
  return "rope heads " + std::to_string(c.shape.heads) + "/" + std::to_string(c.shape.kv_heads) + " dim " +
         std::to_string(c.shape.head_dim) + " tokens [" + std::to_string(c.start) + ", " +
         std::to_string(c.start + c.count) + ") pages of " + std::to_string(c.page_tokens) +
         (c.layout == KvLayout::kNhd ? " NHD" : " HND");
}

void check_rope_case(Checks& checks, const RopeCase& c) {
  const std::string name = name_of(c);
  const HeadShape& shape = c.shape;
  const std::size_t dim = shape.head_dim;
  ModelConfig config;
  config.head_dim = shape.head_dim;
  config.rope_scaling =
      Llama3RopeScaling{.factor = 8, .low_freq_factor = 1, .high_freq_factor = 4, .original_max_positions = 128};
  const Rope rope(config, c.start + c.count);
  Numbers numbers(c.start + c.count * 3 + dim);
  const auto qkv = to_bf16s(numbers.vector(c.count * shape.width()));
  TestPages pages(checks, shape, c.start + c.count, c.page_tokens, c.layout);
  Buffer<std::uint16_t> qkv_there(checks, qkv);
  Buffer<float> cosines(checks, {rope.cosines().begin(), rope.cosines().end()});
  Buffer<float> sines(checks, {rope.sines().begin(), rope.sines().end()});
  rope_and_store(qkv_there.data(), shape, pages.view(), cosines.data(), sines.data(),
                 static_cast<std::uint32_t>(c.start), static_cast<std::uint32_t>(c.count), checks.queue());
  std::vector<float> turned = to_floats(qkv);
  std::vector<float> queries;
  std::vector<float> expected_k = to_floats(pages.k_host);
  std::vector<float> expected_v = to_floats(pages.v_host);
  for (std::size_t t = 0; t < c.count; ++t) {
    float* row = turned.data() + t * shape.width();
    for (std::size_t head = 0; head < shape.heads + shape.kv_heads; ++head) rope.apply(row + head * dim, c.start + t);
    queries.insert(queries.end(), row, row + shape.heads * dim);
    for (std::size_t head = 0; head < shape.kv_heads; ++head) {
      const float* key = row + (shape.heads + head) * dim;
      std::copy_n(key, dim, expected_k.begin() + static_cast<std::ptrdiff_t>(pages.at(c.start + t, head)));
      std::copy_n(key + shape.kv_heads * dim, dim,
                  expected_v.begin() + static_cast<std::ptrdiff_t>(pages.at(c.start + t, head)));
    }
  }
  // What was not written is NaN still, and NaN equals nothing: give both sides a number that means it.
  const auto marked = [](std::vector<float> values) {
    for (float& x : values) x = std::isnan(x) ? 12345.0f : x;
    return values;
  };
  const auto got = to_floats(qkv_there.read(name));
  std::vector<float> got_queries;
  for (std::size_t t = 0; t < c.count; ++t) {
    const auto row = got.begin() + static_cast<std::ptrdiff_t>(t * shape.width());
    got_queries.insert(got_queries.end(), row, row + static_cast<std::ptrdiff_t>(shape.heads * dim));
  }
  checks.close(name + " queries", got_queries, queries, kBf16Relative, 1e-3);
  checks.close(name + " keys", marked(to_floats(pages.k->read(name))), marked(expected_k), kBf16Relative, 1e-3);
  checks.close(name + " values", marked(to_floats(pages.v->read(name))), marked(expected_v), 0, 0);

  Buffer<std::uint16_t> gathered(checks, c.count * dim);
  pages.v_host = pages.v->read(name);
  const auto head = shape.kv_heads - 1;
  if (c.start > 0) return;
  gather_head(pages.view(), pages.view().v, head, shape.head_dim, static_cast<std::uint32_t>(c.count), gathered.data(),
              checks.queue());
  std::vector<std::uint16_t> expected_head;
  for (std::size_t t = 0; t < c.count; ++t) {
    const auto from = pages.v_host.begin() + static_cast<std::ptrdiff_t>(pages.at(t, head));
    expected_head.insert(expected_head.end(), from, from + static_cast<std::ptrdiff_t>(dim));
  }
  checks.equal(name + " gather_head", gathered.read(name), expected_head);
}

}  // namespace

void check_rows(Checks& checks) {
  for (std::size_t rows : {1, 17, 333}) {
    for (std::size_t width : {1, 8, 63, 256, 2050}) {
      check_embed(checks, rows, width);
      check_rms_norm(checks, rows, width);
      check_swiglu(checks, rows, width);
    }
  }
  check_rms_norm(checks, 3, 4096);
  check_swiglu(checks, 2, 14336);
  check_argmax(checks, 1, 0);
  check_argmax(checks, 31, 30);
  check_argmax(checks, 1000, 0);
  check_argmax(checks, 1025, 1024);
  check_argmax(checks, 128256, 100000);
  for (std::size_t count : {1, 4, 255, 100001}) check_rounding(checks, count);
}

void check_products(Checks& checks) {
  auto cublas = Cublas::create(checks.stream().device(), checks.queue());
  if (!cublas) return checks.say("cuBLAS", false, cublas.error().message());
  std::printf("cuBLAS: %s\n", cublas_path().c_str());
  for (std::size_t rows : {1, 2, 15, 16, 17, 63, 65, 333}) {
    check_product(checks, **cublas, rows, 64, 48);
    check_product(checks, **cublas, rows, 160, 96);
    check_product(checks, **cublas, rows, 100, 34);
  }
  check_product(checks, **cublas, 65, 2048, 512);
}

void check_rope(Checks& checks) {
  const HeadShape shapes[] = {{4, 2, 64}, {8, 1, 128}, {3, 3, 80}, {6, 2, 24}, {1, 1, 6}};
  for (const HeadShape& shape : shapes) {
    for (KvLayout layout : {KvLayout::kNhd, KvLayout::kHnd}) {
      for (std::size_t page_tokens : {16, 32, 48, 64}) {
        check_rope_case(checks, {shape, 0, 17, page_tokens, layout});
        check_rope_case(checks, {shape, 35, 65, page_tokens, layout});
      }
    }
  }
  check_rope_case(checks, {{32, 8, 128}, 0, 333, 16, KvLayout::kNhd});
  check_rope_case(checks, {{1, 1, 64}, 15, 1, 16, KvLayout::kHnd});
}

}  // namespace kvp2p::engine::cuda::checks
