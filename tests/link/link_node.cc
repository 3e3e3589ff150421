// A node at one end of a link: serves so many MiB of KV, or fetches them from the other end and checks every byte.
// Prints JSON objects, one a line, with an "event".
#include "base/log.h"
#include "bench/figures.h"
#include "provider/node.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iostream>

namespace {

using namespace kvp2p;
using namespace std::chrono_literals;
using nlohmann::json;

struct Options {
  std::string listen;
  std::string peer;  // empty: serve
  std::string config_dir;
  std::string cluster_key;
  std::uint32_t mib = 64;
  std::uint32_t rounds = 1;
  double deadline_s = 120;
  std::string kv;  // a file of bf16 KV; empty: fp32 words of noise
  std::string compress = "off";
};

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

base::TimePoint in(double seconds) {
  return std::chrono::steady_clock::now() +
         std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds));
}

/// A file's bytes, as words.
std::vector<std::uint32_t> read_words(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  std::vector<std::uint32_t> words(file ? static_cast<std::size_t>(file.tellg()) / sizeof(std::uint32_t) : 0);
  if (words.empty()) {
    print_event("failed", {{"what", "--kv"}, {"reason", path + " cannot be read or is empty"}});
    std::exit(1);
  }
  file.seekg(0);
  file.read(reinterpret_cast<char*>(words.data()), static_cast<std::streamsize>(words.size() * sizeof words[0]));
  return words;
}

/// What the nodes hold: Llama-3-8B's KV in fp32, 4 MiB a block, every word of it known from its place. Or the numbers
/// of a file, again and again, as bf16 in rows of as many bytes.
class Content {
 public:
  Content(std::uint32_t mib, const std::string& kv) : blocks_(mib / 4), words_(std::size_t{mib} << 18) {
    if (!kv.empty()) file_ = read_words(kv);
    layout_.format.element = kv.empty() ? ElementType::kF32 : ElementType::kBf16;
    layout_.format.head_dim = kv.empty() ? 128 : 256;
    layout_.format.shard = {0, kLayers, 0, 8};
    layout_.head_stride = 128 * sizeof(float);
    layout_.token_stride = 8 * layout_.head_stride;
    layout_.block_stride = kBlockTokens * layout_.token_stride;
    layout_.engine_blocks = blocks_;
    const std::size_t plane = layout_.block_stride * blocks_;
    for (std::uint32_t layer = 0; layer < kLayers; ++layer) {
      layout_.layers.push_back({2 * layer * plane, (2 * layer + 1) * plane});
    }
    assert(layout_.format.block_bytes() * blocks_ == bytes());
  }

  void fill() {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] = word(i);
  }
  void poison() { std::fill(words_.begin(), words_.end(), 0xa5a5a5a5u); }
  bool is_right() const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      if (words_[i] != word(i)) return false;
    }
    return true;
  }

  const LayoutDesc& layout() const { return layout_; }
  std::uint32_t* data() { return words_.data(); }
  std::size_t bytes() const { return words_.size() * sizeof(std::uint32_t); }
  std::vector<Slot> slots() const {
    std::vector<Slot> slots(blocks_);
    for (Slot slot = 0; slot < blocks_; ++slot) slots[slot] = slot;
    return slots;
  }
  std::vector<TokenId> tokens() const {
    std::vector<TokenId> tokens(std::size_t{blocks_} * kBlockTokens);
    for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<TokenId>(i * 2654435761u);
    return tokens;
  }

 private:
  static constexpr std::uint32_t kLayers = 32;

  std::uint32_t word(std::size_t place) const {
    if (!file_.empty()) return file_[place % file_.size()];
    std::uint64_t x = (place + 1) * 0x9e3779b97f4a7c15u;
    x ^= x >> 29;
    return static_cast<std::uint32_t>((x * 0xbf58476d1ce4e5b9u) >> 32);
  }

  std::uint32_t blocks_;
  std::vector<std::uint32_t> file_;
  LayoutDesc layout_;
  std::vector<std::uint32_t> words_;
};

class LinkNode {
 public:
  explicit LinkNode(const Options& options) : options_(options), content_(options.mib, options.kv) {
    NodeConfig config;
    config.config_dir = options.config_dir;
    config.ephemeral_identity = true;
    config.cluster_key = options.cluster_key;
    config.mdns = false;
    config.device = "host";
    config.direct = false;
    config.compress = pack_mode_from_name(options.compress).value_or(PackMode::kOff);
    config.store_bytes_max = content_.bytes() + (64u << 20);
    config.listen_addresses = {
        value_or_exit(multiformats::Multiaddr::from_text("/ip4/" + options.listen + "/tcp/0"), "--listen")};
    node_ = value_or_exit(Node::start(std::move(config)), "start");
    KvCore& core = node_->core();
    region_ = value_or_exit(core.register_region({content_.data(), content_.bytes()}, content_.layout()), "region");
    ModelSpec spec;
    spec.weights_digest = "none: words of a test";
    spec.architecture = "link";
    spec.layers = content_.layout().format.shard.layer_end;
    spec.kv_heads = content_.layout().format.shard.head_end;
    spec.head_dim = content_.layout().format.head_dim;
    spec.kv_element = content_.layout().format.element;
    fingerprint_ = core.register_model(spec);
    keys_ = keys_from_tokens(fingerprint_, content_.tokens());
  }

