// The host: puts listeners, dialler, upgrader, connections and the protocols that every node serves together.
#pragma once

#include "libp2p/host/connection_set.h"
#include "libp2p/host/connection_upgrader.h"
#include "libp2p/host/data_connections.h"
#include "libp2p/host/dial_calls.h"
#include "libp2p/host/dialler.h"
#include "libp2p/host/host.h"
#include "libp2p/host/host_connection.h"
#include "libp2p/host/identify_service.h"
#include "libp2p/host/inbound_admission.h"
#include "libp2p/host/task_group.h"

#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace libp2p {

/// Listen addresses of one host.
inline constexpr std::size_t kListenersMax = 64;

/// What a host is made of; tests put a simulated network in.
struct HostParts {
  std::vector<std::unique_ptr<Transport>> transports;
  std::unique_ptr<Resolver> resolver;  ///< none: no names in addresses
  std::vector<std::unique_ptr<Security>> securities;
  std::vector<std::unique_ptr<Muxer>> muxers;
  /// Like `securities`, but offering HostConfig::data_protocol alone; none: no data connections.
  std::vector<std::unique_ptr<Security>> data_securities = {};
  /// What reads the signed records of peers; a simulation checks each once, not once a node.
  OpenPeerRecord open_record = open_peer_record;
};

class HostImpl final : public Host {
 public:
  HostImpl(const base::Executor& executor, base::Clock& clock, HostConfig config, HostParts parts);
  ~HostImpl() override;

  const multiformats::PeerId& peer_id() const override { return peer_id_; }
  base::Result<multiformats::Multiaddr> listen(const multiformats::Multiaddr& address) override;
  std::vector<multiformats::Multiaddr> addresses() const override;
  void announce(std::string source, std::vector<multiformats::Multiaddr> addresses) override;
  void addresses_changed() override { identify_.changed(); }
  void add_transport(std::unique_ptr<Transport> transport) override { dialler_.add_transport(std::move(transport)); }
  void set_stream_handler(std::string protocol, StreamHandler handler) override;
  void remove_stream_handler(const std::string& protocol) override;
  base::Task<base::Result<std::shared_ptr<Connection>>> connect(multiformats::PeerId peer,
                                                                std::vector<multiformats::Multiaddr> addresses,
                                                                ConnectOptions options) override;
  base::Task<base::Result<std::shared_ptr<Connection>>> connect(multiformats::Multiaddr address,
                                                                ConnectOptions options) override;
  base::Task<base::Result<DataConnection>> open_data_connection(
      multiformats::PeerId peer, std::vector<multiformats::Multiaddr> addresses) override;
  void set_data_handler(DataHandler handler) override { data_handler_ = std::move(handler); }
  std::optional<base::TimePoint> backoff_until(const multiformats::PeerId& peer) const override {
    return dialler_.backoff_until(peer);
  }
  std::vector<std::shared_ptr<Connection>> connections() const override { return connections_.open(); }
  std::vector<std::shared_ptr<Connection>> connections_to(const multiformats::PeerId& peer) const override {
    return connections_.open_to(peer);
  }
  std::vector<multiformats::PeerId> peers() const override { return connections_.peers(); }
  void disconnect(const multiformats::PeerId& peer) override;
  void set_gate(ConnectionGate gate) override;
  std::optional<PeerInfo> peer_info(const multiformats::PeerId& peer) const override {
    return identify_.peer_info(peer);
  }
  void on_connected(std::function<void(std::shared_ptr<Connection>)> call) override;
  void on_disconnected(std::function<void(std::shared_ptr<Connection>)> call) override;
  void on_identified(std::function<void(std::shared_ptr<Connection>)> call) override;
  base::Task<base::Result<base::Duration>> ping(std::shared_ptr<Connection> connection) override;
  base::Task<> close() override;

 private:
  using DialResult = DialCalls::Result;
  using DialTarget = DialCalls::Target;

  /// Of open_data_connection(): who waits, and what for. Shared with the dial.
  struct DataDial;
  base::Result<> may_dial(const DialTarget& target, const ConnectOptions& options) const;
  base::Task<DialResult> join_dial(DialTarget target, ConnectOptions options);
  base::Task<DialResult> dial(DialTarget target, ConnectOptions options);
  base::Task<> dial_data(std::shared_ptr<DataDial> dial);

  base::Task<> accept_from(std::shared_ptr<Listener> listener);
  std::optional<InboundAdmission::Permit> admit(const multiformats::Multiaddr& from);
  base::Task<> upgrade_inbound(RawConnection raw, InboundAdmission::Permit permit);

  /// `permit`: of an inbound connection, for as long as it is there.
  DialResult add_connection(UpgradedConnection upgraded, ConnectionOrigin origin,
                            std::optional<InboundAdmission::Permit> permit = std::nullopt);
  base::Result<> may_add(const UpgradedConnection& upgraded) const;
  base::Result<DataConnection> add_data_connection(UpgradedConnection upgraded,
                                                   std::optional<InboundAdmission::Permit> permit = std::nullopt);
  base::Task<> run_connection(std::shared_ptr<HostConnection> connection,
                              std::optional<InboundAdmission::Permit> permit);
  /// What is not a connection yet, but may become one.
  std::size_t pending() const { return inbound_.pending() + dials_.under_way() + data_dials_; }
  /// Whether there is room for one connection more, if those that are pending come up.
  bool has_room() const { return connections_.has_room(pending() + data_connections_.size()); }

  base::Executor executor_;
  base::Clock& clock_;
  HostConfig config_;
  multiformats::PeerId peer_id_;
  std::shared_ptr<ConnectionGate> gate_;
  ConnectionUpgrader upgrader_;
  TaskGroup tasks_;
  Dialler dialler_;
  std::shared_ptr<ProtocolTable> protocols_ = std::make_shared<ProtocolTable>();
  IdentifyService identify_;
  std::vector<std::shared_ptr<Listener>> listeners_;
  std::map<std::string, std::vector<multiformats::Multiaddr>> announced_;  ///< by who has
  InboundAdmission inbound_;
  ConnectionSet connections_;
  DialCalls dials_;
  std::vector<std::function<void(std::shared_ptr<Connection>)>> connected_calls_;
  std::vector<std::function<void(std::shared_ptr<Connection>)>> disconnected_calls_;
  std::vector<std::function<void(std::shared_ptr<Connection>)>> identified_calls_;
  DataConnections data_connections_;
  std::size_t data_dials_ = 0;  ///< under way
  DataHandler data_handler_;
  bool closing_ = false;
  /// Breaks off dials and handshakes under way.
  std::stop_source stop_;
};

}  // namespace libp2p
