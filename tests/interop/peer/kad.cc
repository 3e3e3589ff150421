#include "tests/interop/peer/kad.h"

#include "libp2p/core/error.h"
#include "tests/interop/peer/commands.h"

namespace interop {

namespace kad = libp2p::kad;

namespace {

base::Bytes bytes(const std::string& text) { return base::to_bytes(base::as_bytes(text)); }

/// What is provided and looked for under a name.
base::Bytes key_of_name(const std::string& name) { return kad::provider_key(base::as_bytes(name)); }

ordered_json ids(const std::vector<kad::PeerEntry>& peers) {
  ordered_json texts = ordered_json::array();
  for (const auto& each : peers) texts.push_back(each.id.to_text());
  return texts;
}

}  // namespace

std::unique_ptr<kad::Kademlia> make_kad(const base::Executor& executor, base::Clock& clock, libp2p::Host& host,
                                        const KadOptions& options) {
  kad::Config config;
  config.protocol = options.protocol;
  config.mode = options.is_client ? kad::Mode::kClient : kad::Mode::kServer;
  config.validators["v"] = {[](base::ConstBytes, base::ConstBytes) { return true; }};
  base::Bytes seed(8);
  base::random_bytes(seed);
  config.seed = base::load_le64(seed.data());
  return kad::Kademlia::create(executor, clock, host, std::move(config)).value();
}

base::Task<Reply> kad_table(Peer& peer, Arguments) {
  if (!peer.kad()) co_return libp2p::Error::kProtocolNotSupported;
  ordered_json peers = ordered_json::array();
  const auto& table = peer.kad()->table();
  for (const auto* each : table.closest(table.self(), table.size())) peers.push_back(each->id.to_text());
  co_return Fields(ordered_json{{"peers", peers}});
}

base::Task<Reply> kad_find_peer(Peer& peer, Arguments arguments) {
  if (!peer.kad()) co_return libp2p::Error::kProtocolNotSupported;
  const auto id = multiformats::PeerId::from_text(arguments[0]);
  if (!id) co_return id.error();
  const auto found = co_await peer.kad()->find_peer(*id);
  if (!found) co_return found.error();
  ordered_json addresses = ordered_json::array();
  for (const auto& each : found->addresses) addresses.push_back(each.to_text());
  co_return Fields(ordered_json{{"addresses", addresses}});
}

base::Task<Reply> kad_provide(Peer& peer, Arguments arguments) {
  if (!peer.kad()) co_return libp2p::Error::kProtocolNotSupported;
  base::Bytes key = key_of_name(arguments[0]);
  const auto told = co_await peer.kad()->provide(std::move(key));
  if (!told) co_return told.error();
  co_return Fields(ordered_json{{"told", *told}});
}

base::Task<Reply> kad_find_providers(Peer& peer, Arguments arguments) {
  if (!peer.kad()) co_return libp2p::Error::kProtocolNotSupported;
  const auto count = parse_count(arguments[1]);
  if (!count) co_return count.error();
  base::Bytes key = key_of_name(arguments[0]);
  const auto found = co_await peer.kad()->find_providers(std::move(key), *count);
  if (!found) co_return found.error();
  co_return Fields(ordered_json{{"peers", ids(*found)}});
}

base::Task<Reply> kad_put(Peer& peer, Arguments arguments) {
  if (!peer.kad()) co_return libp2p::Error::kProtocolNotSupported;
  base::Bytes key = bytes(arguments[0]);
  base::Bytes value = bytes(arguments[1]);
  const auto stored = co_await peer.kad()->put_value(std::move(key), std::move(value));
  if (!stored) co_return stored.error();
  co_return Fields();
}

base::Task<Reply> kad_get(Peer& peer, Arguments arguments) {
  if (!peer.kad()) co_return libp2p::Error::kProtocolNotSupported;
  base::Bytes key = bytes(arguments[0]);
  const auto value = co_await peer.kad()->get_value(std::move(key));
  if (!value) co_return value.error();
  co_return Fields(ordered_json{{"value", base::as_text(*value)}});
}

}  // namespace interop
