// How long the reference engine's prefill takes on a GPU, with random weights: a JSON line a figure,
//
//     {"name": "engine prefill 8b 8192", "tokens": 8192, "seconds": 0.31, "ms": 310.2, "tflops": 425.0, "note": "…"}
//
// the median of several runs after warm-ups, logits of the last token and their maximum included. Two more lines a
// length say what the products and attention take of it, each alone. Where only some layers are run, the time is scaled
// to all of them, and the note says so. Exits with 77 without a GPU or cuBLAS.
#include "bench/figures.h"
#include "engine/chunks.h"
#include "engine/cuda/cuda_backend.h"
#include "engine/engine_error.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>

namespace kvp2p::bench {
namespace {

using namespace kvp2p::engine;
using namespace kvp2p::engine::cuda;

struct Settings {
  std::string shape = "8b";
  ModelConfig config;
  std::uint32_t layers_run = 0;  // 0: all that fit
  std::vector<std::size_t> tokens = {2048, 8192};
  std::size_t chunk = kCudaChunkTokens;
  int warm_ups = 2;
  int runs = 5;
};

ModelConfig llama(std::uint32_t layers, std::uint32_t hidden, std::uint32_t heads, std::uint32_t intermediate) {
  ModelConfig c;
  c.layers = layers;
  c.hidden = hidden;
  c.heads = heads;
  c.kv_heads = 8;
  c.head_dim = 128;
  c.intermediate = intermediate;
  c.vocab = 128256;
  c.max_positions = 131072;
  c.rope_theta = 500000;
  return c;
}

void check(base::Result<> result) {
  if (!result) throw std::runtime_error(result.error().message());
}

template <class T>
T check(base::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message());
  return std::move(*result);
}

/// Wall time of a call that waits for its own work.
double median_seconds(const Settings& settings, const std::function<void()>& call) {
  for (int i = 0; i < settings.warm_ups; ++i) call();
  std::vector<double> seconds;
  for (int i = 0; i < settings.runs; ++i) {
    seconds.push_back(seconds_of(call));
  }
  return median(seconds);
}

double layer_weights(const ModelConfig& c) {
  return static_cast<double>(c.hidden) * (2.0 * c.query_width() + 2.0 * c.kv_width() + 3.0 * c.intermediate);
}

double product_flops(const ModelConfig& c, std::size_t tokens) {
  return 2.0 * static_cast<double>(tokens) * layer_weights(c) * c.layers;
}

double attention_flops(const ModelConfig& c, std::size_t tokens) {
  const auto t = static_cast<double>(tokens);
  return 2.0 * t * (t + 1) * c.query_width() * c.layers;  // two products over half the square
}

void print(const std::string& name, std::size_t tokens, double seconds, double flops, const std::string& note) {
  std::printf("{\"name\": \"%s\", \"tokens\": %zu, \"%s\": %.6f, \"ms\": %.3f, \"tflops\": %.1f, \"note\": \"%s\"}\n",
              name.c_str(), tokens, name.starts_with("engine prefill") ? "seconds" : "part_seconds", seconds,
              seconds * 1e3, flops / seconds * 1e-12, note.c_str());
  std::fflush(stdout);
}

KvPagesOptions pages_for(const ModelConfig& c, std::size_t tokens) {
  return {.layers = c.layers,
          .kv_heads = c.kv_heads,
          .head_dim = c.head_dim,
          .pages = (tokens + kPageTokensUnit - 1) / kPageTokensUnit};
}

void measure_prefill(const Settings& settings, const std::shared_ptr<const CudaModel>& model, std::size_t tokens) {
  const ModelConfig& c = model->config();
  auto backend = check(CudaBackend::create(model, tokens, settings.chunk, pages_for(c, tokens)));
  const BlockTable table = check(backend->kv().allocate(tokens));
  std::vector<Token> prompt(tokens);
  for (std::size_t i = 0; i < tokens; ++i) prompt[i] = static_cast<Token>(i * 7919 % c.vocab);
  const double run = median_seconds(settings, [&] {
    std::size_t start = 0;
    for (std::size_t end : chunk_ends(0, tokens, settings.chunk, {})) {
      check(backend->run_prompt({prompt.data() + start, end - start}, start, table, [](auto) { return true; }));
      start = end;
    }
    check(backend->next_token());
  });
  const double scale = static_cast<double>(settings.config.layers) / c.layers;
  std::string note = "all " + std::to_string(c.layers) + " layers";
  if (c.layers != settings.config.layers) {
    note = std::to_string(c.layers) + " layers timed, times " + std::to_string(settings.config.layers) + "/" +
           std::to_string(c.layers);
  }
  print("engine prefill " + settings.shape + " " + std::to_string(tokens), tokens, run * scale,
        product_flops(settings.config, tokens) + attention_flops(settings.config, tokens),
        note + ", chunks of " + std::to_string(std::min(settings.chunk, tokens)));
}

/// Products and attention of one layer for one chunk of all tokens, each alone and repeated.
class Parts {
 public:
  Parts(const ModelConfig& config, const std::shared_ptr<const CudaModel>& model, std::size_t tokens)
      : config_(config),
        layer_(model->layer(0)),
        tokens_(static_cast<std::uint32_t>(tokens)),
        stream_(check(Stream::create(model->device()))),
        cublas_(check(Cublas::create(model->device(), stream_->get()))),
        kv_(check(CudaKvCache::create(*stream_, one_layer(config, tokens)))) {
    const std::size_t widest =
        std::max<std::size_t>({config.hidden, config.query_width(), 2 * std::size_t{config.intermediate}});
    in_ = check(DeviceMemory::allocate(model->device(), tokens * widest * 2));
    out_ =
        check(DeviceMemory::allocate(model->device(), tokens * std::max<std::size_t>(widest, 2 * config.hidden) * 2));
    check(kv_->use_table(check(kv_->allocate(tokens))));
    fill_uniform(halves(in_), in_.size() / 2, 0, 1, 1.0f, stream_->get());
    fill_uniform(kv_->view(0).k, kv_->memory().bytes / 2, 0, 2, 1.0f, stream_->get());
    check(stream_->synchronize());
  }

