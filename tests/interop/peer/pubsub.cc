#include "tests/interop/peer/pubsub.h"

#include "libp2p/core/error.h"
#include "tests/interop/peer/commands.h"

namespace interop {

namespace gossipsub = libp2p::gossipsub;

namespace {

void print_message(const multiformats::PeerId&, const gossipsub::MessagePtr& message) {
  print({{"event", "message"},
         {"topic", message->topic},
         {"from", message->from.to_text()},
         {"data", base::as_text(message->data)}});
}

}  // namespace

Pubsub::Pubsub(const base::Executor& executor, base::Clock& clock, libp2p::Host& host,
               const multiformats::PrivateKey& key) {
  gossipsub::Config config{.key = key};
  base::Bytes seed(8);
  base::random_bytes(seed);
  config.seed = base::load_le64(seed.data());
  gossipsub_ = gossipsub::Gossipsub::create(executor, clock, host, std::move(config)).value();
}

base::Result<> Pubsub::subscribe(const std::string& topic) {
  auto subscription = gossipsub_->subscribe(topic, nullptr, print_message);
  if (!subscription) return subscription.error();
  subscriptions_[topic] = std::move(*subscription);
  return {};
}

base::Task<> Pubsub::close() {
  subscriptions_.clear();
  return gossipsub_->close();
}

base::Task<Reply> subscribe(Peer& peer, Arguments arguments) {
  if (!peer.pubsub()) co_return libp2p::Error::kProtocolNotSupported;
  const auto subscribed = peer.pubsub()->subscribe(arguments[0]);
  if (!subscribed) co_return subscribed.error();
  co_return Fields();
}

base::Task<Reply> unsubscribe(Peer& peer, Arguments arguments) {
  if (!peer.pubsub()) co_return libp2p::Error::kProtocolNotSupported;
  peer.pubsub()->unsubscribe(arguments[0]);
  co_return Fields();
}

base::Task<Reply> publish(Peer& peer, Arguments arguments) {
  if (!peer.pubsub()) co_return libp2p::Error::kProtocolNotSupported;
  const auto published = peer.pubsub()->gossipsub().publish(arguments[0], base::as_bytes(arguments[1]));
  if (!published) co_return published.error();
  co_return Fields();
}

base::Task<Reply> topic_peers(Peer& peer, Arguments arguments) {
  if (!peer.pubsub()) co_return libp2p::Error::kProtocolNotSupported;
  ordered_json peers = ordered_json::array();
  for (const auto& each : peer.pubsub()->gossipsub().topic_peers(arguments[0])) peers.push_back(each.to_text());
  co_return Fields(ordered_json{{"peers", peers}});
}

base::Task<Reply> peer_scores(Peer& peer, Arguments) {
  if (!peer.pubsub()) co_return libp2p::Error::kProtocolNotSupported;
  ordered_json scores = ordered_json::object();
  for (const auto& each : peer.host().peers()) scores[each.to_text()] = peer.pubsub()->gossipsub().score(each);
  co_return Fields(ordered_json{{"scores", scores}});
}

}  // namespace interop
