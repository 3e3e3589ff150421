// Transports: raw streams to and from addresses.
#pragma once

#include "base/clock.h"
#include "libp2p/core/stream.h"
#include "multiformats/multiaddr.h"

#include <memory>
#include <stop_token>
#include <vector>

namespace libp2p {

/// A raw connection, not yet secured.
struct RawConnection {
  std::unique_ptr<Stream> stream;
  multiformats::Multiaddr local_address;
  multiformats::Multiaddr remote_address;
  /// A relay carries it, for a while or so many bytes only.
  bool is_limited = false;
};

class Listener {
 public:
  virtual ~Listener() = default;
  /// The address bound, with the port that the system chose.
  virtual multiformats::Multiaddr local_address() const = 0;
  /// Where it can be reached. Changes where that is up to others (a relay).
  virtual std::vector<multiformats::Multiaddr> addresses() const { return {local_address()}; }
  /// Waits for the next connection. Transient failures (out of descriptors) are waited out, not returned; an error
  /// means that the listener is closed.
  virtual base::Task<base::Result<RawConnection>> accept() = 0;
  virtual void close() noexcept = 0;
};

/// One transport (TCP; a simulated network in tests).
class Transport {
 public:
  virtual ~Transport() = default;
  /// Whether addresses of this kind are dialled and listened on.
  virtual bool can_dial(const multiformats::Multiaddr& address) const = 0;
  /// Gives up after `timeout` (Error::kTimeout), or once a stop is requested on the executor (Error::kClosing).
  virtual base::Task<base::Result<RawConnection>> dial(multiformats::Multiaddr address, base::Duration timeout,
                                                       std::stop_token stop) = 0;
  /// The same from a port that is listened on, where that is possible: the other side, and every NAT between, sees the
  /// address at which this node can be reached. Optional: dial() otherwise.
  virtual base::Task<base::Result<RawConnection>> dial_from_listen_port(multiformats::Multiaddr address,
                                                                        base::Duration timeout, std::stop_token stop) {
    return dial(std::move(address), timeout, std::move(stop));
  }
  /// The same, never stopped.
  base::Task<base::Result<RawConnection>> dial(multiformats::Multiaddr address, base::Duration timeout) {
    return dial(std::move(address), timeout, std::stop_token());
  }
  virtual base::Result<std::unique_ptr<Listener>> listen(const multiformats::Multiaddr& address) = 0;
};

}  // namespace libp2p
