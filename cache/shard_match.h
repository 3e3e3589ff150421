// What a match has found for one shard, and holds.
#pragma once

#include "cache/cache_context.h"
#include "cache/source_plan.h"
#include "exchange/local_blocks.h"
#include "storage/memory_store.h"

#include <memory>
#include <vector>

namespace kvp2p {

/// Peers that the index names, longest run first, and connected peers of which it knows nothing, that one match asks.
inline constexpr std::size_t kIndexedPeersMax = 8;
inline constexpr std::size_t kUnknownPeersMax = 8;

/// A lease at a peer, ended when nobody here needs it any more. May be destroyed on any thread.
class PeerLease {
 public:
  PeerLease(base::Executor executor, std::shared_ptr<ExchangeLink> link, multiformats::PeerId peer, LeaseToken token);
  ~PeerLease();
  PeerLease(const PeerLease&) = delete;
  PeerLease& operator=(const PeerLease&) = delete;

  const multiformats::PeerId& peer() const { return peer_; }
  const LeaseToken& token() const { return token_; }

 private:
  base::Executor executor_;
  std::shared_ptr<ExchangeLink> link_;
  multiformats::PeerId peer_;
  LeaseToken token_;
};

/// One peer's answer for one shard. Blocks are numbered as in the match; the peer's own numbers begin at holding.first.
struct PeerAnswer {
  std::shared_ptr<PeerLease> lease;
  Holding holding;
  std::vector<FoundBlock> blocks;  // [match block - holding.first]
  /// What the holder expects to serve at; 0 if it did not say.
  std::uint64_t promised_bytes_per_second = 0;
  /// The holder's incarnation, and until when it must have what it leased.
  std::uint64_t epoch = 0;
  base::TimePoint leased_until{};

  const std::optional<ContentDigest>& root_of_block(std::size_t block) const {
    return blocks[block - holding.first].root;
  }
};

/// Once the match is decided, nothing changes but that late answers are added: transfers under way use them, too.
struct ShardMatch {
  ObjectFormat format;
  std::vector<std::shared_ptr<const BlockPin>> local;      // one a key; null where nothing is here
  std::vector<std::shared_ptr<const PeerAnswer>> answers;  // one a peer asked
  std::vector<int> sources;                                // see plan_sources
  /// Peers that are known to have some of the blocks and have not answered yet.
  std::size_t answers_expected = 0;
};

}  // namespace kvp2p