  void run_products() {
    const std::size_t hidden = config_.hidden;
    const std::size_t up = 2 * std::size_t{config_.intermediate};
    auto* floats = static_cast<float*>(out_.data());
    for (int i = 0; i < kRepeats; ++i) {
      const bool ok =
          cublas_->multiply(halves(in_), layer_.qkv, halves(out_), tokens_, hidden, shape().width()) &&
          cublas_->multiply(halves(in_), layer_.attention_out, floats, tokens_, config_.query_width(), hidden, true) &&
          cublas_->multiply(halves(in_), layer_.gate_up, halves(out_), tokens_, hidden, up) &&
          cublas_->multiply(halves(in_), layer_.down, floats, tokens_, config_.intermediate, hidden, true);
      if (!ok) throw std::runtime_error("cuBLAS refused a product");
    }
    check(stream_->synchronize());
  }

  void run_attention() {
    for (int i = 0; i < kRepeats; ++i) {
      prefill_attention(halves(in_), shape(), kv_->view(0), halves(out_), 0, tokens_, stream_->get());
    }
    check(stream_->check_launches());
    check(stream_->synchronize());
  }

  static constexpr int kRepeats = 8;

 private:
  static KvPagesOptions one_layer(ModelConfig config, std::size_t tokens) {
    config.layers = 1;
    return pages_for(config, tokens);
  }
  static std::uint16_t* halves(const DeviceMemory& memory) { return static_cast<std::uint16_t*>(memory.data()); }
  HeadShape shape() const { return {config_.heads, config_.kv_heads, config_.head_dim}; }

