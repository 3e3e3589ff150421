// What is to be sent, collected while something is decided, so that one peer gets one RPC of it.
#pragma once

#include "libp2p/protocols/gossipsub/rpc.h"

#include <map>
#include <memory>
#include <vector>

namespace libp2p::gossipsub {

/// In order of what a slow peer loses first.
enum class SendKind { kGossip, kMessage, kControl };

/// Bytes for a peer's stream, length first.
struct Send {
  multiformats::PeerId to;
  SendKind kind = SendKind::kControl;
  std::shared_ptr<const base::Bytes> frame;
};

class Outgoing {
 public:
  void subscriptions(const multiformats::PeerId& to, std::vector<SubOpts> subscriptions);
  void message(const multiformats::PeerId& to, const Message& message);
  /// To be added to; valid until the next call.
  Control& control(const multiformats::PeerId& to) { return controls_[to]; }
  void forget(const multiformats::PeerId& to);

  /// All of it, in the order in which it is to be sent.
  std::vector<Send> drain();

 private:
  static void add(std::vector<Send>& sends, const multiformats::PeerId& to, SendKind kind,
                  std::vector<base::Bytes> frames);

  /// Subscriptions and messages.
  std::vector<Send> sends_;
  std::map<multiformats::PeerId, Control> controls_;
};

}  // namespace libp2p::gossipsub
