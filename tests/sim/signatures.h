// Checks each signature once, whoever receives it: checking is a pure function, and most of a simulation's time
// otherwise.
#pragma once

#include "libp2p/protocols/gossipsub/message.h"
#include "libp2p/records/peer_record.h"

#include <cstdint>
#include <deque>
#include <map>

namespace kvp2p::sim {

/// Remembers the latest results of one pure function, by a digest of what it was asked. Not thread-safe.
template <class Result>
class Remembered {
 public:
  static constexpr std::size_t kResultsMax = 65'536;
  using Digest = std::pair<std::uint64_t, std::uint64_t>;

  template <class Ask>
  const Result& ask(const Digest& digest, const Ask& ask) {
    const auto known = results_.find(digest);
    if (known != results_.end()) return known->second;
    if (order_.size() == kResultsMax) {
      results_.erase(order_.front());
      order_.pop_front();
    }
    order_.push_back(digest);
    return results_.emplace(digest, ask()).first->second;
  }

 private:
  std::map<Digest, Result> results_;
  std::deque<Digest> order_;
};

/// Not thread-safe.
class CheckedSignatures {
 public:
  /// libp2p::gossipsub::verify_message().
  base::Result<> check(const libp2p::gossipsub::RawMessage& raw, const multiformats::PeerId& from);
  /// libp2p::open_peer_record().
  base::Result<libp2p::PeerRecord> open_record(base::ConstBytes envelope);

 private:
  Remembered<base::Result<>> messages_;
  Remembered<base::Result<libp2p::PeerRecord>> records_;
};

}  // namespace kvp2p::sim
