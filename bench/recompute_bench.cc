// One run, interleaved, medians: getting a prompt's KV from another process, and recomputing it with the reference
// engine. What a get reaches beside plain TCP is bench/network's.
#include "base/child_process.h"
#include "base/log.h"
#include "bench/bench_node.h"
#include "bench/figures.h"
#include "engine/matmul.h"
#include "engine/model_loader.h"
#include "engine/token_file.h"
#include "engine/transformer.h"

#include <CLI/CLI.hpp>

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <iostream>

namespace {

using namespace kvp2p;
using namespace kvp2p::bench;

struct Arguments {
  bool serve = false;
  std::string model;
  std::string token_file;
  std::string config_dir;
  std::string cluster_key;
  KvShape shape;
  std::uint32_t tokens = 512;
  std::uint32_t chunk = 192;
  int rounds = 7;
};

/// The producer's process: serves the KV until it is told to stop.
int serve(const Arguments& arguments) {
  BenchNode node(arguments.shape, arguments.cluster_key, arguments.config_dir);
  node.publish();
  std::printf("%s\n", node.node().addresses().at(0).to_text().c_str());
  std::fflush(stdout);
  for (;;) ::pause();
}

/// Prefill of the whole prompt, cache off.
class Recompute {
 public:
  Recompute(engine::Model model, std::vector<engine::Token> tokens, std::size_t chunk)
      : model_(std::move(model)),
        tokens_(std::move(tokens)),
        chunk_(chunk),
        transformer_(model_, tokens_.size()),
        kv_({.layers = model_.config.layers,
             .kv_heads = model_.config.kv_heads,
             .head_dim = model_.config.head_dim,
             .pages = tokens_.size() / engine::kPageTokensUnit + 1}),
        table_(kv_.allocate(tokens_.size()).value()) {}

  const engine::ModelConfig& config() const { return model_.config; }

  void run() {
    for (std::size_t start = 0; start < tokens_.size(); start += chunk_) {
      const std::size_t count = std::min(chunk_, tokens_.size() - start);
      auto batch = transformer_.embed_prompt({tokens_.data() + start, count}, start);
      for (std::size_t layer = 0; layer < model_.config.layers; ++layer)
        transformer_.run_layer(batch, layer, kv_, table_);
    }
  }

 private:
  const engine::Model model_;
  const std::vector<engine::Token> tokens_;
  const std::size_t chunk_;
  engine::Transformer transformer_;
  engine::PagedKvCache kv_;
  engine::BlockTable table_;
};

std::unique_ptr<Recompute> load_recompute(const Arguments& arguments) {
  auto tokens = engine::read_token_file(arguments.token_file);
  auto model = engine::load_model(arguments.model);
  if (!tokens || !model || tokens->size() < arguments.tokens) {
    std::cerr << "bench: cannot load " << arguments.model << " and " << arguments.tokens << " tokens of "
              << arguments.token_file << "\n";
    std::exit(1);
  }
  tokens->resize(arguments.tokens);
  return std::make_unique<Recompute>(std::move(*model), std::move(*tokens), arguments.chunk);
}

std::optional<base::ChildProcess> start_producer(const Arguments& arguments, const KvShape& shape) {
  return base::ChildProcess::start_self({"--serve", "--config-dir=" + arguments.config_dir + "/producer",
                                         "--cluster-key=" + arguments.cluster_key, "--shape",
                                         std::to_string(shape.layers), std::to_string(shape.kv_heads),
                                         std::to_string(shape.head_dim), std::to_string(shape.blocks)});
}

int run(Arguments& arguments) {
  base::Bytes key(32);
  base::random_bytes(key);
  arguments.cluster_key = base::to_hex(key);
  auto recompute = load_recompute(arguments);
  const auto& config = recompute->config();
  const KvShape shape{static_cast<std::uint32_t>(config.layers), static_cast<std::uint32_t>(config.kv_heads),
                      static_cast<std::uint32_t>(config.head_dim), arguments.tokens / kBlockTokens};
  auto producer = start_producer(arguments, shape);
  auto address = producer ? producer->read_line() : std::nullopt;
  if (!address) return std::cerr << "bench: the producer's process did not start\n", 1;
  BenchNode consumer(shape, arguments.cluster_key, arguments.config_dir + "/consumer");
  consumer.connect(*address);

  std::vector<double> get, computed;
  for (int round = -1; round < arguments.rounds; ++round) {
    bool good = true;
    const double get_seconds = seconds_of([&] { good = consumer.get_all(); });
    if (!good) return std::cerr << "bench: a fetch failed\n", 1;
    if (round < 0) continue;  // the first round warms up
    get.push_back(get_seconds);
    computed.push_back(seconds_of([&] { recompute->run(); }));
    if (isatty(STDERR_FILENO)) std::fprintf(stderr, "\r  round %d of %d ", round + 1, arguments.rounds);
  }
  if (isatty(STDERR_FILENO)) std::fprintf(stderr, "\r%30s\r", "");

  std::printf("medians of %d interleaved runs; %u layers x %u KV heads x %u, fp32, %u tokens: %.1f MB\n",
              arguments.rounds, shape.layers, shape.kv_heads, shape.head_dim, shape.blocks * kBlockTokens,
              static_cast<double>(shape.bytes()) / 1e6);
  std::printf("  KV get, two processes on loopback   %9.2f ms\n", median(get) * 1e3);
  std::printf("  recompute by the reference engine   %9.2f ms, %.1f times longer\n", median(computed) * 1e3,
              median(computed) / median(get));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("KV get against recompute: medians of interleaved runs", "recompute_bench");
  app.add_option("--model", arguments.model, "model folder");
  app.add_option("--token-file", arguments.token_file, "the prompt, one token id a line");
  app.add_option("--tokens", arguments.tokens, "tokens of the prompt")
      ->check(CLI::Range(16, 65536))
      ->capture_default_str();
  app.add_option("--rounds", arguments.rounds, "counted runs")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_flag("--serve", arguments.serve)->group("");
  app.add_option("--config-dir", arguments.config_dir)->group("");
  app.add_option("--cluster-key", arguments.cluster_key)->group("");
  std::vector<std::uint32_t> shape;
  app.add_option("--shape", shape)->expected(4)->group("");
  CLI11_PARSE(app, argc, argv);
  base::set_up_logging("warn");
  if (shape.size() == 4) arguments.shape = {shape[0], shape[1], shape[2], shape[3]};
  if (arguments.serve) return serve(arguments);
  char folder[] = "/tmp/recompute_bench.XXXXXX";
  if (mkdtemp(folder) == nullptr) return std::cerr << "bench: cannot make a folder in /tmp\n", 1;
  arguments.config_dir = folder;
  const int code = run(arguments);
  std::filesystem::remove_all(folder);
  return code;
}
