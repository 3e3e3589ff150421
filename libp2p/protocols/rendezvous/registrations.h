// What is registered at a rendezvous point. No clock, no network.
#pragma once

#include "base/clock.h"
#include "libp2p/protocols/rendezvous/message.h"
#include "multiformats/peer_id.h"

#include <map>
#include <utility>

namespace libp2p::rendezvous {

struct RegistrationLimits {
  std::size_t registrations_max = 4096;
  std::size_t per_peer_max = 32;
  /// Of one answer: rust-libp2p takes 1 MiB.
  std::size_t answer_bytes_max = 512 * 1024;
};

/// Not thread-safe.
class Registrations {
 public:
  /// `instance`: random, so that a cookie of another run is known for one.
  Registrations(const RegistrationLimits& limits, std::uint64_t instance) : limits_(limits), instance_(instance) {}

  /// Answers a request of `peer`, whose id the connection has proved. Nothing: there is no answer (kUnregister).
  std::optional<Message> answer(const multiformats::PeerId& peer, const Message& request, base::TimePoint now);

  std::size_t size() const { return by_sequence_.size(); }

 private:
  struct Entry {
    multiformats::PeerId peer;
    Registration registration;
    base::TimePoint expires;
  };
  using Key = std::pair<multiformats::PeerId, std::string>;

  Message add(const multiformats::PeerId& peer, const Registration& wanted, base::TimePoint now);
  Message discover(const Message& request, base::TimePoint now) const;
  void remove(const Key& key);
  void expire(base::TimePoint now);
  base::Bytes cookie(std::uint64_t sequence, const std::string& name) const;
  /// Up to where its holder has been told; nothing: it is not one of ours for `name`.
  std::optional<std::uint64_t> sequence_in(base::ConstBytes cookie, const std::string& name) const;

  RegistrationLimits limits_;
  std::uint64_t instance_;
  std::uint64_t last_sequence_ = 0;
  std::map<std::uint64_t, Entry> by_sequence_;
  std::map<Key, std::uint64_t> sequences_;
};

}  // namespace libp2p::rendezvous
