// From a raw stream to a secured and muxed session (libp2p/specs connections/README.md, "Upgrading connections").
#pragma once

#include "base/clock.h"
#include "libp2p/core/muxer.h"
#include "libp2p/core/security.h"
#include "libp2p/core/transport.h"
#include "libp2p/security/pnet/pre_shared_key.h"

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace libp2p {

/// What a connection is for: many streams, or one alone (HostConfig::data_protocol).
enum class ConnectionKind { kMuxed, kData };

/// A connection that is up: whose it is, and its session or, of a data connection, its stream.
struct UpgradedConnection {
  std::shared_ptr<MuxedConnection> session;
  multiformats::PeerId remote_peer;
  multiformats::Multiaddr local_address;
  multiformats::Multiaddr remote_address;
  bool is_dialler = false;
  bool muxer_by_handshake = false;
  bool is_limited = false;  ///< RawConnection::is_limited
  std::unique_ptr<Stream> data_stream = nullptr;

  ConnectionKind kind() const { return session ? ConnectionKind::kMuxed : ConnectionKind::kData; }
  /// Ends it at once, without a word to the other side.
  void abort() noexcept;
};

/// How data connections are secured and recognised.
struct DataUpgrade {
  std::string protocol;
  /// The upgrader's other securities once more, in the same order, offering the protocol alone. The others accept it
  /// besides the muxers.
  std::vector<std::unique_ptr<Security>> securities;
};

/// Not thread-safe: lives on `executor`, and outlives its tasks. `clock` outlives it.
class ConnectionUpgrader {
 public:
  /// Security and muxer protocols are proposed in the order given. REQUIRES: at least one of each. Without securities
  /// in `data` there are no data connections. With a network key every raw stream is put under it before anything else
  /// (security/pnet): Error::kNotInPrivateNetwork where the other side does not have it, or has not shown at the
  /// deadline that it has.
  ConnectionUpgrader(base::Executor executor, base::Clock& clock, std::vector<std::unique_ptr<Security>> securities,
                     std::vector<std::unique_ptr<Muxer>> muxers, DataUpgrade data = {},
                     std::optional<pnet::PreSharedKey> network_key = std::nullopt);

  /// Protocols that upgrade_outbound() can propose.
  std::size_t security_count() const { return securities_.size(); }

  /// Negotiates as the side that dialled: security, then the muxer, unless the handshake has settled it. Proposes the
  /// security protocol of the number given and no other, because its first bytes leave with the proposal:
  /// Error::kProtocolNotSupported if the other side does not speak it, or that of a connection that it has reset.
  /// Error::kTimeout if that has not ended at `deadline`; Error::kClosing once stopped; Error::kPeerIdMismatch if
  /// another peer than `expected` is there; Error::kProtocolNotSupported if either side does not know data connections
  /// and one was wanted. On any error the raw stream has been reset.
  base::Task<base::Result<UpgradedConnection>> upgrade_outbound(RawConnection raw,
                                                                std::optional<multiformats::PeerId> expected,
                                                                base::TimePoint deadline, std::stop_token stop,
                                                                std::size_t security = 0,
                                                                ConnectionKind kind = ConnectionKind::kMuxed);
  /// The same as the side that listens; any peer is welcome, and the dialler chooses the kind.
  base::Task<base::Result<UpgradedConnection>> upgrade_inbound(RawConnection raw, base::TimePoint deadline,
                                                               std::stop_token stop);

 private:
  struct Session {
    std::shared_ptr<MuxedConnection> muxed;
    std::unique_ptr<Stream> data_stream;
    multiformats::PeerId remote_peer;
    bool muxer_by_handshake = false;
  };
  /// What goes on over the raw stream, bounded in time by upgrade().
  using Steps = base::Task<base::Result<Session>>;
  using Securities = std::vector<std::unique_ptr<Security>>;

  /// Puts it under the network's key, if there is one.
  base::Task<base::Result<std::unique_ptr<Stream>>> protect(std::unique_ptr<Stream> stream);
  Steps muxed_steps(std::unique_ptr<Stream> stream, std::optional<multiformats::PeerId> expected,
                    base::TimePoint deadline, std::size_t security);
  Steps data_steps(std::unique_ptr<Stream> stream, std::optional<multiformats::PeerId> expected,
                   base::TimePoint deadline, std::size_t security);
  base::Task<base::Result<SecuredStream>> secure_outbound(std::unique_ptr<Stream> stream, Security& security,
                                                          std::optional<multiformats::PeerId> expected,
                                                          base::TimePoint deadline);
  /// Where there is only one protocol to propose, what follows goes with the proposal, without waiting for the answer.
  base::Task<base::Result<std::string>> propose(std::unique_ptr<Stream>& stream, std::vector<std::string> protocols,
                                                base::TimePoint deadline);
  Steps inbound_steps(std::unique_ptr<Stream> stream);
  base::Result<Session> start_muxer(SecuredStream secured, bool is_dialler, bool by_handshake);
  static Session data_session(SecuredStream secured);
  /// `steps` run over a stream that is `bottom`.
  base::Task<base::Result<UpgradedConnection>> upgrade(RawConnection raw, std::shared_ptr<Stream> bottom, Steps steps,
                                                       bool is_dialler, base::TimePoint deadline, std::stop_token stop);
  Security& security(const std::string& protocol) const;

  base::Executor executor_;
  base::Clock& clock_;
  Securities securities_;
  std::vector<std::unique_ptr<Muxer>> muxers_;
  DataUpgrade data_;
  std::optional<pnet::PreSharedKey> network_key_;
  std::vector<std::string> security_protocols_;
  std::vector<std::string> muxer_protocols_;
};

}  // namespace libp2p
