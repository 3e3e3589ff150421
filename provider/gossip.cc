#include "provider/gossip.h"

#include "base/log.h"
#include "base/random_seed.h"
#include "exchange/exchange.h"

namespace kvp2p {

namespace {

std::uint64_t unix_ms() {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count());
}

}  // namespace

base::Result<std::unique_ptr<Gossip>> Gossip::create(const base::Executor& executor, base::Clock& clock,
                                                     libp2p::Host& host, Exchange& exchange, BlockIndex& index,
                                                     GossipConfig config) {
  std::unique_ptr<Gossip> made(new Gossip);
  made->exchange_ = std::make_shared<Exchange*>(&exchange);
  libp2p::gossipsub::Config gossipsub{.key = std::move(config.key)};
  gossipsub.seed = base::random_seed();
  // What one of them sends is not looked at any more: it need not stay.
  gossipsub.on_graylisted = [&host](const multiformats::PeerId& peer) {
    LOG_INFO("peer {} has broken gossip's rules: disconnected", peer.to_text());
    host.disconnect(peer);
  };
  auto router = libp2p::gossipsub::Gossipsub::create(executor, clock, host, std::move(gossipsub));
  if (!router) return router.error();
  made->gossipsub_ = std::move(*router);

  GossipCarrierConfig carrier;
  carrier.cluster_key = std::move(config.cluster_key);
  // The proof says so, or nobody needs to; but not who is banned, whoever carries it.
  carrier.may_announce = [anchor = made->exchange_](const multiformats::PeerId& author) {
    return *anchor != nullptr && !(*anchor)->is_banned(author);
  };
  carrier.may_announce_about = [anchor = made->exchange_](const multiformats::PeerId& author,
                                                          const Fingerprint& model) {
    return *anchor != nullptr && (*anchor)->key_holder_may(author, Right::kAnnounce, model);
  };
  carrier.may_ask = [anchor = made->exchange_](const multiformats::PeerId& asker) {
    return *anchor != nullptr && (*anchor)->has_session(asker);
  };
  carrier.may_ask_about = [anchor = made->exchange_](const multiformats::PeerId& asker, const Fingerprint& model) {
    return *anchor != nullptr && (*anchor)->may(asker, Right::kRead, model);
  };
  carrier.find_addresses = std::move(config.find_addresses);
  made->carrier_ = std::make_unique<GossipCarrier>(clock, host, *made->gossipsub_, std::move(carrier));
  AnnouncementsConfig announcements;
  announcements.incarnation = {unix_ms(), config.epoch};
  announcements.seed = base::random_seed();
  made->announcements_ = std::make_unique<Announcements>(executor, clock, *made->carrier_, index, announcements);
  made->carrier_->attach(*made->announcements_);
  return made;
}

void Gossip::follow(const Fingerprint& model) {
  if (auto followed = carrier_->follow(model); !followed) {
    LOG_WARN("does not hear of others' blocks of a model by gossip: {}", followed.error().message());
  }
}

void Gossip::stop() {
  *exchange_ = nullptr;
  announcements_->stop();
  carrier_->stop();
}

base::Task<> Gossip::close() {
  stop();
  co_await gossipsub_->close();
}

}  // namespace kvp2p