  void serve() {
    content_.fill();
    KvCore& core = node_->core();
    const PutId put =
        value_or_exit(core.put({fingerprint_, keys_, region_, content_.slots(), {}, Priority::kHigh}), "put");
    value_or_exit(core.wait_published(put, in(60)), "publish");
    const PutReport report = value_or_exit(core.put_report(put), "put_report");
    print_event("serving", {{"address", node_->addresses().at(0).to_text()}, {"blocks", report.blocks_published}});
    // Until standard input ends.
    std::string line;
    while (std::getline(std::cin, line)) print_event("stats", stats());
  }

  bool fetch() {
    const auto address = value_or_exit(multiformats::Multiaddr::from_text(options_.peer), "--peer");
    const double dial_s = bench::seconds_of([&] { value_or_exit(node_->connect(address, 30s), "connect"); });
    print_event("connected", {{"seconds", dial_s}});
    bool all_right = true;
    for (std::uint32_t round = 0; round < options_.rounds; ++round) all_right &= fetch_once(round);
    print_event("stats", stats());
    return all_right;
  }

 private:
  bool fetch_once(std::uint32_t round) {
    content_.poison();
    KvCore& core = node_->core();
    json outcome = {{"round", round}, {"bytes", content_.bytes()}};
    const double seconds = bench::seconds_of([&] { get(core, outcome); });
    const bool right = outcome["good_blocks"] == keys_.size() && content_.is_right();
    outcome["seconds"] = seconds;
    outcome["right"] = right;
    print_event("fetched", std::move(outcome));
    return right;
  }

  /// Look-up and get of everything.
  void get(KvCore& core, json& outcome) {
    const base::TimePoint deadline = in(options_.deadline_s);
    outcome["good_blocks"] = 0;
    const MatchId match = core.match({fingerprint_, keys_, {content_.layout().format}, deadline});
    const auto found = core.wait_match(match, deadline);
    if (!found || found->blocks != keys_.size()) {
      outcome["reason"] = found ? found->reason : found.error().message();
      return core.release(match);
    }
    GetRequest request;
    request.match = match;
    request.region = region_;
    request.slots = content_.slots();
    request.deadline = deadline;
    const auto transfer = core.get(request);
    core.release(match);
    if (!transfer) return void(outcome["reason"] = transfer.error().message());
    if (const auto status = core.wait_transfer(*transfer, deadline)) {
      outcome["good_blocks"] = status->good_blocks;
      outcome["reason"] = status->reason;
    }
    if (const auto report = core.transfer_report(*transfer)) {
      outcome["path"] = report->path;
      outcome["bytes_from_peers"] = report->bytes_from_peers;
      outcome["wire_bytes"] = report->wire_bytes_from_peers;
    }
    core.release(*transfer);
  }

  json stats() {
    json counters = json::object();
    for (const auto& [name, value] : node_->core().stats().counters) counters[name] = value;
    return {{"counters", counters}};
  }

  const Options options_;
  Content content_;  // outlives the node, which writes it
  std::unique_ptr<Node> node_;
  RegionId region_{};
  Fingerprint fingerprint_;
  std::vector<BlockKey> keys_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  std::string log_level = "info";
  CLI::App app("Serves KV at one end of a link until standard input ends, or fetches and checks it", "link_node");
  app.add_option("--listen", options.listen, "IPv4 address")->required();
  app.add_option("--peer", options.peer, "fetch from this multiaddr; without it serve");
  app.add_option("--config-dir", options.config_dir)->required();
  app.add_option("--cluster-key", options.cluster_key, "64 hex digits, the same at both ends")->required();
  app.add_option("--mib", options.mib, "a multiple of 4, the same at both ends")->check(CLI::Range(4, 4096));
  app.add_option("--rounds", options.rounds)->check(CLI::Range(1, 1000));
  app.add_option("--deadline-s", options.deadline_s, "of each fetch");
  app.add_option("--kv", options.kv, "a file of bf16 numbers to serve, the same at both ends")
      ->check(CLI::ExistingFile);
  app.add_option("--compress", options.compress)->check(CLI::IsMember({"off", "on", "auto"}));
  app.add_option("--log", log_level);
  CLI11_PARSE(app, argc, argv);
  base::set_up_logging(log_level);
  LinkNode node(options);
  if (!options.peer.empty()) return node.fetch() ? 0 : 1;
  node.serve();
  return 0;
}
