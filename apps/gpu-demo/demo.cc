#include "apps/gpu-demo/hardware.h"
#include "apps/gpu-demo/roles.h"
#include "apps/gpu-demo/stage_table.h"
#include "base/child_process.h"

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace kvp2p::demo {

namespace {

using nlohmann::json;

/// A folder for the two nodes' keys, gone afterwards: the demo leaves nothing behind.
class ScratchFolder {
 public:
  ScratchFolder() {
    const char* temporary = std::getenv("TMPDIR");
    path_ = std::string(temporary != nullptr ? temporary : "/tmp") + "/gpu-demo.XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~ScratchFolder() { remove(); }
  void remove() const {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::vector<std::string> common_arguments(const Options& options, const std::string& config_dir) {
  std::vector<std::string> arguments = {
      "--json",
      "--ephemeral-identity",
      "--no-mdns",
      "--config-dir=" + config_dir,
      "--model=" + options.model,
      "--layout=" + options.layout,
      "--device=" + options.device,
      "--generate=" + std::to_string(options.generate_tokens),
      "--deadline-ms=" + std::to_string(options.deadline_ms),
      "--store-mib=" + std::to_string(options.store_mib),
      "--log-level=" + (options.log_level == "info" ? std::string("warn") : options.log_level),
  };
  if (options.gpu) arguments.push_back("--gpu=" + std::to_string(*options.gpu));
  arguments.push_back("--fetch=" + options.fetch);
  if (!options.direct) arguments.push_back("--no-direct");
  if (!options.peer_access) arguments.push_back("--no-peer-access");
  if (options.codec != "none") arguments.push_back("--codec=" + options.codec);
  if (options.compress != "off") arguments.push_back("--compress=" + options.compress);
  if (options.chunk_tokens > 0) arguments.push_back("--chunk-tokens=" + std::to_string(options.chunk_tokens));
  if (!options.token_file.empty()) arguments.push_back("--token-file=" + options.token_file);
  if (options.prompt_tokens > 0) arguments.push_back("--prompt-tokens=" + std::to_string(options.prompt_tokens));
  if (!options.cluster_key.empty()) arguments.push_back("--cluster-key=" + options.cluster_key);
  if (options.open) arguments.push_back("--open");
  return arguments;
}

/// Reads events until `name`, or the end of output.
std::optional<json> wait_event(base::ChildProcess& child, const std::string& name, const Reporter& reporter) {
  while (auto line = child.read_line()) {
    const json event = json::parse(*line, nullptr, false);
    if (!event.is_object()) continue;
    if (reporter.json()) reporter.event(event.value("event", ""), event, "");
    if (event.value("event", "") == "error") {
      std::fprintf(stderr, "gpu-demo: %s\n", event.value("message", "").c_str());
      return std::nullopt;
    }
    if (event.value("event", "") == name) return event;
  }
  return std::nullopt;
}

std::optional<double> milliseconds_from(const json& counters, const char* nanoseconds) {
  if (!counters.contains(nanoseconds)) return std::nullopt;
  return counters[nanoseconds].get<double>() / 1e6;
}

void print_table(const Options& options, const json& listening, const json& published, const json& producer_stats,
                 const ConsumerResult& result) {
  const std::size_t bytes = result.bytes_fetched;
  const std::size_t staged = bytes - std::min(bytes, result.bytes_direct);
  const bool gpu = listening.value("gpu_memory", false);
  std::printf("\nhardware: %s; %s\n", listening.value("hardware", "").c_str(), listening.value("device", "").c_str());
  std::printf("engine: %s\n", listening.value("engine", "").c_str());
  std::printf("prompt: %zu tokens; the consumer fetched %zu and computed %zu\n", result.prompt_tokens,
              result.fetched_tokens, result.computed_tokens);
  const char* const why = options.fetch == "always"
                              ? " (--fetch=always, so that a fetch is shown; with --fetch=auto the "
                                "node computes what it expects to have sooner that way)"
                              : "";
  if (!result.decision.empty()) std::printf("decision: %s%s\n", result.decision.c_str(), why);
  std::printf("path: %s\n\n", result.path.empty() ? "nothing was fetched" : result.path.c_str());
  std::fputs(format_stages(
                 {{"GPU -> pinned (D2H)", published.value("gather_ms", 0.0), published.value("bytes", std::size_t{0})},
                  staged_row("Pinned -> libp2p serialise", milliseconds_from(producer_stats, "serialise_ns"), staged),
                  network_row(result, staged),
                  staged_row("libp2p -> pinned deserialise", result.deserialise_ms, staged),
                  verify_row(result, staged),
                  staged_row("Pinned -> GPU (H2D)", result.scatter_ms, staged),
                  direct_row(result),
                  {"Total P2P transfer", result.total_ms, bytes},
                  {"Recompute (baseline)", result.recompute_ms, bytes}})
                 .c_str(),
             stdout);
  if (result.total_ms > 0 && result.recompute_ms > 0) {
    std::printf("%-34s %10.1f x\n", "Speedup", result.recompute_ms / result.total_ms);
  }
  std::printf(
      "\n%s Stages overlap: their sum is more than the total.\n",
      gpu ? "\"Pinned\" is page-locked host memory: the producer's copy of its KV, for peers that cannot read its "
            "GPU in place."
          : "On this machine \"GPU\" and \"pinned\" are host memory.");
  if (!result.reason.empty()) std::printf("not everything was fetched: %s\n", result.reason.c_str());
  if (!result.text.empty()) std::printf("generated: %s\n", result.text.c_str());
  if (result.verified) std::printf("%zu tokens generated: %s\n", result.generated.size(), verdict_of(result).c_str());
}

}  // namespace

int run_demo(const Options& options, StopSignal& stop) {
  const ScratchFolder scratch;
  if (scratch.path().empty()) return std::fprintf(stderr, "gpu-demo: cannot make a temporary folder\n"), 1;
  stop.on_signal([&scratch] {
    scratch.remove();
    _exit(130);  // the children end with us
  });
  const std::string config_dir = options.config_dir.empty() ? scratch.path() : options.config_dir;
  const Reporter reporter(options.json);
  Progress progress;

  progress.show("producer: computing the prompt's KV");
  auto arguments = common_arguments(options, config_dir);
  arguments.insert(arguments.end(),
                   {"--role=producer", "--listen-ip=127.0.0.1", "--port=" + std::to_string(options.port)});
  auto producer = base::ChildProcess::start_self(arguments);
  if (!producer) return std::fprintf(stderr, "gpu-demo: cannot start a process\n"), 1;
  const auto listening = wait_event(*producer, "listening", reporter);
  const auto published = listening ? wait_event(*producer, "published", reporter) : std::nullopt;
  progress.clear();
  if (!published) return std::fprintf(stderr, "gpu-demo: the producer failed\n"), 1;

  progress.show("consumer: fetching, generating, and comparing with a run with the cache off");
  arguments = common_arguments(options, config_dir);
  arguments.insert(arguments.end(), {"--role=consumer", "--listen-ip=127.0.0.1",
                                     "--peer=" + listening->at("addresses").at(0).get<std::string>()});
  auto consumer = base::ChildProcess::start_self(arguments);
  if (!consumer) return std::fprintf(stderr, "gpu-demo: cannot start a process\n"), 1;
  const auto result = wait_event(*consumer, "result", reporter);
  progress.clear();
  if (!result) return std::fprintf(stderr, "gpu-demo: the consumer failed\n"), 1;
  const int exit_code = consumer->wait();

  producer->terminate();
  const auto stats = wait_event(*producer, "stats", reporter);
  producer->stop();
  stop.on_signal({});
  if (!options.json)
    print_table(options, *listening, *published, stats.value_or(json::object()), consumer_result_from_json(*result));
  return exit_code;
}

}  // namespace kvp2p::demo
