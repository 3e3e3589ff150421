// A libp2p node: listens, dials, runs identify and ping, and hands streams to the protocols that are served.
#pragma once

#include "base/clock.h"
#include "libp2p/core/stream.h"
#include "libp2p/core/transport.h"
#include "libp2p/host/connection_gate.h"
#include "libp2p/security/pnet/pre_shared_key.h"
#include "multiformats/keys.h"
#include "multiformats/multiaddr.h"
#include "multiformats/peer_id.h"

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace libp2p {

/// The wall clock, which grows from one run of a node to the next.
std::uint64_t unix_time_ns();

/// TLS, whose cipher the processor has; then noise, which every libp2p speaks.
std::vector<std::string> default_securities();

struct HostConfig {
  multiformats::PrivateKey key;
  std::string agent_version = "kv-cache-p2p/0.1.0";
  /// For connect(): from dialling to the end of the security and muxer handshake, all addresses together.
  base::Duration dial_timeout = std::chrono::seconds(10);
  /// For an inbound connection to become secured and muxed, and for a stream to agree on a protocol.
  base::Duration handshake_timeout = std::chrono::seconds(10);
  /// Connections, both ways; dials and inbound handshakes under way count too.
  std::size_t connections_max = 1024;
  /// Connections to one peer, both ways, data connections among them: eight of these each way fit with room to spare.
  /// More than one that is muxed arises when both sides dial at once, or on purpose; with a limit of one, two sides
  /// that dial at once may refuse each other.
  std::size_t connections_per_peer_max = 32;
  /// Addresses dialled at once, of all peers; others wait their turn, within their dial_timeout.
  std::size_t dial_attempts_max = 128;
  /// Inbound connections from one IPv4 address or IPv6 /64.
  std::size_t inbound_per_network_max = 256;
  /// The same that may begin a second, once so many have begun; without a bound if not set.
  std::optional<std::size_t> inbound_per_network_per_second = std::nullopt;
  /// Inbound connections that are still in their handshake; in all, and from one network.
  std::size_t pending_inbound_max = 128;
  std::size_t pending_inbound_per_network_max = 32;
  /// Streams that are open, both ways: of one connection, of one peer over all its connections, and in all.
  std::size_t streams_per_connection_max = 1024;
  std::size_t streams_per_peer_max = 2048;
  std::size_t streams_max = 16 * 1024;
  /// Whom to have to do with; Host::set_gate() changes it.
  ConnectionGate gate = {};
  /// How often an idle connection is pinged by yamux; one unanswered ping ends it.
  base::Duration keep_alive = std::chrono::seconds(30);
  /// What one stream sends before the others of its connection have their turn, if not as much as yamux takes by
  /// itself. Several Noise messages at once (65,519 bytes each) are sealed and opened on several cores.
  std::optional<std::size_t> stream_turn_bytes = std::nullopt;
  /// A connection on which no stream has been open for this long (or up to twice that) is closed; never if not set.
  std::optional<base::Duration> idle_timeout = std::nullopt;
  /// Number of a new signed record of our addresses: greater in every run of a node, or its peers take it for an old
  /// one.
  std::function<std::uint64_t()> record_seq = unix_time_ns;
  /// Addresses to announce besides those listened on (--external-ip).
  std::vector<multiformats::Multiaddr> external_addresses = {};
  /// What secures connections, in the order in which it is proposed. The first is proposed without waiting for the
  /// answer; a peer that does not speak it is dialled again with the next.
  std::vector<std::string> securities = default_securities();
  /// The protocol of data connections: agreed on in the security handshake in place of a muxer, it stands for the
  /// secured stream itself. Offered by open_data_connection(), accepted from peers; empty: neither.
  std::string data_protocol = {};
  /// The key of a private network: every connection, data connections too, is encrypted under it from its first byte,
  /// and no other is ever made or accepted. Who has not the same one is Error::kNotInPrivateNetwork.
  std::optional<pnet::PreSharedKey> network_key = std::nullopt;
  /// Whether to serve /perf/1.0.0, to anybody: it sends and takes as many bytes as a peer likes (protocols/perf).
  bool serve_perf = false;
};

/// A stream on which both sides have agreed what to speak.
struct NegotiatedStream {
  std::unique_ptr<Stream> stream;
  std::string protocol;
};

/// One secured and muxed connection. Owned by its host; shared so that a protocol can hold on to it while it is used.
/// Not thread-safe: lives on the host's executor.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual const multiformats::PeerId& remote_peer() const = 0;
  virtual const multiformats::Multiaddr& remote_address() const = 0;
  virtual const multiformats::Multiaddr& local_address() const = 0;
  virtual bool is_dialler() const = 0;
  virtual bool is_closed() const = 0;
  /// Whether the muxer was agreed on in the security handshake; else it was negotiated by multistream after it.
  virtual bool muxer_by_handshake() const = 0;
  /// Whether another connection to the peer serves instead, because both sides had dialled at once, or because this one
  /// leads through a relay and the other does not. It works until it is closed, which one side does when no stream has
  /// been open on it for a while; Host::connect() returns the other.
  virtual bool is_superseded() const = 0;
  /// Whether a relay carries it for a while, or so many bytes, only: good for signalling, and not for payload. A relay
  /// that sets no limits makes no limited connections (is_relayed() tells).
  virtual bool is_limited() const = 0;
  /// Streams that are open, both ways.
  virtual std::size_t stream_count() const = 0;
  /// Opens a stream and agrees on the first of `protocols` that the peer serves. Where identify has told that it serves
  /// one of them, the stream is returned at once, and a refusal after all fails its first read (negotiate_lazily()).
  /// The caller keeps the connection alive.
  virtual base::Task<base::Result<NegotiatedStream>> new_stream(std::vector<std::string> protocols) = 0;
  virtual void close() = 0;
};

