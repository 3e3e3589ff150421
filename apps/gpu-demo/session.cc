#include "apps/gpu-demo/session.h"

#include "apps/gpu-demo/hardware.h"
#include "base/log.h"
#include "engine/engine_error.h"
#include "engine/synthetic_model.h"
#include "engine/token_file.h"
#include "gpu/connector_factory.h"

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <random>

namespace kvp2p::demo {

namespace {

/// For GPUs that the driver brings together for the first time; most take milliseconds.
constexpr std::chrono::seconds kDirectPatience{5};

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
  exit_code_ = load_model();
  if (!exit_code_) exit_code_ = load_prompt();
  if (!exit_code_) exit_code_ = start_node();
  if (!exit_code_) exit_code_ = start_engine();
}

Session::~Session() {
  stop_.on_signal({});
  stop_.on_reload({});
  if (node_) node_->stop();
}

std::optional<int> Session::load_model() {
  const std::string name = options_.model == "synthetic" ? kDefaultSynthetic : options_.model;
  // The node chooses the same: the engine's memory and the connector belong to one device.
  const auto chosen = choose_device({options_.device, options_.gpu});
  if (!chosen) return fail("--device=" + options_.device + ": " + chosen.error().message());
  device_ = options_.device;
  progress_.show("loading " + options_.model);
  auto engines = chosen->cuda ? make_cuda_engines(*chosen->cuda, name) : make_host_engines(name);
  if (!engines && engines.error() == engine::EngineError::kNoCublas && options_.device == "auto") {
    progress_.clear();
    LOG_WARN("there is a GPU, but the engine cannot use it: {}; using the processor and host memory",
             engines.error().message());
    device_ = "host";
    engines = make_host_engines(name);
  }
  if (!engines) return fail("cannot load the model " + options_.model + ": " + engines.error().message());
  engines_ = std::move(*engines);
  if (auto vocab = engine::Vocab::read((std::filesystem::path(name) / "vocab.json").string()))
    vocab_ = std::move(*vocab);
  progress_.clear();
  return std::nullopt;
}

std::optional<int> Session::load_prompt() {
  const std::size_t wanted = options_.prompt_tokens;
  if (options_.token_file.empty()) {
    prompt_ = random_prompt(wanted ? wanted : kSyntheticPromptTokens, engines_->config().vocab);
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
  if (prompt_.empty()) return fail("the prompt is empty");
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
  if (!options_.network_key_file.empty()) {
    const auto key = libp2p::pnet::load_key_file(options_.network_key_file);
    if (!key) return fail("--network-key-file: " + options_.network_key_file + ": " + key.error().message());
    config.network_key = *key;
  }
  for (const std::string& peer : options_.bootstrap) config.bootstrap_peers.push_back(*Multiaddr::from_text(peer));
  config.peer_file = options_.peer_file;
  config.allow_file = options_.allow_file;
  config.deny_file = options_.deny_file;
  config.keep_peers = options_.keep_peers;
  config.rendezvous_name = options_.rendezvous_name;
  config.rendezvous_service = options_.rendezvous_service;
  config.cluster_file = options_.cluster_file;
  config.tenant = options_.tenant;
  config.tenant_salt_file = options_.tenant_salt_file;
  config.connection_marks.high = options_.connections_high;
  config.connection_marks.low = options_.connections_low;
  for (const std::string& relay : options_.relays) {
    auto address = Multiaddr::from_text(relay);
    if (!address || !address->peer_id())
      return fail("--relay: " + relay + " is no multiaddr that ends in /p2p/<peer id>");
    config.reachability.relays.push_back(*address);
  }
  config.reachability.hole_punching = options_.hole_punching;
  config.reachability.autonat = options_.autonat;
  config.reachability.autonat_server = options_.autonat_server;
  config.reachability.relay_server = !options_.relay_server.empty();
  if (options_.relay_server == "unlimited") {
    config.reachability.relay_limits = libp2p::relay::unlimited_circuits();
  }
  config.gossip = options_.gossip;
  if (options_.dht == "client") config.dht = DhtMode::kClient;
  if (options_.dht == "server") config.dht = DhtMode::kServer;
  if (options_.dht == "auto") config.dht = DhtMode::kAutomatic;
  config.cluster_key = options_.cluster_key;
  config.open = options_.open;
  config.mdns = !options_.no_mdns;
  config.store_bytes_max = options_.store_mib << 20;
  config.device = device_;
  config.gpu = options_.gpu;
  config.direct = options_.direct;
  config.peer_access = options_.peer_access;
  config.network_threads = options_.network_threads;
  config.data_connections_max = options_.data_connections;
  config.codec = codec_from_name(options_.codec).value_or(Codec::kNone);
  config.compress = pack_mode_from_name(options_.compress).value_or(PackMode::kOff);
  config.fetch_policy = options_.fetch == "auto" ? FetchPolicy::kAuto : FetchPolicy::kAlways;
  config.kv_events = options_.kv_events;
  auto node = Node::start(std::move(config));
  if (!node) {
    return fail("cannot start the node on port " + std::to_string(options_.port) + ": " + node.error().message());
  }
  node_ = std::move(*node);
  stop_.on_signal([node = node_.get()] {
    node->stop();
    _exit(130);
  });
  if (!(options_.peer_file + options_.allow_file + options_.deny_file + options_.cluster_file).empty()) {
    stop_.on_reload([node = node_.get()] { node->reload(); });
  }

  std::vector<std::string> addresses;
  std::string sentence = "node " + node_->peer_id().to_text() + ", " + node_->device_description() +
                         "\n  engine: " + engines_->description();
  for (const Multiaddr& address : node_->addresses()) {
    addresses.push_back(address.to_text());
    sentence += "\n  listening on " + addresses.back();
  }
  reporter_.event("listening",
                  {{"peer_id", node_->peer_id().to_text()},
                   {"addresses", addresses},
                   {"device", node_->device_description()},
                   {"engine", engines_->description()},
                   {"gpu_memory", engines_->is_on_gpu()},
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
  options.chunk_tokens = options_.chunk_tokens > 0 ? options_.chunk_tokens : engines_->chunk_tokens();
  options.extra_cuts = {last_cut()};
  options.stop_at_end_token = false;
  options.cache_budget = milliseconds(options_.deadline_ms);
  return options;
}

std::optional<int> Session::start_engine() {
  engine::EngineOptions options = engine_options();
  options.on_prefill = [this](std::size_t done, std::size_t all) { progress_.show("prefill", done, all); };
  auto engine = engines_->make(std::move(options));
  if (!engine) return fail("cannot start the engine: " + engine.error().message());
  engine_ = std::move(*engine);
  if (auto ok = warm_up(); !ok) return fail("cannot start the engine: " + ok.error().message());
  provider_ = KVCacheProvider::create(node_->core());
  progress_.show("hashing the weights (once)");
  auto used = engine_->use_cache(*provider_, cache_folder());
  progress_.clear();
  if (!used) return fail("cannot use the cache: " + used.error().message());
  reporter_.event("computing", {{"model", short_name(options_.model)}, {"prompt_tokens", prompt_.size()}},
                  "model " + short_name(options_.model) + ", prompt of " + std::to_string(prompt_.size()) + " tokens");
  return std::nullopt;
}

/// A GPU's first run of each size loads code, which is none of the times that are told. With other tokens than the
/// prompt's: so no page holds its KV already.
base::Result<> Session::warm_up() {
  if (!engines_->is_on_gpu()) return {};
  std::vector<engine::Token> other = prompt_;
  for (engine::Token& token : other) token = (token + 1) % engines_->config().vocab;
  progress_.show("warming the GPU up");
  auto sequence = engine_->prefill(std::move(other));
  progress_.clear();
  if (!sequence) return sequence.error();
  return {};
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
  progress_.show("opening the memory of nodes on this machine");
  const bool opened = node_->wait_for_direct_paths(kDirectPatience);
  progress_.clear();
  if (!opened) LOG_WARN("the memory of a node on this machine is still not open: its KV comes over the network");
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
