// The demo's command line.
#pragma once

#include "provider/node.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kvp2p::demo {

struct Options {
  std::string role;  // producer, consumer, demo
  std::uint16_t port = 0;
  /// As counted without CUDA_VISIBLE_DEVICES (gpu/visible_devices.h); nothing: the first that is visible.
  std::optional<int> gpu;
  std::vector<std::string> peers;
  std::string model = "synthetic";
  std::string token_file;
  std::size_t prompt_tokens = 0;  // 0: all of the token file, or kSyntheticPromptTokens
  std::string device = "auto";    // auto, host, cuda
  std::string codec = "none";     // what shared blocks are coded with: none, fp8, int8, int4
  std::string compress = "off";   // what travels: off, on, auto, see PackMode
  bool direct = true;             // same-host peers read in place
  bool peer_access = true;        // one GPU reads another's memory
  std::string fetch = "always";   // always, auto: see FetchPolicy
  std::string external_ip;
  std::vector<std::string> relays;
  std::string relay_server;  // "limited", "unlimited"; empty: no relay
  bool hole_punching = true;
  bool autonat = true;
  bool autonat_server = false;
  bool gossip = false;
  std::string dht = "off";  // off, client, server, auto
  std::string cluster_key;
  bool open = false;
  bool json = false;

  std::string layout = "nhd";
  std::size_t chunk_tokens = 0;  // 0: what suits the device
  std::size_t generate_tokens = 64;
  std::uint32_t deadline_ms = 2000;
  std::uint32_t find_peer_ms = 10000;
  bool verify = true;
  bool no_mdns = false;
  std::string listen_ip;
  std::string config_dir;
  bool ephemeral_identity = false;
  std::string network_key_file;  // of a private network; empty: none
  std::vector<std::string> bootstrap;
  std::string peer_file;
  std::string allow_file;
  std::string deny_file;
  bool keep_peers = true;
  std::string rendezvous_name = NodeConfig().rendezvous_name;
  RendezvousService rendezvous_service = RendezvousService::kCluster;
  std::string cluster_file;
  std::string tenant;
  std::string tenant_salt_file;
  std::size_t connections_high = libp2p::Watermarks().high;
  std::size_t connections_low = libp2p::Watermarks().low;
  std::size_t store_mib = 1024;
  unsigned network_threads = default_network_threads();
  std::size_t data_connections = NodeConfig().data_connections_max;
  KvEventsConfig kv_events;
  std::string kv_dump;
  std::string log_level = "info";
};

inline constexpr std::size_t kSyntheticPromptTokens = 512;

/// Parses the command line. On --help or a mistake it prints and returns the exit code to leave with; -1 to go on.
int parse_options(int argc, char** argv, Options& options);

}  // namespace kvp2p::demo
