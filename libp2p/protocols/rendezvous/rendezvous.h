// Rendezvous (libp2p/specs rendezvous/README.md): peers register under a name at a point that all know, and ask it who
// else has. rust-libp2p's is spoken with.
#pragma once

#include "base/clock.h"
#include "libp2p/host/host.h"
#include "libp2p/protocols/rendezvous/registrations.h"
#include "libp2p/records/peer_record.h"

#include <functional>
#include <memory>

namespace libp2p::rendezvous {

/// Of one request, from opening the stream to the end of the answer.
inline constexpr base::Duration kRequestTimeout = std::chrono::seconds(10);
/// Requests on one stream, and streams that are being served.
inline constexpr std::size_t kRequestsPerStreamMax = 16;
inline constexpr std::size_t kStreamsServedMax = 128;

/// A rendezvous point. Not thread-safe: on the host's executor. `clock` and `host` outlive it.
class Server {
 public:
  struct Config {
    RegistrationLimits limits;
    /// Who is served; others are kNotAuthorised. Empty: anybody.
    std::function<bool(const multiformats::PeerId&)> serves;
  };

  /// Serves from now on.
  Server(base::Clock& clock, Host& host, Config config);
  ~Server();

  std::size_t registrations() const;

 private:
  struct State;
  Host& host_;
  std::shared_ptr<State> state_;  // shared with the streams being served
};

/// Someone who is registered: verified, and never the point's invention.
struct Found {
  multiformats::PeerId peer;
  std::vector<multiformats::Multiaddr> addresses;
};

struct Discovered {
  std::vector<Found> peers;
  /// For the next question, which is then answered with what is new.
  base::Bytes cookie;
};

/// Registers this host's addresses under `name` for `ttl` (rust-libp2p takes no less than kTtlDefault); for how long it
/// is taken. Error::kRefused, with the reason in the log, if the point does not want it. The record is sealed in the
/// older form, because rust-libp2p reads no other here.
base::Task<base::Result<std::chrono::seconds>> register_at(base::Clock& clock, std::shared_ptr<Connection> point,
                                                           base::Bytes signed_record, std::string name,
                                                           std::chrono::seconds ttl);
/// No longer. Not answered.
base::Task<base::Result<>> unregister_at(base::Clock& clock, std::shared_ptr<Connection> point, std::string name);
/// Who is registered under `name`, at most `limit`; records that are not properly signed are left out. A cookie that
/// the point does not know any more is Error::kRefused: ask again without.
base::Task<base::Result<Discovered>> discover_at(base::Clock& clock, std::shared_ptr<Connection> point,
                                                 std::string name, std::uint64_t limit, base::Bytes cookie);

}  // namespace libp2p::rendezvous
