#include "libp2p/protocols/gossipsub/gossipsub.h"

#include "libp2p/protocols/gossipsub/gossipsub_impl.h"

namespace libp2p::gossipsub {

base::Result<std::unique_ptr<Gossipsub>> Gossipsub::create(const base::Executor& executor, base::Clock& clock,
                                                           Host& host, Config config) {
  if (auto valid = validate(config); !valid) return valid.error();
  auto impl = std::make_shared<Impl>(executor, clock, host, std::move(config));
  impl->start();
  return std::unique_ptr<Gossipsub>(new Gossipsub(std::move(impl)));
}

Gossipsub::Gossipsub(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Gossipsub::~Gossipsub() = default;

base::Result<Subscription> Gossipsub::subscribe(const std::string& topic, Validator validator, MessageHandler handler) {
  auto subscribed = impl_->subscribe(topic, std::move(validator), std::move(handler));
  if (!subscribed) return subscribed.error();
  return Subscription([weak = std::weak_ptr<Impl>(impl_), topic] {
    if (const auto impl = weak.lock()) impl->unsubscribe(topic);
  });
}

base::Result<> Gossipsub::publish(const std::string& topic, base::ConstBytes data) {
  return impl_->publish(topic, data);
}

std::vector<multiformats::PeerId> Gossipsub::mesh_peers(const std::string& topic) const {
  const auto& peers = impl_->router().mesh_peers(topic);
  return {peers.begin(), peers.end()};
}

std::vector<multiformats::PeerId> Gossipsub::topic_peers(const std::string& topic) const {
  const auto& peers = impl_->router().topic_peers(topic);
  return {peers.begin(), peers.end()};
}

double Gossipsub::score(const multiformats::PeerId& peer) const { return impl_->router().score(peer); }

Stats Gossipsub::stats() const { return impl_->stats(); }

base::Task<> Gossipsub::close() { return Impl::close(impl_); }

}  // namespace libp2p::gossipsub