/// Whether a relay carries the connection.
inline bool is_relayed(const Connection& connection) {
  return connection.remote_address().has(multiformats::AddrProtocol::kP2pCircuit);
}

/// Serves one inbound stream of a protocol; the stream is the handler's to keep. Spawned as a coroutine of its own.
using StreamHandler =
    std::function<base::Task<>(std::shared_ptr<Connection> connection, std::unique_ptr<Stream> stream)>;

/// What identify told of a peer, and identify push since. Addresses are without /p2p/… at their end.
struct PeerInfo {
  std::string agent_version;
  std::vector<std::string> protocols;
  std::vector<multiformats::Multiaddr> listen_addresses;
  std::optional<multiformats::Multiaddr> observed_address;
  /// The listen addresses come from a peer record that the peer has signed.
  bool has_signed_record = false;
  /// That record, as the peer sent it (records/peer_record.h): others may be given it. Empty: none.
  base::Bytes signed_record = {};
};

/// A connection that carries one stream of bytes and has no muxer (HostConfig::data_protocol). Made on the host's
/// executor; the stream may be moved to another (Stream::move_to). Counts as a connection to the peer while `permit`
/// lives.
struct DataConnection {
  multiformats::PeerId remote_peer;
  multiformats::Multiaddr remote_address;
  std::unique_ptr<Stream> stream;
  /// Requested, on the host's executor, when the host closes, disconnects the peer, or its gate admits it no more: end
  /// the stream then.
  std::stop_token stop;
  /// Its place within the host's limits. May be dropped on any thread, and after the host is gone, but not after the
  /// host's executor is.
  std::shared_ptr<void> permit;
};

/// Serves one inbound data connection. Spawned as a coroutine of its own, which the host's close() waits for; the
/// connection is the handler's to keep, also beyond that.
using DataHandler = std::function<base::Task<>(DataConnection)>;

/// Who is who on a connection that both sides have dialled at the same moment.
enum class PunchRole { kDialler, kListener };

struct ConnectOptions {
  /// Dials although there is a connection to the peer already: for a second one on purpose.
  bool force_new = false;
  /// Dials also where dialling has failed a short time ago.
  bool ignore_backoff = false;
  /// Dials from a port that is listened on, where that is possible: the peer observes the address at which a NAT lets
  /// others in, if it lets anybody. For a relay, a hole punch, and nobody else: two nodes that dial each other at once
  /// from those ports get one connection on which both think that they are the dialler.
  bool from_listen_port = false;
  /// The peer dials us at the same moment (protocols/dcutr). All addresses are dialled at once, from the port that is
  /// listened on, and the handshake is run in this role. Implies force_new.
  std::optional<PunchRole> punch = std::nullopt;
  /// In place of HostConfig::dial_timeout.
  std::optional<base::Duration> timeout = std::nullopt;
};

/// Not thread-safe: all calls on the executor that it was made with. Destroy it only after close() has completed.
class Host {
 public:
  /// The default stack: TCP, HostConfig::securities, yamux. `clock` and the executor's context outlive the host.
  static std::unique_ptr<Host> create(const base::Executor& executor, base::Clock& clock, HostConfig config);
  virtual ~Host() = default;

