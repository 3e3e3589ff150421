// What a host and its peers tell each other of themselves: identify when a connection begins, identify push when
// something has changed (libp2p/specs identify/README.md).
#pragma once

#include "libp2p/core/rate_budget.h"
#include "libp2p/host/host.h"
#include "libp2p/host/host_connection.h"
#include "libp2p/host/task_group.h"
#include "libp2p/protocols/identify/identify_message.h"
#include "libp2p/records/peer_record.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace libp2p {

/// Pushes that a connection may send us: so many at once, then one an interval. Further ones are reset.
inline constexpr std::size_t kIdentifyPushBurst = 16;
inline constexpr base::Duration kIdentifyPushInterval = std::chrono::seconds(1);

/// Not thread-safe. Outlives its tasks; `clock` outlives it.
class IdentifyService {
 public:
  /// What is told of the host itself.
  struct Own {
    multiformats::PrivateKey key;
    std::string agent_version;
    std::function<std::vector<multiformats::Multiaddr>()> addresses;
    std::shared_ptr<ProtocolTable> protocols;
    std::function<std::uint64_t()> record_seq;
  };

  /// Serves identify and identify push in `own.protocols`. `identified` is called whenever peer_info() of a
  /// connection's peer has been told, for the first time or anew.
  IdentifyService(base::Clock& clock, TaskGroup tasks, Own own, OpenPeerRecord open_record,
                  std::function<void(std::shared_ptr<Connection>)> identified);

  /// Asks the peer.
  void connected(std::shared_ptr<HostConnection> connection);
  /// Forgets what was told on the peer's last connection.
  void disconnected(const std::shared_ptr<HostConnection>& connection);

  /// Addresses or protocols of the host have changed: tells all peers that take pushes. A connection has one push under
  /// way at most; what changes meanwhile goes into the next one.
  void changed();

  std::optional<PeerInfo> peer_info(const multiformats::PeerId& peer) const;

 private:
  /// One connection's side of it.
  struct Exchange {
    std::shared_ptr<HostConnection> connection;
    /// Counts connections: peers are told of changes in this order, not in that of places in memory.
    std::uint64_t number = 0;
    /// The version of ours that its peer has been told, or will ask for.
    std::uint64_t told = 0;
    bool pushing = false;
    bool identifying = true;
    /// What was pushed before identify had ended: newer than what that brings.
    std::optional<IdentifyMessage> early_push = std::nullopt;
    RateBudget pushes{kIdentifyPushBurst, kIdentifyPushInterval};
  };
  struct Peer {
    PeerInfo info;
    std::uint64_t record_seq = 0;
  };

  base::Task<> identify(std::shared_ptr<HostConnection> connection);
  base::Task<> push(std::shared_ptr<HostConnection> connection);
  base::Task<> serve_identify(std::shared_ptr<Connection> connection, std::unique_ptr<Stream> stream);
  base::Task<> serve_push(std::shared_ptr<Connection> connection, std::unique_ptr<Stream> stream);

  Exchange* find(const Connection& connection);
  void begin_push(Exchange& exchange);
  bool takes_pushes(const multiformats::PeerId& peer) const;
  void learn(Exchange& exchange, const IdentifyMessage& message);
  void learn_addresses(Peer& peer, const multiformats::PeerId& id, const IdentifyMessage& message) const;
  std::optional<PeerRecord> record_in(const IdentifyMessage& message, const multiformats::PeerId& peer) const;
  IdentifyMessage message_to(const Connection& connection);
  base::Bytes own_record(const std::vector<multiformats::Multiaddr>& addresses);

  base::Clock& clock_;
  TaskGroup tasks_;
  Own own_;
  OpenPeerRecord open_record_;
  multiformats::PeerId own_id_;
  std::function<void(std::shared_ptr<Connection>)> identified_;
  std::map<const Connection*, Exchange> exchanges_;
  std::map<multiformats::PeerId, Peer> peers_;
  /// Counts the changes of what we tell.
  std::uint64_t version_ = 0;
  std::uint64_t connections_ = 0;
  /// The record that was signed last: as long as the addresses stay, it is told again.
  std::optional<PeerRecord> record_;
  base::Bytes sealed_record_;
};

}  // namespace libp2p
