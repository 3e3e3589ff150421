// Codecs on the processor, on a real model's KV and on random numbers: ratio, rate, error; and what they do to the
// model's next tokens.
#include "bench/codec/model_kv.h"
#include "bench/figures.h"
#include "codec/byte_planes.h"
#include "codec/head_slice_codec.h"
#include "codec/scalar.h"
#include "engine/matmul.h"
#include "engine/token_file.h"

#include <CLI/CLI.hpp>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

namespace {

using namespace kvp2p;
using namespace kvp2p::bench;

constexpr Codec kCodecs[] = {Codec::kInt8, Codec::kFp8, Codec::kInt4};
constexpr int kRounds = 7;
constexpr int kNotRun = 77;

/// Wire order, bf16.
struct Sample {
  std::string name;
  std::uint32_t head_dim = 0;
  base::Bytes bytes;
};

base::Bytes to_bf16(base::ConstBytes f32) {
  base::Bytes out(f32.size() / 2);
  for (std::size_t i = 0; i < out.size() / 2; ++i) {
    float value = 0;
    std::memcpy(&value, f32.data() + 4 * i, 4);
    const std::uint16_t bits = coding::bf16_from_f32(value);
    std::memcpy(out.data() + 2 * i, &bits, 2);
  }
  return out;
}

Sample random_sample() {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 1);
  base::Bytes f32(std::size_t{64} << 20);
  for (std::size_t i = 0; i < f32.size(); i += 4) {
    const float value = normal(random);
    std::memcpy(f32.data() + i, &value, 4);
  }
  return {"random, normal", 128, to_bf16(f32)};
}

double bf16_at(const base::Bytes& bytes, std::size_t index) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, bytes.data() + 2 * index, 2);
  return coding::f32_from_bf16(bits);
}

void print_lossy(const Sample& sample) {
  std::printf("\n%s, %.1f MB of bf16, head_dim %u; one thread, rates of the uncoded bytes, medians of %d\n",
              sample.name.c_str(), static_cast<double>(sample.bytes.size()) / 1e6, sample.head_dim, kRounds);
  std::printf("%-6s %7s %12s %12s %12s %10s\n", "codec", "ratio", "encode GB/s", "decode GB/s", "cosine", "SNR dB");
  for (const Codec codec : kCodecs) {
    const CodedShape shape{codec, ElementType::kBf16, sample.head_dim, 2 * kBlockTokens};
    base::Bytes coded(sample.bytes.size() / shape.engine_bytes() * shape.coded_bytes()), back(sample.bytes.size());
    std::vector<double> encode, decode;
    for (int i = 0; i < kRounds; ++i) {
      encode.push_back(seconds_of([&] { encode_head_slices(shape, sample.bytes, coded); }));
      decode.push_back(seconds_of([&] { decode_head_slices(shape, coded, back); }));
    }
    double dot = 0, was_square = 0, is_square = 0, error_square = 0;
    for (std::size_t i = 0; i < back.size() / 2; ++i) {
      const double was = bf16_at(sample.bytes, i), is = bf16_at(back, i);
      dot += was * is;
      was_square += was * was;
      is_square += is * is;
      error_square += (was - is) * (was - is);
    }
    const double gigabytes = static_cast<double>(sample.bytes.size()) / 1e9;
    std::printf("%-6s %7.3f %12.2f %12.2f %12.8f %10.2f%s\n", std::string(name_of(codec)).c_str(),
                static_cast<double>(sample.bytes.size()) / static_cast<double>(coded.size()),
                gigabytes / median(encode), gigabytes / median(decode), dot / std::sqrt(was_square * is_square),
                10 * std::log10(was_square / error_square), is_sound(shape, coded) ? "" : "  UNSOUND");
  }
}

