// Which of a peer's blocks can be read in place, and why the others cannot.
#pragma once

#include "cache/direct_copy.h"
#include "cache/shard_match.h"

#include <memory>
#include <string>
#include <vector>

namespace kvp2p {

struct TransferPlan;

/// Neighbouring blocks of a transfer that go one way.
struct DirectRun {
  std::size_t end = 0;
  /// Null: they come by the normal path.
  std::shared_ptr<PeerRegion> region;
  std::string why_not;
};

/// From transfer block `first` on, before `end`, of what the peer has answered. Node thread.
DirectRun find_direct_run(const DirectPath& direct, const TransferPlan& plan, const PeerAnswer& answer,
                          std::size_t first, std::size_t end);

/// The copy of blocks [first, end) out of `region`. REQUIRES: find_direct_run has found them to be there.
DirectCopy::Plan plan_direct_copy(CacheContext& context, const TransferPlan& plan, std::shared_ptr<TransferState> state,
                                  const PeerAnswer& answer, std::shared_ptr<PeerRegion> region, std::size_t first,
                                  std::size_t end);

/// Whether any of these blocks can be read in place here.
bool has_direct_blocks(const DirectPath& direct, const multiformats::PeerId& peer,
                       const std::vector<FoundBlock>& blocks);

}  // namespace kvp2p