  virtual const multiformats::PeerId& peer_id() const = 0;
  /// Starts to accept connections. Port 0 lets the system choose.
  virtual base::Result<multiformats::Multiaddr> listen(const multiformats::Multiaddr& address) = 0;
  /// What peers may dial: the listen addresses (an unspecified one as each interface's), external ones, those that
  /// have been announced; without /p2p.
  virtual std::vector<multiformats::Multiaddr> addresses() const = 0;
  /// Announces these besides, in place of what `source` has announced before; connected peers are told.
  virtual void announce(std::string source, std::vector<multiformats::Multiaddr> addresses) = 0;
  /// The addresses of a listener have changed: connected peers are told.
  virtual void addresses_changed() = 0;
  /// Dials and listens by it too from now on, where no other transport does.
  virtual void add_transport(std::unique_ptr<Transport> transport) = 0;

  /// Serves `protocol` from now on, on all connections; replaces an earlier handler. Connected peers are told of it.
  /// REQUIRES: the id begins with '/', holds no newline and fits into a multistream line.
  virtual void set_stream_handler(std::string protocol, StreamHandler handler) = 0;
  /// Serves `protocol` no more; streams that its handler has got go on. Nothing if it is not served.
  virtual void remove_stream_handler(const std::string& protocol) = 0;

  /// The connection to `peer`, an existing one or one dialled at `addresses`: the next address is tried while the one
  /// before is slow, and the first that leads to the peer wins. Any other peer that answers there is
  /// Error::kPeerIdMismatch. An address at which dialling has failed is left out for a while (see dial_backoff.h):
  /// Error::kDialBackoff if none remains.
  virtual base::Task<base::Result<std::shared_ptr<Connection>>> connect(multiformats::PeerId peer,
                                                                        std::vector<multiformats::Multiaddr> addresses,
                                                                        ConnectOptions options = ConnectOptions()) = 0;
  /// Dials an address that may or may not end in `/p2p/<id>`, also if that has failed a short time ago: who names a
  /// single address wants it dialled.
  virtual base::Task<base::Result<std::shared_ptr<Connection>>> connect(multiformats::Multiaddr address,
                                                                        ConnectOptions options = ConnectOptions()) = 0;

  /// Opens a data connection to `peer`, always a new one: it is dialled as connect() dials, within the same limits, but
  /// is not in connections(), and connect() does not return it. Error::kProtocolNotSupported if the peer does not speak
  /// HostConfig::data_protocol, or we do not.
  virtual base::Task<base::Result<DataConnection>> open_data_connection(
      multiformats::PeerId peer, std::vector<multiformats::Multiaddr> addresses) = 0;
  /// Serves inbound data connections from now on, in place of an earlier handler; without one they are reset.
  virtual void set_data_handler(DataHandler handler) = 0;

  /// When the first of those addresses of `peer` that are left out for a while may be dialled again; nothing if none
  /// is.
  virtual std::optional<base::TimePoint> backoff_until(const multiformats::PeerId& peer) const = 0;

  /// Those that are open; several to one peer if there are.
  virtual std::vector<std::shared_ptr<Connection>> connections() const = 0;
  /// Those among them that lead to `peer`.
  virtual std::vector<std::shared_ptr<Connection>> connections_to(const multiformats::PeerId& peer) const = 0;
  /// Whom there are open connections to, each peer once.
  virtual std::vector<multiformats::PeerId> peers() const = 0;
  /// Closes all connections to `peer`; none of them is in connections() any more. Data connections are told to stop.
  virtual void disconnect(const multiformats::PeerId& peer) = 0;
  /// Replaces HostConfig::gate. It is asked before an address is dialled (Error::kDenied), when a connection comes in,
  /// and after each handshake; connections that it does not admit any more are closed.
  virtual void set_gate(ConnectionGate gate) = 0;
  /// What identify told, once it has; nothing before.
  virtual std::optional<PeerInfo> peer_info(const multiformats::PeerId& peer) const = 0;

  /// Called on the executor after each connection is up (identified or not) and after it has ended.
  virtual void on_connected(std::function<void(std::shared_ptr<Connection>)> call) = 0;
  virtual void on_disconnected(std::function<void(std::shared_ptr<Connection>)> call) = 0;
  /// Called on the executor once identify on a connection has succeeded: peer_info() tells now. Called again whenever
  /// the peer has told of changes.
  virtual void on_identified(std::function<void(std::shared_ptr<Connection>)> call) = 0;

  /// Round trip of one ping.
  virtual base::Task<base::Result<base::Duration>> ping(std::shared_ptr<Connection> connection) = 0;

  /// Stops listening, says goodbye on every connection and waits until all coroutines of the host have ended, those of
  /// stream handlers too: their streams fail, and whatever else they wait for is theirs to end.
  virtual base::Task<> close() = 0;
};

}  // namespace libp2p
