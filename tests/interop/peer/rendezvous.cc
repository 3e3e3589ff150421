#include "tests/interop/peer/rendezvous.h"

#include "libp2p/core/error.h"
#include "multiformats/multibase.h"
#include "tests/interop/peer/commands.h"

namespace interop {

namespace rendezvous = libp2p::rendezvous;

namespace {

constexpr std::uint64_t kFoundMax = 100;
/// In place of a cookie: none.
constexpr std::string_view kNoCookie = "-";

base::Result<base::Bytes> cookie_of(const std::string& text) {
  if (text == kNoCookie) return base::Bytes();
  return multiformats::decode_base(multiformats::Base::kBase16, text);
}

}  // namespace

base::Bytes Rendezvous::record() {
  const libp2p::PeerRecord record{host_.peer_id(), ++records_, host_.addresses()};
  return seal_peer_record(key_, record, libp2p::PeerRecordForm::kOlder);
}

base::Task<Reply> register_self(Peer& peer, Arguments arguments) {
  if (!peer.rendezvous()) co_return libp2p::Error::kProtocolNotSupported;
  if (!peer.connection()) co_return libp2p::Error::kNotConnected;
  const auto ttl = parse_count(arguments[1]);
  if (!ttl) co_return ttl.error();
  auto point = peer.connection();
  base::Bytes record = peer.rendezvous()->record();
  const auto taken = co_await rendezvous::register_at(peer.clock(), std::move(point), std::move(record),
                                                      std::move(arguments[0]), std::chrono::seconds(*ttl));
  if (!taken) co_return taken.error();
  co_return Fields(ordered_json{{"ttl", taken->count()}});
}

base::Task<Reply> unregister(Peer& peer, Arguments arguments) {
  if (!peer.connection()) co_return libp2p::Error::kNotConnected;
  auto point = peer.connection();
  const auto told = co_await rendezvous::unregister_at(peer.clock(), std::move(point), std::move(arguments[0]));
  if (!told) co_return told.error();
  co_return Fields();
}

base::Task<Reply> discover(Peer& peer, Arguments arguments) {
  if (!peer.connection()) co_return libp2p::Error::kNotConnected;
  auto cookie = cookie_of(arguments[1]);
  if (!cookie) co_return cookie.error();
  auto point = peer.connection();
  const auto discovered = co_await rendezvous::discover_at(peer.clock(), std::move(point), std::move(arguments[0]),
                                                           kFoundMax, std::move(*cookie));
  if (!discovered) co_return discovered.error();
  ordered_json found = ordered_json::object();
  for (const auto& each : discovered->peers) {
    ordered_json& addresses = found[each.peer.to_text()] = ordered_json::array();
    for (const auto& address : each.addresses) addresses.push_back(address.to_text());
  }
  co_return Fields(ordered_json{{"found", found}, {"cookie", base::to_hex(discovered->cookie)}});
}

}  // namespace interop
