// One run, interleaved, medians: plain loopback TCP, our KV get over noise between two processes, and recomputing the
// same prompt with the reference engine.
#include "base/child_process.h"
#include "base/log.h"
#include "bench/bench_node.h"
#include "bench/figures.h"
#include "bench/plain_tcp.h"
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

/// The producer's process: serves the KV and, beside it, plain TCP, until its standard input ends or it is told to
/// stop.
int serve(const Arguments& arguments) {
  BenchNode node(arguments.shape, arguments.cluster_key, arguments.config_dir);
  node.publish();
  auto tcp = PlainTcpServer::start();
  if (!tcp) return std::cerr << "bench: cannot listen on 127.0.0.1\n", 1;
  std::printf("%s\n%u\n", node.node().addresses().at(0).to_text().c_str(), tcp->port());
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
  if (arguments.model.empty()) return nullptr;
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

void print_row(const char* name, double seconds, double bytes, double floor) {
  std::printf("  %-44s %9.2f ms  %7.3f GB/s  %6.2f x plain TCP\n", name, seconds * 1e3, bytes / seconds / 1e9,
              floor / seconds);
}

/// Interleaved rounds over one shape; `recompute` may be null.
int measure(const Arguments& arguments, const KvShape& shape, Recompute* recompute) {
  std::vector<std::string> child_arguments = {"--serve",
                                              "--config-dir=" + arguments.config_dir + "/producer",
                                              "--cluster-key=" + arguments.cluster_key,
                                              "--shape",
                                              std::to_string(shape.layers),
                                              std::to_string(shape.kv_heads),
                                              std::to_string(shape.head_dim),
                                              std::to_string(shape.blocks)};
  auto producer = base::ChildProcess::start_self(child_arguments);
  auto address = producer ? producer->read_line() : std::nullopt;
  auto port = address ? producer->read_line() : std::nullopt;
  if (!port) return std::cerr << "bench: the producer's process did not start\n", 1;
  BenchNode consumer(shape, arguments.cluster_key, arguments.config_dir + "/consumer");
  consumer.connect(*address);
  auto tcp = PlainTcpClient::connect(static_cast<std::uint16_t>(std::stoi(*port)));
  if (!tcp) return std::cerr << "bench: cannot connect to the plain TCP server\n", 1;
  std::vector<std::uint8_t> destination(shape.bytes());

  std::vector<double> plain, get, computed;
  bool good = true;
  for (int round = -1; round < arguments.rounds; ++round) {
    const double plain_seconds = seconds_of([&] { good &= tcp->fetch(destination.data(), destination.size()); });
    const double get_seconds = seconds_of([&] { good &= consumer.get_all(); });
    if (!good) return std::cerr << "bench: a fetch failed\n", 1;
    const double recompute_seconds = recompute && round >= 0 ? seconds_of([&] { recompute->run(); }) : 0;
    if (round < 0) continue;  // the first round warms up
    plain.push_back(plain_seconds);
    get.push_back(get_seconds);
    computed.push_back(recompute_seconds);
    if (isatty(STDERR_FILENO)) std::fprintf(stderr, "\r  round %d of %d ", round + 1, arguments.rounds);
  }
  if (isatty(STDERR_FILENO)) std::fprintf(stderr, "\r%30s\r", "");

  const auto bytes = static_cast<double>(shape.bytes());
  const double floor = median(plain);
  std::printf("%u layers x %u KV heads x %u, fp32, %u tokens: %.1f MB\n", shape.layers, shape.kv_heads, shape.head_dim,
              shape.blocks * kBlockTokens, bytes / 1e6);
  print_row("plain TCP, loopback, one connection (floor)", floor, bytes, floor);
  print_row("KV get over noise, host to host, two processes", median(get), bytes, floor);
  if (recompute) {
    print_row("recompute by the reference engine", median(computed), bytes, floor);
    std::printf("  time to have the KV in place: %.3f of recompute (%.1f times faster)\n",
                median(get) / median(computed), median(computed) / median(get));
  } else {
    std::printf("  recompute: not run: no model of this shape\n");
  }
  return 0;
}

int run(Arguments& arguments) {
  base::Bytes key(32);
  base::random_bytes(key);
  arguments.cluster_key = base::to_hex(key);
  std::printf("medians of %d interleaved runs\n", arguments.rounds);
  auto recompute = load_recompute(arguments);
  if (recompute) {
    const auto& config = recompute->config();
    arguments.shape = {static_cast<std::uint32_t>(config.layers), static_cast<std::uint32_t>(config.kv_heads),
                       static_cast<std::uint32_t>(config.head_dim), arguments.tokens / kBlockTokens};
  }
  if (const int failed = measure(arguments, arguments.shape, recompute.get())) return failed;
  // The shape of Llama-3-8B's KV, in fp32: a layer slice of 128 KiB.
  const KvShape large{.layers = 32, .kv_heads = 8, .head_dim = 128, .blocks = 64};
  return measure(arguments, large, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("KV get against plain TCP and against recompute: medians of interleaved runs", "kv_get_bench");
  app.add_option("--model", arguments.model, "model folder; without one recompute is not run");
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
  char folder[] = "/tmp/kv_get_bench.XXXXXX";
  if (mkdtemp(folder) == nullptr) return std::cerr << "bench: cannot make a folder in /tmp\n", 1;
  arguments.config_dir = folder;
  const int code = run(arguments);
  std::filesystem::remove_all(folder);
  return code;
}
