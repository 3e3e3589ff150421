// Checks each signature once, whoever receives it: checking is a pure function, and most of a simulation's time
// otherwise.
#pragma once

#include "libp2p/protocols/gossipsub/message.h"

#include <cstdint>
#include <deque>
#include <unordered_map>

namespace kvp2p::sim {

/// Remembers the latest ones. Not thread-safe.
class CheckedSignatures {
 public:
  static constexpr std::size_t kRememberedMax = 65'536;

  base::Result<> check(const libp2p::gossipsub::RawMessage& raw, const multiformats::PeerId& from);
  std::uint64_t checked() const { return checked_; }
  std::uint64_t asked() const { return asked_; }

 private:
  struct Known {
    std::uint64_t rest;  ///< of the digest
    bool good;
  };
  std::unordered_map<std::uint64_t, Known> known_;
  std::deque<std::uint64_t> order_;
  std::uint64_t checked_ = 0, asked_ = 0;
};

}  // namespace kvp2p::sim
