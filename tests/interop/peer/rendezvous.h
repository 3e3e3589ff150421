// The peer's rendezvous: a point, and what it registers at others'.
#pragma once

#include "libp2p/protocols/rendezvous/rendezvous.h"

namespace interop {

/// Not thread-safe. `clock` and `host` outlive it.
class Rendezvous {
 public:
  Rendezvous(base::Clock& clock, libp2p::Host& host, const multiformats::PrivateKey& key)
      : host_(host), key_(key), point_(clock, host, {}) {}

  /// The host's addresses, signed.
  base::Bytes record();

 private:
  libp2p::Host& host_;
  multiformats::PrivateKey key_;
  std::uint64_t records_ = 0;
  libp2p::rendezvous::Server point_;
};

}  // namespace interop
