// A connection of a host: hands inbound streams to the protocols that are served, and opens outbound ones.
#pragma once

#include "libp2p/host/connection_upgrader.h"
#include "libp2p/host/host.h"
#include "libp2p/host/task_group.h"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace libp2p {

/// Inbound streams of one connection that have not agreed on a protocol yet; further ones are reset. As many as go and
/// rust open before the first of them is acknowledged.
inline constexpr std::size_t kNegotiatingStreamsMax = 256;
/// How long a connection that ends may take to say goodbye.
inline constexpr base::Duration kGoodbyeTimeout = std::chrono::seconds(2);

struct ServedProtocol {
  StreamHandler handler;
  /// Inbound streams that one connection may have with the handler; further ones are reset.
  std::size_t streams_per_connection_max = SIZE_MAX;
};

using ProtocolTable = std::map<std::string, ServedProtocol, std::less<>>;

/// Not thread-safe. Uses nothing of its host, so that it may be held on to longer; `clock` outlives it.
class HostConnection final : public Connection, public std::enable_shared_from_this<HostConnection> {
 public:
  /// `negotiation_timeout` bounds the agreement on a protocol of each stream, both ways.
  HostConnection(UpgradedConnection upgraded, std::shared_ptr<const ProtocolTable> protocols, TaskGroup tasks,
                 base::Clock& clock, base::Duration negotiation_timeout);

  const multiformats::PeerId& remote_peer() const override { return upgraded_.remote_peer; }
  const multiformats::Multiaddr& remote_address() const override { return upgraded_.remote_address; }
  const multiformats::Multiaddr& local_address() const override { return upgraded_.local_address; }
  bool is_dialler() const override { return upgraded_.is_dialler; }
  bool is_closed() const override { return closing_ || session().is_closed(); }
  bool muxer_by_handshake() const override { return upgraded_.muxer_by_handshake; }
  std::size_t stream_count() const override { return session().stream_count(); }
  base::Task<base::Result<NegotiatedStream>> new_stream(std::vector<std::string> protocols) override;
  void close() override;

  bool is_superseded() const override { return superseded_; }
  bool is_limited() const override { return upgraded_.is_limited; }

  /// Whether new_stream() may succeed: not once either side is closing.
  bool takes_streams() const { return !is_closed() && session().takes_streams(); }
  /// Another connection to the peer serves instead.
  void supersede() { superseded_ = true; }
  /// Closes the connection when no stream has been open or begun for `time`, or a little longer: at most twice that.
  /// The last call counts.
  void close_when_idle(base::Duration time);
  void set_stream_budget(std::shared_ptr<StreamBudget> budget) { session().set_stream_budget(std::move(budget)); }
  /// What identify told that the other side serves. Streams for these are opened without a round trip of their own.
  void set_remote_protocols(const std::vector<std::string>& protocols) {
    remote_protocols_ = {protocols.begin(), protocols.end()};
  }

  /// Accepts streams, each served by a coroutine of its own in the task group, and returns when the connection has
  /// ended. Called once.
  base::Task<> serve();

 private:
  using Self = std::shared_ptr<HostConnection>;

  static base::Task<> serve_stream(Self self, std::unique_ptr<Stream> stream);
  /// Says goodbye, where there is somebody left to hear it, and waits until the session has come to its end.
  static base::Task<> end_session(Self self);
  base::Task<base::Result<std::string>> negotiate(Stream& stream);
  base::Task<base::Result<std::string>> propose(Stream& stream, std::vector<std::string> protocols);
  void arm_idle_timer(base::Duration time);
  void on_idle_timer(base::Duration time);
  MuxedConnection& session() const { return *upgraded_.session; }

  UpgradedConnection upgraded_;
  std::shared_ptr<const ProtocolTable> protocols_;
  TaskGroup tasks_;
  base::Clock& clock_;
  base::Duration negotiation_timeout_;
  std::size_t negotiating_ = 0;
  /// Inbound streams that are with their handlers.
  std::map<std::string, std::size_t> served_;
  std::set<std::string, std::less<>> remote_protocols_;
  bool closing_ = false;
  bool superseded_ = false;
  std::unique_ptr<base::Timer> idle_timer_;
  /// Counts the streams of both directions, and what the count was when the idle timer last looked, if none was open.
  std::uint64_t streams_begun_ = 0;
  std::optional<std::uint64_t> begun_when_idle_;
};

}  // namespace libp2p
