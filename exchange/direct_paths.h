// Opens the direct path to each peer that offers one, once for all sessions with it.
#pragma once

#include "exchange/node_context.h"
#include "exchange/session.h"

#include <map>
#include <memory>

namespace kvp2p {

/// Node thread only. Does nothing where the direct path is turned off.
class DirectPaths {
 public:
  explicit DirectPaths(std::shared_ptr<NodeContext> context) : context_(std::move(context)) {}

  /// A session has come up. A second one with the same run of the peer changes nothing.
  void on_session_up(const std::shared_ptr<Session>& session);
  /// No session is left with the peer.
  void on_peer_gone(const multiformats::PeerId& peer);

 private:
  /// What coroutines hold: they may outlive this by the time that it takes them to notice the exchange's end.
  using Asked = std::map<multiformats::PeerId, std::uint64_t>;
  static base::Task<> open(std::shared_ptr<NodeContext> context, std::shared_ptr<Asked> asked,
                           std::shared_ptr<Session> session);

  std::shared_ptr<NodeContext> context_;
  /// The run of each peer that has been asked: one entry a peer with a session.
  std::shared_ptr<Asked> asked_ = std::make_shared<Asked>();
};

}  // namespace kvp2p
