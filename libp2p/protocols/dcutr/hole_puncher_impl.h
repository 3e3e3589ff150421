// What both sides of a hole punch do.
#pragma once

#include "base/signal.h"
#include "libp2p/core/rate_budget.h"
#include "libp2p/host/task_group.h"
#include "libp2p/protocols/dcutr/dcutr_message.h"
#include "libp2p/protocols/dcutr/hole_puncher.h"

#include <map>
#include <set>

namespace libp2p::dcutr {

/// Shared with its coroutines, which end with close().
class HolePuncher::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(const base::Executor& executor, base::Clock& clock, Host& host, HolePuncherConfig config);

  /// What cannot be done in the constructor: hands itself to the host.
  void start();
  HolePuncherStats stats() const { return stats_; }
  static base::Task<> close(std::shared_ptr<Impl> self);

 private:
  using Self = std::shared_ptr<Impl>;
  using ConnectionPtr = std::shared_ptr<Connection>;
  using Addresses = std::vector<multiformats::Multiaddr>;

  /// One peer's upgrade at a time; its place is given back when it has ended.
  class Place;
  /// Counts it too.
  bool may_begin(const Connection& connection);

  // We were dialled (B of the specification).
  void identified(const ConnectionPtr& connection);
  static base::Task<> upgrade(Self self, ConnectionPtr relayed);
  static base::Task<bool> connect_directly(Self self, multiformats::PeerId peer);
  static base::Task<bool> punch_as_listener(Self self, ConnectionPtr relayed);
  static base::Task<base::Result<Addresses>> agree(Self self, Stream& stream);

  // We have dialled (A).
  static base::Task<> wait_for_turn(Self self, multiformats::PeerId peer);
  static base::Task<> serve(Self self, ConnectionPtr relayed, std::unique_ptr<Stream> stream);
  /// One attempt; an error if the other side does not go on.
  static base::Task<base::Result<>> punch_as_dialler(Self self, multiformats::PeerId peer, Stream& stream);

  /// A dial under way. Ended by its result, or by a direct connection that has come about otherwise.
  struct Dial;
  static base::Task<> run_dial(Self self, std::shared_ptr<Dial> dial, ConnectOptions options);
  static base::Task<bool> connect_by(Self self, multiformats::PeerId peer, Addresses addresses, ConnectOptions options,
                                     base::Duration timeout);
  bool has_direct(const multiformats::PeerId& peer) const;
  bool speaks_protocol(const multiformats::PeerId& peer) const;
  Addresses dialable(const Addresses& addresses) const;
  base::Bytes own_connect() const;

  base::Executor executor_;
  base::Clock& clock_;
  Host& host_;
  HolePuncherConfig config_;
  TaskGroup tasks_;
  std::set<multiformats::PeerId> under_way_;
  /// Of one relayed connection.
  struct Begun {
    int upgrades = 0;
    /// The last upgrade came to nothing because the peer did not speak the protocol, which it may later.
    bool lacked_protocol = false;
  };
  std::map<const Connection*, Begun> begun_;
  RateBudget budget_;
  /// Streams that wait for their turn.
  std::size_t waiting_ = 0;
  /// Connections, or what is under way.
  base::Signal changed_;
  HolePuncherStats stats_;
  bool closed_ = false;
};

}  // namespace libp2p::dcutr
