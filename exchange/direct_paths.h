// Opens the direct path to each peer that offers one, once for all sessions with it, and again when it has ended.
#pragma once

#include "exchange/node_context.h"
#include "exchange/session.h"

#include <map>
#include <memory>
#include <vector>

namespace kvp2p {

/// Node thread only. Does nothing where the direct path is turned off.
class DirectPaths {
 public:
  explicit DirectPaths(std::shared_ptr<NodeContext> context);

  /// A session has come up. A second one with the same run of the peer changes nothing.
  void on_session_up(const std::shared_ptr<Session>& session);
  /// While the direct path to a peer of this host is being opened for the first time: until it is, or cannot be, and
  /// for kDirectOpenPatience at most. Who asks before is answered without places, and fetches over the network what
  /// lies beside it.
  base::Task<> wait_opening(std::shared_ptr<Session> session, base::TimePoint deadline);
  /// Whether that is so of any peer.
  bool is_opening() const;
  /// No session is left with the peer.
  void on_peer_gone(const multiformats::PeerId& peer);

 private:
  /// One run of a peer, for as long as there is a session with it. Shared with the coroutine that keeps its path open,
  /// which may outlive this by the time that it takes it to notice.
  struct Path {
    multiformats::PeerId peer;
    std::uint64_t epoch = 0;
    std::vector<std::weak_ptr<Session>> sessions;  // the last one to come up last
    base::TimePoint since;
    bool tried = false;  // to open it, with whatever outcome
    bool gone = false;
  };

  void drop(const multiformats::PeerId& peer);
  static base::Task<> keep_open(std::shared_ptr<NodeContext> context, std::shared_ptr<Path> path);
  /// False: asking again would not help.
  static base::Task<bool> open(std::shared_ptr<NodeContext> context, std::shared_ptr<Path> path);
  /// Until the path has ended, or is not wanted any more.
  static base::Task<> wait_ended(std::shared_ptr<NodeContext> context, std::shared_ptr<Path> path);
  static base::Task<> wait(std::shared_ptr<NodeContext> context, std::shared_ptr<Path> path, base::Duration time);
  static std::shared_ptr<Session> session_of(Path& path);

  std::shared_ptr<NodeContext> context_;
  std::map<multiformats::PeerId, std::shared_ptr<Path>> paths_;
};

}  // namespace kvp2p