  const ModelConfig config_;
  const CudaLayer layer_;
  const std::uint32_t tokens_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Cublas> cublas_;
  std::unique_ptr<CudaKvCache> kv_;
  DeviceMemory in_;
  DeviceMemory out_;
};

void measure_parts(const Settings& settings, const std::shared_ptr<const CudaModel>& model, std::size_t tokens) {
  const ModelConfig& c = settings.config;
  Parts parts(c, model, tokens);
  const double layers = static_cast<double>(c.layers) / Parts::kRepeats;
  const std::string what = " of engine prefill " + settings.shape + " " + std::to_string(tokens);
  const std::string note = "one layer, times " + std::to_string(c.layers);
  print("products" + what, tokens, layers * median_seconds(settings, [&] { parts.run_products(); }),
        product_flops(c, tokens), note);
  print("attention" + what, tokens, layers * median_seconds(settings, [&] { parts.run_attention(); }),
        attention_flops(c, tokens), note);
}

int run(const Settings& settings) {
  int devices = 0;
  if (kvc_device_count(&devices) != KVC_OK || devices == 0) {
    std::printf("not run: no GPU: %s\n", kvc_last_error());
    return 77;
  }
  const DeviceScope scope(0);
  {
    const auto stream = check(Stream::create(0));
    if (auto cublas = Cublas::create(0, stream->get()); !cublas && cublas.error() == EngineError::kNoCublas) {
      std::printf("not run: %s\n", cublas.error().message().c_str());
      return 77;
    }
  }
  SyntheticSpec spec{.config = settings.config, .seed = 1};
  if (settings.layers_run > 0) spec.config.layers = std::min(settings.layers_run, spec.config.layers);
  const auto model = check(CudaModel::make_synthetic(0, spec));
  for (std::size_t tokens : settings.tokens) {
    measure_prefill(settings, model, tokens);
    measure_parts(settings, model, tokens);
  }
  return 0;
}

}  // namespace
}  // namespace kvp2p::bench

int main(int argc, char** argv) {
  using namespace kvp2p::bench;
  Settings settings;
  kvp2p::engine::ModelConfig given;
  bool quick = false;
  CLI::App app("Times the reference engine's prefill on a GPU.", "engine_prefill_bench");
  app.add_option("--shape", settings.shape, "8b or 70b (Llama 3)")->check(CLI::IsMember({"8b", "70b"}));
  app.add_option("--layers", given.layers, "instead of the shape's; likewise the next");
  app.add_option("--hidden", given.hidden);
  app.add_option("--heads", given.heads);
  app.add_option("--kv-heads", given.kv_heads);
  app.add_option("--head-dim", given.head_dim);
  app.add_option("--intermediate", given.intermediate);
  app.add_option("--vocab", given.vocab);
  app.add_option("--tokens", settings.tokens, "lengths of prompts");
  app.add_option("--layers-run", settings.layers_run, "run only so many layers and scale; 70b: 8, for memory");
  app.add_option("--chunk-tokens", settings.chunk)->check(CLI::Range(16, 1 << 17));
  app.add_option("--runs", settings.runs)->check(CLI::Range(1, 1000));
  app.add_flag("--quick", quick, "one run of a few layers");
  CLI11_PARSE(app, argc, argv);
  settings.config = settings.shape == "8b" ? llama(32, 4096, 32, 14336) : llama(80, 8192, 64, 28672);
  if (settings.shape == "70b" && settings.layers_run == 0) settings.layers_run = 8;
  auto& c = settings.config;
  for (auto [to, from] :
       {std::pair(&c.layers, given.layers), std::pair(&c.hidden, given.hidden), std::pair(&c.heads, given.heads),
        std::pair(&c.kv_heads, given.kv_heads), std::pair(&c.head_dim, given.head_dim),
        std::pair(&c.intermediate, given.intermediate), std::pair(&c.vocab, given.vocab)}) {
    if (from > 0) *to = from;
  }
  if (quick) settings.runs = 1, settings.warm_ups = 1, settings.layers_run = 2;
  if (auto ok = kvp2p::engine::check_model_config(c); !ok) {
    return std::fprintf(stderr, "engine_prefill_bench: %s\n", ok.error().message().c_str()), 2;
  }
  try {
    return run(settings);
  } catch (const std::runtime_error& error) {
    return std::printf("FAILED: %s\n", error.what()), 1;
  }
}
