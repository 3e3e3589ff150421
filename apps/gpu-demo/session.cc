#include "apps/gpu-demo/session.h"

#include "apps/gpu-demo/hardware.h"
#include "base/log.h"
#include "engine/matmul.h"
#include "engine/model_loader.h"
#include "engine/synthetic_model.h"
#include "engine/token_file.h"

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <random>

namespace kvp2p::demo {

namespace {

using multiformats::Multiaddr;
using std::chrono::milliseconds;

/// Untied: with tied embeddings random weights repeat one token, whatever the KV is, and comparing outputs says
/// nothing.
constexpr char kDefaultSynthetic[] = "synthetic:tied=0";

/// Where digests of weights are kept, so that they are computed once: $XDG_CACHE_HOME or ~/.cache.
std::filesystem::path cache_folder() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache != 0) {
    return std::filesystem::path(cache) / "kv-cache-p2p";
  }
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home != nullptr ? home : "/tmp") / ".cache" / "kv-cache-p2p";
}

std::vector<engine::Token> random_prompt(std::size_t count, std::size_t vocab) {
  std::minstd_rand random(1);
  std::vector<engine::Token> tokens(count);
  for (auto& token : tokens) token = static_cast<engine::Token>(random() % vocab);
  return tokens;
}

std::vector<Multiaddr> listen_addresses(const Options& options) {
  const std::string port = std::to_string(options.port);
  std::vector<std::string> texts = {"/ip4/0.0.0.0/tcp/" + port, "/ip6/::/tcp/" + port};
  if (!options.listen_ip.empty()) {
    const bool ipv6 = options.listen_ip.find(':') != std::string::npos;
    texts = {(ipv6 ? "/ip6/" : "/ip4/") + options.listen_ip + "/tcp/" + port};
  }
  std::vector<Multiaddr> addresses;
  for (const std::string& text : texts) {
    if (auto address = Multiaddr::from_text(text)) addresses.push_back(*address);
  }
  return addresses;
}

std::string short_name(const std::string& model) {
  if (model.starts_with(engine::kSyntheticPrefix)) return model;
  return std::filesystem::path(model).lexically_normal().filename().string();
}

}  // namespace

Session::Session(const Options& options, const Reporter& reporter, StopSignal& stop)
    : options_(options), reporter_(reporter), stop_(stop) {
  // Until a role waits for the signal itself: say goodbye to peers and leave, whatever is being computed.
  stop_.on_signal([] { _exit(130); });
  exit_code_ = load_model_and_prompt();
  if (!exit_code_) exit_code_ = start_node();
  if (!exit_code_) exit_code_ = start_engine();
}

Session::~Session() {
  stop_.on_signal({});
  if (node_) node_->stop();
}

std::optional<int> Session::load_model_and_prompt() {
  progress_.show("loading " + options_.model);
  engine::set_blas_threads(0);
  const std::string name = options_.model == "synthetic" ? kDefaultSynthetic : options_.model;
  auto model = engine::load_model(name);
  if (!model) return fail("cannot load the model " + options_.model + ": " + model.error().message());
  model_.emplace(std::move(*model));
  if (auto vocab = engine::Vocab::read((std::filesystem::path(name) / "vocab.json").string()))
    vocab_ = std::move(*vocab);

  const std::size_t wanted = options_.prompt_tokens;
  if (options_.token_file.empty()) {
    prompt_ = random_prompt(wanted ? wanted : kSyntheticPromptTokens, model_->config.vocab);
  } else {
    auto tokens = engine::read_token_file(options_.token_file);
    if (!tokens) return fail("cannot read " + options_.token_file + ": " + tokens.error().message());
    prompt_ = std::move(*tokens);
    if (wanted > prompt_.size()) {
      return fail("--prompt-tokens: " + options_.token_file + " has only " + std::to_string(prompt_.size()) +
                  " tokens");
    }
    if (wanted > 0) prompt_.resize(wanted);
  }
  progress_.clear();
  return std::nullopt;
}

