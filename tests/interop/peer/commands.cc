#include "tests/interop/peer/commands.h"

#include "libp2p/core/error.h"
#include "tests/interop/peer/servers.h"

#include <charconv>
#include <chrono>
#include <map>

namespace interop {

namespace {

using namespace std::chrono_literals;

constexpr auto kIdentifyPoll = 10ms;
constexpr int kIdentifyPolls = 1000;

std::vector<std::string> to_text(const std::vector<multiformats::Multiaddr>& addresses) {
  std::vector<std::string> text;
  for (const auto& address : addresses) text.push_back(address.to_text());
  return text;
}

base::Task<Reply> listen(Peer& peer, Arguments arguments) {
  const auto parsed = multiformats::Multiaddr::from_text(arguments[0]);
  if (!parsed) co_return parsed.error();
  const auto bound = peer.host().listen(*parsed);
  if (!bound) co_return bound.error();
  ordered_json addresses = ordered_json::array();
  for (const auto& each : peer.host().addresses()) {
    const auto full = each.with_peer(peer.host().peer_id());
    if (!full) co_return full.error();
    addresses.push_back(full->to_text());
  }
  peer.listening();
  co_return Fields(ordered_json{{"addresses", addresses}});
}

base::Task<Reply> dial(Peer& peer, Arguments arguments) {
  const auto address = multiformats::Multiaddr::from_text(arguments[0]);
  if (!address) co_return address.error();
  auto connection = co_await peer.host().connect(*address);
  if (!connection) co_return connection.error();
  peer.set_connection(*connection);
  co_return Fields(
      ordered_json{{"peer", (*connection)->remote_peer().to_text()}, {"muxer_by", muxer_by(**connection)}});
}

base::Task<Reply> identify(Peer& peer, Arguments) {
  const auto connection = peer.connection();
  if (!connection) co_return libp2p::Error::kNotConnected;
  for (int poll = 0; poll < kIdentifyPolls; ++poll) {
    if (const auto info = peer.host().peer_info(connection->remote_peer())) {
      ordered_json fields{{"agent_version", info->agent_version},
                          {"protocols", info->protocols},
                          {"listen_addresses", to_text(info->listen_addresses)},
                          {"signed_record", info->has_signed_record}};
      if (info->observed_address) fields["observed_address"] = info->observed_address->to_text();
      co_return Fields(std::move(fields));
    }
    co_await base::sleep_for(peer.clock(), kIdentifyPoll);
  }
  co_return libp2p::Error::kTimeout;
}

base::Task<Reply> serve(Peer& peer, Arguments arguments) {
  serve_digest_as(peer.host(), arguments[0]);
  co_return Fields();
}

base::Task<Reply> ping(Peer& peer, Arguments) {
  const auto connection = peer.connection();
  if (!connection) co_return libp2p::Error::kNotConnected;
  auto round_trip = co_await peer.host().ping(connection);
  if (!round_trip) co_return round_trip.error();
  const auto rtt = std::chrono::duration_cast<std::chrono::microseconds>(*round_trip);
  co_return Fields(ordered_json{{"rtt_us", rtt.count()}});
}

base::Task<Reply> close(Peer& peer, Arguments) {
  if (peer.connection()) peer.connection()->close();
  peer.set_connection(nullptr);
  co_return Fields();
}

base::Task<Reply> quit(Peer&, Arguments) { co_return Fields(); }

}  // namespace

const Command* find_command(const std::string& name) {
  static const std::map<std::string, Command> kCommands = {
      {"listen", {1, &listen}},
      {"dial", {1, &dial}},
      {"identify", {0, &identify}},
      {"serve", {1, &serve}},
      {"ping", {0, &ping}},
      {"echo", {1, &echo}},
      {"send", {1, &send}},
      {"flood", {2, &flood}},
      {"half_close", {1, &half_close}},
      {"reset", {0, &reset}},
      {"be_reset", {0, &be_reset}},
      {"perf", {2, &perf}},
      {"subscribe", {1, &subscribe}},
      {"unsubscribe", {1, &unsubscribe}},
      {"publish", {2, &publish}},
      {"topic_peers", {1, &topic_peers}},
      {"kad_table", {0, &kad_table}},
      {"kad_find_peer", {1, &kad_find_peer}},
      {"kad_provide", {1, &kad_provide}},
      {"kad_find_providers", {2, &kad_find_providers}},
      {"kad_put", {2, &kad_put}},
      {"kad_get", {1, &kad_get}},
      {"peer_scores", {0, &peer_scores}},
      {"reserve", {1, &reserve}},
      {"path", {1, &path}},
      {"probe", {1, &probe}},
      {"register", {2, &register_self}},
      {"unregister", {1, &unregister}},
      {"discover", {2, &discover}},
      {"close", {0, &close}},
      {"quit", {0, &quit}},
      {"bench_connect", {2, &bench_connect}},
      {"bench_streams", {1, &bench_streams}},
      {"bench_ping", {1, &bench_ping}},
      {"cpu", {0, &cpu}},
  };
  const auto found = kCommands.find(name);
  return found == kCommands.end() ? nullptr : &found->second;
}

base::Result<std::uint64_t> parse_count(const std::string& text) {
  std::uint64_t count = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), count);
  if (parsed.ec != std::errc()) return std::make_error_code(parsed.ec);
  if (parsed.ptr != text.data() + text.size()) return std::make_error_code(std::errc::invalid_argument);
  return count;
}

}  // namespace interop
