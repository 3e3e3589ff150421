// From a raw stream to a secured and muxed session (libp2p/specs connections/README.md, "Upgrading connections").
#pragma once

#include "base/clock.h"
#include "libp2p/core/muxer.h"
#include "libp2p/core/security.h"
#include "libp2p/core/transport.h"

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace libp2p {

/// A connection that is up: whose it is, and its session.
struct UpgradedConnection {
  std::shared_ptr<MuxedConnection> session;
  multiformats::PeerId remote_peer;
  multiformats::Multiaddr local_address;
  multiformats::Multiaddr remote_address;
  bool is_dialler = false;
  bool muxer_by_handshake = false;
};

/// Not thread-safe: lives on `executor`, and outlives its tasks. `clock` outlives it.
class ConnectionUpgrader {
 public:
  /// Security and muxer protocols are proposed in the order given. REQUIRES: at least one of each.
  ConnectionUpgrader(base::Executor executor, base::Clock& clock, std::vector<std::unique_ptr<Security>> securities,
                     std::vector<std::unique_ptr<Muxer>> muxers);

  /// Protocols that upgrade_outbound() can propose.
  std::size_t security_count() const { return securities_.size(); }

  /// Negotiates as the side that dialled: security, then the muxer, unless the handshake has settled it. Proposes the
  /// security protocol of the number given and no other, because its first bytes leave with the proposal:
  /// Error::kProtocolNotSupported if the other side does not speak it, or that of a connection that it has reset.
  /// Error::kTimeout if that has not ended at `deadline`; Error::kClosing once stopped; Error::kPeerIdMismatch if
  /// another peer than `expected` is there. On any error the raw stream has been reset.
  base::Task<base::Result<UpgradedConnection>> upgrade_outbound(RawConnection raw,
                                                                std::optional<multiformats::PeerId> expected,
                                                                base::TimePoint deadline, std::stop_token stop,
                                                                std::size_t security = 0);
  /// The same as the side that listens; any peer is welcome.
  base::Task<base::Result<UpgradedConnection>> upgrade_inbound(RawConnection raw, base::TimePoint deadline,
                                                               std::stop_token stop);

 private:
  struct Session {
    std::shared_ptr<MuxedConnection> muxed;
    multiformats::PeerId remote_peer;
    bool muxer_by_handshake = false;
  };
  /// What goes on over the raw stream, bounded in time by upgrade().
  using Steps = base::Task<base::Result<Session>>;

  Steps outbound_steps(std::unique_ptr<Stream> stream, std::optional<multiformats::PeerId> expected,
                       base::TimePoint deadline, std::size_t security);
  /// Where there is only one protocol to propose, what follows goes with the proposal, without waiting for the answer.
  base::Task<base::Result<std::string>> propose(std::unique_ptr<Stream>& stream,
                                                const std::vector<std::string>& protocols, base::TimePoint deadline);
  Steps inbound_steps(std::unique_ptr<Stream> stream);
  base::Result<Session> start_muxer(SecuredStream secured, bool is_dialler, bool by_handshake);
  base::Task<base::Result<UpgradedConnection>> upgrade(RawConnection raw, bool is_dialler,
                                                       std::optional<multiformats::PeerId> expected,
                                                       base::TimePoint deadline, std::stop_token stop,
                                                       std::size_t security);
  Security& security(const std::string& protocol) const;

  base::Executor executor_;
  base::Clock& clock_;
  std::vector<std::unique_ptr<Security>> securities_;
  std::vector<std::unique_ptr<Muxer>> muxers_;
  std::vector<std::string> security_protocols_;
  std::vector<std::string> muxer_protocols_;
};

}  // namespace libp2p
