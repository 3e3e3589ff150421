// Fetches KV from another process of this host and times it: directly from memory to memory, or staged over the network
// path, in GPU or host memory. Every byte is checked once in each configuration.
#include "base/log.h"
#include "bench/gpu/fetch_roles.h"
#include "cache/benchmark_only.h"
#include "gpu/connector_factory.h"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <iostream>

namespace kvp2p::bench {

namespace {

/// sysexits has none for it; ctest and bench/gpu/run.py take it as "not run".
constexpr int kNotRun = 77;

std::string random_key() {
  base::Bytes key(32);
  base::random_bytes(key);
  return base::to_hex(key);
}

int run_info() {
  const GpusFound found = find_gpus();
  print_event("info", {{"gpus", found.count}, {"why_none", found.why_none}});
  return 0;
}

int run_role(const std::string& role, const FetchOptions& options) {
  if (role == "serve") return run_serve(options);
  if (role == "loop") return run_loop(options);
  return run_measure(options);
}

/// "auto" by what this process sees; false: asked for and not there.
bool choose_device(const std::string& device, FetchOptions& options) {
  const GpusFound found = find_gpus();
  options.node.device = device != "host" && found.count > 0 ? "cuda" : "host";
  if (options.node.device == "cuda" && options.peer_gpu >= found.count && found.count == 1) {
    std::cout << "not run: one GPU\n";
    return false;
  }
  if (device == "cuda" && found.count == 0) std::cout << "not run: " << found.why_none << "\n";
  return device != "cuda" || found.count > 0;
}

}  // namespace

}  // namespace kvp2p::bench

int main(int argc, char** argv) {
  using namespace kvp2p::bench;
  FetchOptions options;
  std::string role = "measure", shape = "mib:64", device = "auto", order = "nhd", log_level = "error";
  bool no_direct = false, without_digests = false;
  CLI::App app("Fetches KV from another process of this host, checks it, and times it", "fetch_bench");
  app.add_option("--role", role)->check(CLI::IsMember({"measure", "serve", "loop", "info"}))->capture_default_str();
  app.add_option("--shape", shape,
                 "8b:TOKENS, 70b:TOKENS, mib:N (in 32 KiB blocks), slice:N (MiB in slices of 1 MiB) or fixed "
                 "(one of 32 KiB)")
      ->capture_default_str();
  app.add_option("--data-connections-max", options.node.data_connections_max)->check(CLI::Range(0, 64));
  app.add_option("--network-threads", options.node.network_threads)->check(CLI::Range(0, 64));
  app.add_option("--security", options.node.security)->check(CLI::IsMember({"tls", "noise"}));
  app.add_option("--order", order, "the engine's layout")
      ->check(CLI::IsMember({"nhd", "hnd", "wire"}))
      ->capture_default_str();
  app.add_option("--peer-order", options.peer_order, "the producer's, if another")
      ->check(CLI::IsMember({"nhd", "hnd", "wire"}));
  app.add_option("--device", device)->check(CLI::IsMember({"auto", "host", "cuda"}))->capture_default_str();
  app.add_option("--gpu", options.node.gpu, "as counted without CUDA_VISIBLE_DEVICES")->check(CLI::Range(0, 63));
  app.add_option("--peer-gpu", options.peer_gpu, "the producer's, if another")->check(CLI::Range(0, 63));
  app.add_flag("--no-direct", no_direct, "the consumer takes the network path");
  app.add_flag("!--no-peer-access", options.node.peer_access, "the consumer reads no other GPU's memory");
  app.add_flag("--without-digests", without_digests, "the consumer takes what comes unread: what checking costs");
  app.add_flag("--put", options.put, "the producer puts the blocks into its store; it offers them in place otherwise");
  app.add_option("--engine-blocks", options.node.engine_blocks,
                 "serve --put: blocks that the engine's memory has room for; so many are put at a time")
      ->check(CLI::Range(1, 1 << 20));
  app.add_flag("--one-process", options.one_process, "producer and consumer are two nodes of one process");
  app.add_option("--rounds", options.rounds)->check(CLI::Range(1, 1000000))->capture_default_str();
  app.add_option("--seconds", options.seconds, "no new round after so long")->capture_default_str();
  app.add_flag("--wait-go", options.wait_go, "waits for a line on standard input before it measures");
  app.add_flag("--reuse", options.reuse, "serve: takes the blocks back and overwrites them all the time");
  app.add_option("--offered-us-max", options.offered_us_max,
                 "how long --reuse leaves them once they are announced, at most")
      ->check(CLI::Range(1, 10000000))
      ->capture_default_str();
  app.add_flag("--commands", options.commands, "serve: stats, stop, quit on standard input");
  app.add_option("--board", options.board, "a file that the processes share");
  app.add_option("--seed", options.seed);
  app.add_option("--cluster-key", options.node.cluster_key);
  app.add_option("--config-dir", options.node.config_dir);
  app.add_option("--log-level", log_level)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  base::set_up_logging(log_level);
  kvp2p::benchmark_only::trust_without_digests = without_digests;

  auto parsed = parse_shape(shape);
  if (!parsed) return std::cerr << "fetch_bench: no such shape: " << shape << "\n", 2;
  options.node.shape = std::move(*parsed);
  options.node.shape.order = order;
  options.node.direct = !no_direct;
  if (role == "info") return run_info();
  if (!choose_device(device, options)) return kNotRun;
  if (options.node.cluster_key.empty()) options.node.cluster_key = random_key();
  if (!options.node.config_dir.empty()) return run_role(role, options);
  char folder[] = "/tmp/fetch_bench.XXXXXX";
  if (mkdtemp(folder) == nullptr) return std::cerr << "fetch_bench: cannot make a folder in /tmp\n", 1;
  options.node.config_dir = folder;
  const int code = run_role(role, options);
  std::filesystem::remove_all(folder);
  return code;
}
