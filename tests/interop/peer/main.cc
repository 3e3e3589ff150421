// Our peer of the interop tests. What it is told and what it answers: ../README.md.
#include "base/event_loop.h"
#include "base/log.h"
#include "libp2p/discovery/mdns/mdns_service.h"
#include "tests/interop/peer/peer.h"
#include "tests/interop/peer/peer_host.h"

#include <boost/asio/io_context.hpp>

#include <CLI/CLI.hpp>

namespace interop {
namespace {

struct Options {
  std::string key = "ed25519";
  std::string muxer = "handshake";
  std::string security = "both";
  bool mdns = false;
  bool pubsub = false;
  std::string network_key;
  KadOptions kad = {};
  ReachOptions reach;
  bool rendezvous = false;
  std::string log_level = "warn";
};

void print_found(multiformats::PeerId peer, std::vector<multiformats::Multiaddr> addresses) {
  ordered_json texts = ordered_json::array();
  for (const auto& address : addresses) texts.push_back(address.to_text());
  print({{"event", "found"}, {"peer", peer.to_text()}, {"addresses", texts}});
}

libp2p::mdns::MdnsConfig mdns_config(libp2p::Host& host) {
  libp2p::mdns::MdnsConfig config;
  config.peer_id = host.peer_id();
  config.addresses = [&host] { return host.addresses(); };
  return config;
}

base::Task<> run_and_close(Peer& peer, libp2p::mdns::MdnsService& mdns) {
  co_await peer.run();
  mdns.close();
}

std::vector<std::string> securities(const std::string& name) {
  if (name == "both") return libp2p::default_securities();
  return {name == "tls" ? "/tls/1.0.0" : "/noise"};
}

/// Read as the file of one is.
std::optional<libp2p::pnet::PreSharedKey> network_key(const std::string& hex) {
  if (hex.empty()) return std::nullopt;
  return libp2p::pnet::parse_key_file("/key/swarm/psk/1.0.0/\n/base16/\n" + hex + "\n").value();
}

void run(const Options& options) {
  boost::asio::io_context io;
  base::SystemClock clock(io.get_executor());
  const auto key = multiformats::PrivateKey::generate();
  auto host = make_host(io.get_executor(), clock, key, options.muxer == "handshake", securities(options.security),
                        network_key(options.network_key));
  libp2p::mdns::MdnsService mdns(io.get_executor(), clock, mdns_config(*host), print_found);
  bool is_announced = !options.mdns;
  // Not before there is something to announce.
  const auto on_listening = [&mdns, &is_announced] {
    if (!is_announced) mdns.start();
    is_announced = true;
  };
  Peer peer(io.get_executor(), clock, std::move(host), on_listening);
  if (options.pubsub) peer.start_pubsub(key);
  if (!options.kad.protocol.empty()) peer.start_kad(options.kad);
  const ReachOptions& reach = options.reach;
  if (reach.relay || reach.punch || reach.autonat || !reach.relay_server.empty()) peer.start_reach(key, reach);
  if (options.rendezvous) peer.start_rendezvous(key);
  base::spawn(io.get_executor(), run_and_close(peer, mdns));
  base::run_event_loop(io);
}

}  // namespace
}  // namespace interop

int main(int argc, char** argv) {
  interop::Options options;
  CLI::App app("Our peer of the interop tests.");
  app.add_option("--key", options.key, "type of the host key");
  app.add_option("--muxer", options.muxer, "where the muxer is agreed on")
      ->check(CLI::IsMember({"handshake", "multistream"}));
  app.add_option("--security", options.security, "what secures connections")
      ->check(CLI::IsMember({"tls", "noise", "both"}));
  app.add_flag("--mdns", options.mdns, "find peers by mDNS, and be found");
  app.add_flag("--pubsub", options.pubsub, "speak gossipsub");
  app.add_option("--network-key", options.network_key, "64 hex digits: the key of a private network");
  app.add_option("--kad", options.kad.protocol, "speak Kademlia under this name");
  app.add_flag("--kad-client", options.kad.is_client, "as a client");
  app.add_flag("--relay", options.reach.relay, "use relays");
  app.add_option("--relay-server", options.reach.relay_server, "be a relay")
      ->check(CLI::IsMember({"limited", "unlimited"}));
  app.add_flag("--punch", options.reach.punch, "turn relayed connections into direct ones");
  app.add_flag("--autonat", options.reach.autonat, "ask for AutoNAT v2, and serve it");
  app.add_flag("--rendezvous", options.rendezvous, "be a rendezvous point, and use others'");
  app.add_option("--log", options.log_level, "debug, info, warn, error or off");
  CLI11_PARSE(app, argc, argv);
  if (!base::set_up_logging(options.log_level)) return 2;
  if (options.key != "ed25519") {
    interop::print({{"event", "unsupported"}, {"message", "host keys are Ed25519"}});
    return 0;
  }
  interop::run(options);
}