void print_lossless(const Sample& sample) {
  constexpr std::size_t kFrameBytes = 256u << 10;
  std::printf("\nlossless, in frames of %zu KiB\n%-6s %7s %14s %16s\n", kFrameBytes >> 10, "with", "ratio",
              "compress GB/s", "decompress GB/s");
  for (const auto& [name, with] : {std::pair{"zstd", Compressor::kZstd}, std::pair{"LZ4", Compressor::kLz4}}) {
    std::vector<double> compress, decompress;
    std::size_t sent = 0;
    for (int round = 0; round < 3; ++round) {
      std::vector<std::optional<base::Bytes>> frames;
      compress.push_back(seconds_of([&] {
        for (std::size_t at = 0; at < sample.bytes.size(); at += kFrameBytes) {
          const auto frame =
              base::ConstBytes(sample.bytes).subspan(at, std::min(kFrameBytes, sample.bytes.size() - at));
          frames.push_back(compress_planes(frame, ElementType::kBf16, with));
        }
      }));
      base::Bytes back(sample.bytes.size());
      decompress.push_back(seconds_of([&] {
        for (std::size_t i = 0; i < frames.size(); ++i) {
          const std::size_t at = i * kFrameBytes, bytes = std::min(kFrameBytes, back.size() - at);
          if (!frames[i]) {
            std::memcpy(back.data() + at, sample.bytes.data() + at, bytes);
          } else if (!decompress_planes(*frames[i], ElementType::kBf16, base::MutableBytes(back).subspan(at, bytes))) {
            std::fprintf(stderr, "codec_bench: a frame does not decompress\n");
            std::exit(1);
          }
        }
      }));
      if (back != sample.bytes) std::fprintf(stderr, "codec_bench: a frame came back changed\n"), std::exit(1);
      sent = 0;
      for (std::size_t i = 0; i < frames.size(); ++i) {
        sent += frames[i] ? frames[i]->size() : std::min(kFrameBytes, back.size() - i * kFrameBytes);
      }
    }
    const double gigabytes = static_cast<double>(sample.bytes.size()) / 1e9;
    std::printf("%-6s %7.3f %14.2f %16.2f\n", name,
                static_cast<double>(sample.bytes.size()) / static_cast<double>(sent), gigabytes / median(compress),
                gigabytes / median(decompress));
  }
}

void print_quality(ModelKv& kv) {
  std::printf("\n%-6s %11s %12s %12s %12s %12s\n", "codec", "perplexity", "KL, nats", "logit mean", "logit max",
              "same argmax");
  for (const Codec codec : {Codec::kNone, Codec::kInt8, Codec::kFp8, Codec::kInt4}) {
    const Quality q = kv.quality(codec);
    std::printf("%-6s %11.4f %12.3e %12.3e %12.3e %6zu of %zu\n", std::string(name_of(codec)).c_str(), q.perplexity,
                q.divergence, q.logit_mean, q.logit_max, q.same_argmax, q.tokens);
    if (codec == Codec::kNone) std::printf("       (the logits span %.2f)\n", q.logit_range);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Codecs: ratio, rate, error, and what they do to a model");
  std::string model = ".cache/models/smollm2-135m";
  std::size_t prefix = 768;
  app.add_option("--model", model, "model folder with tokens.txt")->capture_default_str();
  app.add_option("--prefix", prefix, "tokens whose KV is coded; the model goes on with the rest of the text")
      ->capture_default_str();
  std::string dump;
  app.add_option("--dump", dump, "write the model's KV as bf16 in wire order to this file, and measure nothing");
  CLI11_PARSE(app, argc, argv);

  if (dump.empty()) {
    const Sample random = random_sample();
    print_lossy(random);
    print_lossless(random);
  }
  if (!std::filesystem::exists(model + "/.complete")) {
    std::printf("%snot run: %s is not there; scripts/model/fetch_model.sh makes it\n",
                dump.empty() ? "\nreal KV: " : "", model.c_str());
    return dump.empty() ? 0 : kNotRun;
  }
  engine::set_blas_threads(0);
  auto loaded = engine::load_model(model);
  auto text = engine::read_token_file(model + "/tokens.txt");
  if (!loaded || !text) return std::fprintf(stderr, "codec_bench: cannot load %s\n", model.c_str()), 1;
  if (prefix == 0 || prefix % kBlockTokens != 0 || prefix + 1 >= text->size()) {
    return std::fprintf(stderr, "codec_bench: --prefix is a multiple of 16 below %zu\n", text->size() - 1), 2;
  }
  ModelKv kv(*loaded, *text, prefix);
  const Sample real{"KV of " + model, static_cast<std::uint32_t>(loaded->config.head_dim), to_bf16(kv.in_wire_order())};
  if (!dump.empty()) {
    std::ofstream file(dump, std::ios::binary);
    file.write(reinterpret_cast<const char*>(real.bytes.data()), static_cast<std::streamsize>(real.bytes.size()));
    return file.good() ? 0 : (std::fprintf(stderr, "codec_bench: cannot write %s\n", dump.c_str()), 1);
  }
  print_lossy(real);
  print_lossless(real);
  std::printf("\n%s: KV (f32) of the first %zu tokens of its tokens.txt coded, the other %zu taken in after it\n",
              model.c_str(), prefix, text->size() - prefix);
  print_quality(kv);
  return 0;
}
