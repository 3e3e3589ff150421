#include "apps/gpu-demo/options.h"

#include "libp2p/protocols/rendezvous/message.h"
#include "multiformats/multiaddr.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cctype>
#include <iostream>

namespace kvp2p::demo {

namespace {

constexpr char kDescription[] =
    "Two nodes share the KV cache of a prompt, peer to peer.\n\n"
    "A producer runs a prompt through a transformer and serves its KV cache; a consumer fetches it over an encrypted\n"
    "libp2p stream into its own cache and goes on generating. --role=demo starts both on this machine and prints what\n"
    "each stage took.\n";

#ifdef KVP2P_HAS_CUDA
constexpr bool kHasCuda = true;
constexpr char kBackends[] =
    "\nThis build has the CUDA backend. It uses a GPU if the machine has one and a driver for it, and host memory\n"
    "otherwise; it says at start which, and why.\n";
#else
constexpr bool kHasCuda = false;
constexpr char kBackends[] =
    "\nThis build has no CUDA backend: the KV cache is host memory, --device=cuda is refused, and --gpu changes\n"
    "nothing.\n";
#endif

constexpr char kExamples[] =
    "\nExamples:\n"
    "  gpu-demo --role=demo --model=.cache/models/smollm2-135m --token-file=.cache/models/smollm2-135m/tokens.txt\n"
    "  CUDA_VISIBLE_DEVICES=0 gpu-demo --role=producer --port=9100 --gpu=0\n"
    "  gpu-demo --role=consumer --port=9101 --peer=/ip4/192.168.1.100/tcp/9100/p2p/<PEER_ID>\n"
    "  gpu-demo --role=consumer --port=9101        (finds the producer by mDNS)\n\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the output differed from a local run.\n";

/// What CLI11's checks cannot say; empty if all is well.
std::string mistake_in(const Options& options) {
  if (options.chunk_tokens % 16 != 0) {
    return "--chunk-tokens: " + std::to_string(options.chunk_tokens) + " is not a multiple of 16";
  }
  const auto is_hex = [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; };
  const std::string& key = options.cluster_key;
  if (!key.empty() && (key.size() != 64 || !std::all_of(key.begin(), key.end(), is_hex))) {
    return "--cluster-key: not 64 hex digits; make one with: openssl rand -hex 32";
  }
  for (const std::string& peer : options.bootstrap) {
    const auto address = multiformats::Multiaddr::from_text(peer);
    if (!address) return "--bootstrap: " + peer + ": " + address.error().message();
  }
  if (options.rendezvous_name.size() > libp2p::rendezvous::kNamespaceBytesMax) {
    return "--rendezvous-name: more than " + std::to_string(libp2p::rendezvous::kNamespaceBytesMax) + " bytes";
  }
  if (options.connections_low > options.connections_high) {
    return "--connections-low: more than --connections-high";
  }
  for (const std::string& peer : options.peers) {
    const auto address = multiformats::Multiaddr::from_text(peer);
    if (!address) return "--peer: " + peer + ": " + address.error().message();
    if (!address->peer_id()) return "--peer: " + peer + " does not end in /p2p/<peer id>, as the producer prints it";
  }
  if (options.kv_events.endpoint.empty() && !options.kv_events.replay_endpoint.empty()) {
    return "--kv-events-replay: there is nothing to replay without --kv-events";
  }
  if (options.device == "cuda" && !kHasCuda) {
    return "--device=cuda: this build has no CUDA backend; use --device=host, or build where nvcc is found";
  }
  return "";
}

}  // namespace

int parse_options(int argc, char** argv, Options& options) {
  CLI::App app(kDescription, "gpu-demo");
  app.footer(std::string(kBackends) + kExamples);
  app.add_option("--role", options.role, "producer, consumer, or demo (both, as two processes)")
      ->required()
      ->check(CLI::IsMember({"producer", "consumer", "demo"}));
  app.add_option("--port", options.port, "TCP port to listen on; 0 lets the system choose")->capture_default_str();
  app.add_option("--gpu", options.gpu,
                 "GPU to use, as counted without CUDA_VISIBLE_DEVICES; default: the first visible")
      ->check(CLI::Range(0, 1023));
  app.add_option("--peer", options.peers,
                 "multiaddr of a node to fetch from, ending in /p2p/<peer id>; may be repeated");
  app.add_option("--model", options.model,
                 "a Hugging Face model folder, or synthetic[:layers=4,hidden=256,heads=8,kv_heads=2,seed=7]")
      ->capture_default_str();
  app.add_option("--token-file", options.token_file, "the prompt as token ids, one a line")->check(CLI::ExistingFile);
  app.add_option("--prompt-tokens", options.prompt_tokens,
                 "use this many tokens of the file, or of a seeded random prompt where there is no file")
      ->check(CLI::Range(std::size_t{0}, std::size_t{1} << 20));
  app.add_option("--device", options.device,
                 "where the KV cache is: cuda (a GPU), host (host memory), or auto (a GPU if there is one)")
      ->check(CLI::IsMember({"auto", "host", "cuda"}))
      ->capture_default_str();
  app.add_option("--external-ip", options.external_ip, "an address to announce besides those of the interfaces")
      ->check(CLI::ValidIPV4);
  app.add_option("--relay", options.relays,
                 "multiaddr of a relay, ending in /p2p/<peer id>, through which this node may be reached from outside "
                 "its network; may be repeated");
  app.add_option(
      "--cluster-key", options.cluster_key,
      "64 hex digits shared by the nodes that may read from each other; default: the key file in --config-dir");
  app.add_flag("--open", options.open, "serve anyone who asks (no cluster key)");
  app.add_flag("--json", options.json, "print events as JSON lines on standard output");

  const std::string more = "More";
  app.add_option(
         "--relay-server", options.relay_server,
         "relay connections of others: limited (anybody's, enough to agree on a direct one), or unlimited (of this "
         "cluster's nodes, payload too)")
      ->check(CLI::IsMember({"limited", "unlimited"}))
      ->group(more);
  app.add_flag("!--no-hole-punching", options.hole_punching, "leave relayed connections as they are")->group(more);
  app.add_flag("!--no-autonat", options.autonat, "do not ask peers which addresses of this node they can reach")
      ->group(more);
  app.add_flag("--gossip", options.gossip,
               "tell and hear by gossip which node holds what: for clusters of more nodes than one connects to")
      ->group(more);
  app.add_option(
         "--dht", options.dht,
         "take part in the distributed hash table by which nodes of the same models and prompts find each other "
         "across the internet: as a client, a server, or a server once it can be reached (auto)")
      ->check(CLI::IsMember({"off", "client", "server", "auto"}))
      ->capture_default_str()
      ->group(more);
  app.add_flag("--autonat-server", options.autonat_server, "tell peers which of their addresses can be reached")
      ->group(more);
  app.add_option("--layout", options.layout, "layout of this engine's KV cache: nhd or hnd")
      ->check(CLI::IsMember({"nhd", "hnd"}))
      ->capture_default_str()
      ->group(more);
  app.add_option("--chunk-tokens", options.chunk_tokens,
                 "tokens of one prefill chunk, a multiple of 16; default: what suits the device")
      ->check(CLI::Range(std::size_t{16}, std::size_t{65536}))
      ->group(more);
  app.add_option("--generate", options.generate_tokens, "tokens to generate after the prompt")
      ->check(CLI::Range(std::size_t{0}, std::size_t{65536}))
      ->capture_default_str()
      ->group(more);
  app.add_option("--deadline-ms", options.deadline_ms, "the longest that a fetch may hold up the prompt")
      ->check(CLI::Range(1, 600000))
      ->capture_default_str()
      ->group(more);
  app.add_option("--find-peer-ms", options.find_peer_ms, "how long a consumer looks for a node to fetch from")
      ->check(CLI::Range(0, 600000))
      ->capture_default_str()
      ->group(more);
  app.add_flag("!--no-verify", options.verify, "do not compare the output with a run with the cache off")->group(more);
  app.add_option(
         "--codec", options.codec,
         "what shared blocks are coded with: none, fp8, int8 or int4, smaller and less precise; only nodes with "
         "the same one share")
      ->check(CLI::IsMember({"none", "fp8", "int8", "int4"}))
      ->capture_default_str()
      ->group(more);
  app.add_option(
         "--compress", options.compress,
         "what travels over the network is compressed, without loss, if both nodes will: off, on, or auto, where "
         "that brings more a second than without. For slow links; takes cores")
      ->check(CLI::IsMember({"off", "on", "auto"}))
      ->capture_default_str()
      ->group(more);
  app.add_flag("!--no-direct", options.direct,
               "never read a peer's memory in place, and let none read ours, though it be on this host")
      ->group(more);
  app.add_flag("!--no-peer-access", options.peer_access,
               "do not read other GPUs' memory over NVLink or PCIe: fetch by way of the host")
      ->group(more);
  app.add_option("--fetch", options.fetch,
                 "always: fetch what a peer has, though computing it here may be quicker, as it is with a small model; "
                 "auto: fetch what is expected to be there sooner, or was never measured")
      ->check(CLI::IsMember({"always", "auto"}))
      ->capture_default_str()
      ->group(more);
  app.add_flag("--no-mdns", options.no_mdns, "neither announce nor look for nodes on the local network")->group(more);
  app.add_option("--listen-ip", options.listen_ip, "listen on this address only; default: all, IPv4 and IPv6")
      ->group(more);
  app.add_option("--config-dir", options.config_dir,
                 "where the host key and the cluster key are kept; default: ~/.config/kv-cache-p2p")
      ->group(more);
  app.add_flag("--ephemeral-identity", options.ephemeral_identity, "a new host key for this run only")->group(more);
  app.add_option("--network-key-file", options.network_key_file,
                 "key of a private libp2p network (a swarm.key): connects to nodes that have it, and to no others")
      ->check(CLI::ExistingFile)
      ->group(more);
  app.add_option("--bootstrap", options.bootstrap,
                 "multiaddr of a node to stay connected to and to find others by; may be repeated")
      ->group(more);
  app.add_option("--peer-file", options.peer_file,
                 "file of such addresses, one a line, # begins a comment; read again when it changes, or on SIGHUP")
      ->check(CLI::ExistingFile)
      ->group(more);
  app.add_option("--allow-file", options.allow_file,
                 "file of peer ids and ranges of addresses (10.0.0.0/8), one a line: nobody else is talked to; read "
                 "again when it changes, or on SIGHUP")
      ->check(CLI::ExistingFile)
      ->group(more);
  app.add_option("--deny-file", options.deny_file, "the same of whom not to talk to")
      ->check(CLI::ExistingFile)
      ->group(more);
  app.add_option("--rendezvous-name", options.rendezvous_name,
                 "what this node registers as at bootstrap nodes, which tell of others that do; empty: it does not")
      ->capture_default_str()
      ->group(more);
  app.add_option("--rendezvous", options.rendezvous_service,
                 "whom this node tells of others that registered: cluster (who may read from it), anyone or off")
      ->transform(
          CLI::CheckedTransformer(std::map<std::string, RendezvousService>{{"off", RendezvousService::kOff},
                                                                           {"cluster", RendezvousService::kCluster},
                                                                           {"anyone", RendezvousService::kAnyone}}))
      ->default_str("cluster")
      ->group(more);
  app.add_option("--cluster-file", options.cluster_file,
                 "who may read, write and announce for which model and tenant (docs/cluster.md); read again when it "
                 "changes, or on SIGHUP")
      ->check(CLI::ExistingFile)
      ->group(more);
  auto* tenant = app.add_option("--tenant", options.tenant,
                                "whose blocks these are: a tenant of the cluster file, with its salt there")
                     ->group(more);
  app.add_option("--tenant-salt-file", options.tenant_salt_file,
                 "the same without a cluster file: only nodes with the same salt (32 to 128 hex digits) find them")
      ->check(CLI::ExistingFile)
      ->excludes(tenant)
      ->group(more);
  app.add_flag("!--forget-peers", options.keep_peers,
               "do not keep the peers that were found, to go back to them at the next start")
      ->group(more);
  app.add_option("--connections-high", options.connections_high,
                 "above so many connections those of least use are closed")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1000}))
      ->capture_default_str()
      ->group(more);
  app.add_option("--connections-low", options.connections_low, "and so many are left")
      ->check(CLI::Range(std::size_t{0}, std::size_t{1000}))
      ->capture_default_str()
      ->group(more);
  app.add_option("--store-mib", options.store_mib, "bound of the local store")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 20))
      ->capture_default_str()
      ->group(more);
  app.add_option("--network-threads", options.network_threads,
                 "threads that carry payload beside the node's own; 0: that one carries it")
      ->check(CLI::Range(0u, kNetworkThreadsMax))
      ->capture_default_str()
      ->group(more);
  app.add_option("--data-connections", options.data_connections,
                 "further connections to one peer, opened as needed, for payload; 0: none")
      ->check(CLI::Range(std::size_t{0}, kDataConnectionsMax))
      ->capture_default_str()
      ->group(more);
  app.add_option(
         "--kv-events", options.kv_events.endpoint,
         "publish what is stored and dropped as vLLM's KV events, by ZeroMQ: tcp://127.0.0.1:5557; default: off")
      ->group(more);
  app.add_option("--kv-events-replay", options.kv_events.replay_endpoint,
                 "where subscribers ask for events that they have missed: tcp://127.0.0.1:5558; default: off")
      ->group(more);
  app.add_option("--kv-events-topic", options.kv_events.topic, "first frame of each event message")->group(more);
  app.add_option("--kv-events-format", options.kv_events.format,
                 "how events' structs are written: array, as vLLM did until 2026, or map")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, KvEventFormat>{{"array", KvEventFormat::kArray}, {"map", KvEventFormat::kMap}}))
      ->default_str("array")
      ->group(more);
  app.add_option("--kv-dump", options.kv_dump, "write the prompt's K and V, in wire order, to this file")->group(more);
  app.add_option("--log-level", options.log_level, "debug, info, warn, error or off")
      ->check(CLI::IsMember({"debug", "info", "warn", "error", "off"}))
      ->capture_default_str()
      ->group(more);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (const std::string mistake = mistake_in(options); !mistake.empty()) {
    std::cerr << mistake << "\n";
    return 2;
  }
  return -1;
}

}  // namespace kvp2p::demo
