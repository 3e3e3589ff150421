// Two caches of one process, of which one reads the other's memory in place. The reader is CacheTest's; its exchange's
// peers answer with what the owner's cache says.
#pragma once

#include "cache/testing/cache_fixture.h"
#include "direct/direct_client.h"
#include "direct/direct_server.h"

namespace kvp2p::testing {

class DirectCacheTest : public CacheTest {
 protected:
  /// The owner's engine has `owner_layout`; the reader's is CacheTest's.
  explicit DirectCacheTest(NamedLayout owner_layout = hnd(shape()), std::size_t step_bytes = kDirectStepBytes);
  ~DirectCacheTest() override;

  /// The owner's region is opened at the reader.
  void open();
  /// Offers blocks [first, end), which it "computes", out of the owner's slots of the same numbers; from block
  /// other_from_ on another computation than the one that peers have stored.
  OfferId offer(std::size_t first, std::size_t end);
  /// The owner wants its blocks back and writes other ones there.
  void take_back_and_reuse(OfferId offer);
  /// Whatever is fetched over the network is sent, until the transfer is done.
  void run_until_done(const std::shared_ptr<TransferState>& state);
  /// The reader's blocks below the transfer's good_blocks are the right ones; at least `expected` of them are.
  void expect_right(const TransferState& state, std::size_t expected);
  std::uint64_t counter(const std::string& name) const;

  HostConnector owner_connector_{"test", 1};
  EngineMemory owner_engine_;
  BlockIndex owner_index_;
  std::unique_ptr<DirectServer> server_;
  std::unique_ptr<CacheManager> owner_;
  RegionId owner_region_{};
  multiformats::PeerId owner_id_ = new_peer_id();
  multiformats::PeerId reader_id_ = new_peer_id();
  std::size_t other_from_ = kBlocks;

 private:
  std::size_t fetches_sent_ = 0;
};

}  // namespace kvp2p::testing