std::optional<int> Session::start_node() {
  NodeConfig config;
  config.config_dir = options_.config_dir;
  config.ephemeral_identity = options_.ephemeral_identity;
  config.listen_addresses = listen_addresses(options_);
  if (config.listen_addresses.empty()) return fail("--listen-ip: " + options_.listen_ip + " is not an IP address");
  if (!options_.external_ip.empty()) {
    auto address = Multiaddr::from_text("/ip4/" + options_.external_ip + "/tcp/" + std::to_string(options_.port));
    if (address) config.external_addresses.push_back(*address);
  }
  config.cluster_key = options_.cluster_key;
  config.open = options_.open;
  config.mdns = !options_.no_mdns;
  config.store_bytes_max = options_.store_mib << 20;
  config.device = "host";
  auto node = Node::start(std::move(config));
  if (!node) {
    return fail("cannot start the node on port " + std::to_string(options_.port) + ": " + node.error().message());
  }
  node_ = std::move(*node);
  stop_.on_signal([node = node_.get()] {
    node->stop();
    _exit(130);
  });

  std::vector<std::string> addresses;
  std::string sentence = "node " + node_->peer_id().to_text() + ", " + node_->device_description();
  for (const Multiaddr& address : node_->addresses()) {
    addresses.push_back(address.to_text());
    sentence += "\n  listening on " + addresses.back();
  }
  reporter_.event("listening",
                  {{"peer_id", node_->peer_id().to_text()},
                   {"addresses", addresses},
                   {"device", node_->device_description()},
                   {"hardware", hardware_description()}},
                  sentence);
  return std::nullopt;
}

engine::EngineOptions Session::engine_options() const {
  engine::EngineOptions options;
  const std::size_t tokens = prompt_.size() + options_.generate_tokens + 1;
  options.tokens_max = tokens;
  options.kv_tokens = tokens + kBlockTokens;
  options.layout = options_.layout == "hnd" ? engine::KvLayout::kHnd : engine::KvLayout::kNhd;
  options.chunk_tokens = options_.chunk_tokens;
  options.stop_at_end_token = false;
  options.cache_budget = milliseconds(options_.deadline_ms);
  return options;
}

std::optional<int> Session::start_engine() {
  engine::EngineOptions options = engine_options();
  options.on_prefill = [this](std::size_t done, std::size_t all) { progress_.show("prefill", done, all); };
  engine_ = std::make_unique<engine::Engine>(*model_, std::move(options));
  provider_ = KVCacheProvider::create(node_->core());
  progress_.show("hashing the weights (once)");
  auto used = engine_->use_cache(*provider_, cache_folder());
  progress_.clear();
  if (!used) return fail("cannot use the cache: " + used.error().message());
  reporter_.event("computing", {{"model", short_name(options_.model)}, {"prompt_tokens", prompt_.size()}},
                  "model " + short_name(options_.model) + ", prompt of " + std::to_string(prompt_.size()) + " tokens");
  return std::nullopt;
}

std::string Session::text_of(const std::vector<engine::Token>& tokens) const {
  return vocab_ ? vocab_->decode(tokens) : std::string();
}

void Session::find_peers() {
  const milliseconds patience(options_.find_peer_ms);
  if (!options_.peers.empty()) {
    for (const std::string& text : options_.peers) {
      const auto address = Multiaddr::from_text(text);  // checked with the command line
      progress_.show("dialling " + text);
      auto connected = node_->connect(*address, patience.count() > 0 ? patience : milliseconds(10000));
      progress_.clear();
      if (!connected) LOG_WARN("cannot use the peer {}: {}; going on without it", text, connected.error().message());
    }
  } else if (patience.count() > 0) {
    progress_.show("looking for a node on the local network");
    const bool found = node_->wait_for_peers(1, patience);
    progress_.clear();
    if (!found) {
      LOG_WARN("no node found within {} ms: computing everything here; start a producer, or name one with --peer",
               options_.find_peer_ms);
    }
  }
  for (const auto& peer : node_->peers()) {
    reporter_.event("peer", {{"peer_id", peer.id.to_text()}, {"address", peer.address}},
                    "peer " + peer.id.to_text() + " at " + peer.address);
  }
}

void Session::report_stats() const {
  nlohmann::json counters = nlohmann::json::object();
  for (const auto& [name, value] : node_->core().stats().counters) counters[name] = value;
  reporter_.event("stats", counters, "");
}

int Session::fail(const std::string& message) {
  progress_.clear();
  reporter_.event("error", {{"message", message}}, "");
  if (!reporter_.json()) std::fprintf(stderr, "gpu-demo: %s\n", message.c_str());
  return 1;
}

}  // namespace kvp2p::demo
