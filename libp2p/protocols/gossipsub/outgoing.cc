#include "libp2p/protocols/gossipsub/outgoing.h"

#include <utility>

namespace libp2p::gossipsub {

void Outgoing::subscriptions(const multiformats::PeerId& to, std::vector<SubOpts> subscriptions) {
  add(sends_, to, SendKind::kControl, serialise_subscriptions(subscriptions));
}

void Outgoing::message(const multiformats::PeerId& to, const Message& message) {
  sends_.push_back({to, SendKind::kMessage, message.frame});
}

void Outgoing::forget(const multiformats::PeerId& to) {
  std::erase_if(sends_, [&to](const Send& send) { return send.to == to; });
  controls_.erase(to);
}

std::vector<Send> Outgoing::drain() {
  std::vector<Send> sends = std::exchange(sends_, {});
  for (auto& [peer, control] : std::exchange(controls_, {})) {
    Control mesh;
    mesh.graft = std::exchange(control.graft, {});
    mesh.prune = std::exchange(control.prune, {});
    if (!mesh.empty()) add(sends, peer, SendKind::kControl, serialise_control(mesh));
    if (!control.empty()) add(sends, peer, SendKind::kGossip, serialise_control(control));
  }
  return sends;
}

void Outgoing::add(std::vector<Send>& sends, const multiformats::PeerId& to, SendKind kind,
                   std::vector<base::Bytes> frames) {
  for (base::Bytes& frame : frames) {
    sends.push_back({to, kind, std::make_shared<const base::Bytes>(std::move(frame))});
  }
}

}  // namespace libp2p::gossipsub
