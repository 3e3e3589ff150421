// One of several nodes that find each other. Reads commands, one a line, and prints JSON objects with an "event":
//
//     peers            how many KV peers there are
//     store <number>   puts the block of that number; told with the time when it was published
//     find <number>    waits until the block can be had from a peer; told with the time when that was so
//
// Times are of the machine's steady clock, in µs, which all processes of the machine share. Ends with standard input.
#include "base/log.h"
#include "provider/node.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iostream>
#include <sstream>
#include <thread>

namespace {

using namespace kvp2p;
using namespace std::chrono_literals;
using nlohmann::json;

struct Options {
  std::string listen;
  std::vector<std::string> bootstrap;
  std::string cluster_key;
  bool mdns = false;
  bool gossip = false;  // and the DHT, in place of rendezvous
};

/// How often a block that is not there yet is looked for again, and for how long at most.
constexpr auto kLookInterval = 1ms;
constexpr auto kFindTimeMax = 60s;
constexpr auto kAnswerTime = 1s;

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void print_event(const char* name, json fields) {
  fields["event"] = name;
  std::cout << fields.dump(-1, ' ', false, json::error_handler_t::replace) << std::endl;
}

template <class T>
T value_or_exit(base::Result<T> result, const char* what) {
  if (!result) {
    print_event("failed", {{"what", what}, {"reason", result.error().message()}});
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

class DiscoveryNode {
 public:
  explicit DiscoveryNode(const Options& options) : memory_(layout().format.block_bytes()) {
    NodeConfig config;
    config.ephemeral_identity = true;
    config.cluster_key = options.cluster_key;
    config.mdns = options.mdns;
    if (options.gossip) {
      config.gossip = true;
      config.dht = DhtMode::kServer;
      config.rendezvous_name.clear();
    }
    config.device = "host";
    config.direct = false;
    config.network_threads = 1;
    config.staging_slot_bytes = 64u << 10;
    config.store_bytes_max = 64u << 20;
    config.listen_addresses = {value_or_exit(multiformats::Multiaddr::from_text(options.listen), "--listen")};
    for (const auto& each : options.bootstrap) {
      config.bootstrap_peers.push_back(value_or_exit(multiformats::Multiaddr::from_text(each), "--bootstrap"));
    }
    node_ = value_or_exit(Node::start(std::move(config)), "start");
    region_ = value_or_exit(node_->core().register_region({memory_.data(), memory_.size()}, layout()), "region");
    ModelSpec spec;
    spec.weights_digest = "none: blocks of a benchmark";
    spec.architecture = "discovery";
    spec.layers = 1;
    spec.kv_heads = 1;
    spec.head_dim = kHeadDim;
    model_ = node_->core().register_model(spec);
    json addresses = json::array();
    for (const auto& each : node_->addresses()) addresses.push_back(each.to_text());
    print_event("listening", {{"addresses", addresses}, {"at_us", now_us()}});
  }

  bool execute(const std::string& command, TokenId number) {
    if (command == "peers") return print_event("peers", {{"count", node_->peers().size()}}), true;
    if (command == "store") return store(number), true;
    if (command == "find") return find(number), true;
    return false;
  }

 private:
  static constexpr std::uint32_t kHeadDim = 16;

  static LayoutDesc layout() {
    LayoutDesc layout;
    layout.format.head_dim = kHeadDim;
    layout.format.shard = {0, 1, 0, 1};
    layout.head_stride = layout.token_stride = kHeadDim * sizeof(float);
    layout.block_stride = kBlockTokens * layout.token_stride;
    layout.engine_blocks = 1;
    layout.layers.push_back({0, layout.block_stride});
    return layout;
  }
  std::vector<BlockKey> keys(TokenId number) const {
    return keys_from_tokens(model_, std::vector<TokenId>(kBlockTokens, number));
  }

  void store(TokenId number) {
    std::fill(memory_.begin(), memory_.end(), static_cast<std::uint8_t>(number));
    KvCore& core = node_->core();
    const PutId put = value_or_exit(core.put({model_, keys(number), region_, {0}, {}, Priority::kHigh}), "put");
    value_or_exit(core.wait_published(put, std::chrono::steady_clock::now() + 10s), "publish");
    print_event("stored", {{"number", number}, {"at_us", now_us()}});
    core.release(put);
  }

  void find(TokenId number) {
    KvCore& core = node_->core();
    const auto until = std::chrono::steady_clock::now() + kFindTimeMax;
    bool found = false;
    while (!found && std::chrono::steady_clock::now() < until) {
      const auto deadline = std::chrono::steady_clock::now() + kAnswerTime;
      const MatchId match = core.match({model_, keys(number), {layout().format}, deadline});
      const auto status = core.wait_match(match, deadline);
      found = status && status->blocks == 1;
      core.release(match);
      if (!found) std::this_thread::sleep_for(kLookInterval);
    }
    print_event("found", {{"number", number}, {"found", found}, {"at_us", now_us()}});
  }

  std::vector<std::uint8_t> memory_;  // outlives the node, which reads it
  std::unique_ptr<Node> node_;
  RegionId region_{};
  Fingerprint model_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  std::string log_level = "warn";
  CLI::App app("One of several nodes that find each other", "discovery_node");
  app.add_option("--listen", options.listen, "multiaddr")->required();
  app.add_option("--bootstrap", options.bootstrap, "multiaddr of a node to find others by; may be repeated");
  app.add_option("--cluster-key", options.cluster_key, "64 hex digits, the same for all")->required();
  app.add_flag("--mdns", options.mdns, "find and be found by multicast");
  app.add_flag("--gossip", options.gossip, "find nodes by the DHT, and hear of blocks by gossip");
  app.add_option("--log", log_level);
  CLI11_PARSE(app, argc, argv);
  base::set_up_logging(log_level);
  DiscoveryNode node(options);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    TokenId number = 0;
    words >> command >> number;
    if (!node.execute(command, number)) print_event("failed", {{"what", line}, {"reason", "not a command"}});
  }
  return 0;
}
