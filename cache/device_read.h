// Reads offered blocks out of an engine's memory, for a peer.
#pragma once

#include "base/clock.h"
#include "base/task.h"
#include "cache/counters.h"
#include "cache/offer.h"
#include "cache/worker_pool.h"
#include "exchange/local_blocks.h"
#include "gpu/connector.h"
#include "gpu/staging_pool.h"

namespace kvp2p {

/// How long a read may wait for staging memory before it answers "busy".
inline constexpr base::Duration kStagingWaitMax = std::chrono::seconds(5);

struct DeviceReadParts {
  base::Executor executor;
  base::Clock* clock = nullptr;
  GpuConnector* connector = nullptr;
  std::shared_ptr<StagingPool> staging;
  /// Shared: a copy of the connector's may end after the node.
  std::shared_ptr<WorkerPool> workers;
  /// Null: nobody counts.
  CacheCounters* counters = nullptr;
  /// True once the node stops.
  std::shared_ptr<bool> stopped;
};

struct OfferedBlock {
  std::shared_ptr<Offer> offer;
  std::uint32_t index = 0;
};

/// `part` of some offered blocks, in the order given: gathered into staging, digested there, and good only if no offer
/// was revoked meanwhile (kBlockGone). Node thread.
base::Task<base::Result<SliceRead>> read_offered(DeviceReadParts parts, std::vector<OfferedBlock> blocks,
                                                 ShardRange part);

}  // namespace kvp2p
