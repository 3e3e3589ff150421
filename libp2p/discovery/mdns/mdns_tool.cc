// Announces a node by multicast DNS and prints whom it finds, until it is killed. The network test runs it; it also
// shows what is on a network. Lines: "self <peer id>", then "peer <peer id> <address>…" for each discovery.
#include "base/log.h"
#include "libp2p/discovery/mdns/mdns_service.h"
#include "libp2p/discovery/mdns/network_interface.h"
#include "multiformats/keys.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>

namespace {

using multiformats::Multiaddr;

std::vector<Multiaddr> own_addresses(std::uint16_t port) {
  std::vector<Multiaddr> addresses;
  const auto interfaces = libp2p::mdns::list_multicast_interfaces();
  if (!interfaces) return addresses;
  for (const auto& interface : *interfaces) {
    for (const auto& ip : interface.plain_addresses()) addresses.push_back(Multiaddr::from_ip_tcp(ip, port));
  }
  return addresses;
}

void print_peer(multiformats::PeerId peer, std::vector<Multiaddr> addresses) {
  std::printf("peer %s", peer.to_text().c_str());
  for (const Multiaddr& address : addresses) std::printf(" %s", address.to_text().c_str());
  std::printf("\n");
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  libp2p::mdns::MdnsConfig config;
  std::uint16_t port = 4001;
  std::string log_level = "warn";
  CLI::App app("Announces a node by multicast DNS and prints whom it finds.");
  app.add_option("--service", config.service, "service name")->capture_default_str();
  app.add_option("--port", port, "TCP port to announce on each interface's addresses")->capture_default_str();
  app.add_option("--log", log_level, "debug, info, warn, error or off")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (!base::set_up_logging(log_level)) return 2;

  config.peer_id = multiformats::PeerId::from_public_key(multiformats::PrivateKey::generate().public_key());
  config.addresses = [port] { return own_addresses(port); };
  std::printf("self %s\n", config.peer_id.to_text().c_str());
  std::fflush(stdout);

  boost::asio::io_context context;
  base::SystemClock clock(context.get_executor());
  libp2p::mdns::MdnsService service(context.get_executor(), clock, config, print_peer);
  boost::asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code&, int) { service.close(); });
  service.start();
  context.run();
}
