// A cache manager with an engine's memory, scripted peers and a clock that the test moves.
#pragma once

#include "cache/cache_manager.h"
#include "cache/testing/pausing_connector.h"
#include "cache/testing/scripted_exchange.h"
#include "direct/direct_client.h"
#include "gpu/testing/engine_memory.h"
#include "index/block_index.h"

#include <gtest/gtest.h>

#include <thread>

namespace kvp2p::testing {

/// The test's thread is the node thread; copies and digests run on threads of their own.
class CacheTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kBlocks = 12;

  /// `direct`: peers' memory can be opened here.
  explicit CacheTest(std::size_t store_blocks_max = 64, bool direct = false,
                     std::size_t direct_step_bytes = kDirectStepBytes, FetchLimits fetch_limits = {});
  ~CacheTest() override;

  /// Runs the node thread until `condition` holds.
  template <class Condition>
  void run_until(Condition condition) {
    while (!condition()) {
      io_.restart();
      if (io_.poll() == 0) std::this_thread::yield();
    }
  }
  /// Runs what is ready, and lets workers and copies finish.
  void settle();
  void advance(base::Duration time);

  multiformats::PeerId add_peer(std::size_t first, std::size_t end, bool indexed = true);
  MatchRequest request(std::size_t blocks = kBlocks, base::Duration time = std::chrono::seconds(2)) const;
  /// A decided match.
  MatchId decided_match(std::size_t blocks = kBlocks);
  GetRequest get_request(MatchId match, std::size_t blocks) const;
  std::shared_ptr<TransferState> start_get(MatchId match, std::size_t blocks);
  /// Publishes blocks [first, end) from the engine's slots of the same numbers.
  void put_blocks(std::size_t first, std::size_t end);

  MatchStatus status_of(MatchId match) { return manager_->find(match)->status(); }

  static Shape shape();
  base::Task<bool> reach(multiformats::PeerId peer);
  /// Stops the cache and lets go of peers' memory. Idempotent.
  void close_reader();

  boost::asio::io_context io_;
  base::ManualClock clock_;
  base::SystemClock real_clock_{io_.get_executor()};
  PausingConnector connector_;
  std::shared_ptr<StagingPool> staging_;
  BlockIndex index_;
  EngineMemory engine_{hnd(shape())};
  std::unique_ptr<DirectClient> direct_client_;
  std::unique_ptr<CacheManager> manager_;
  std::unique_ptr<ScriptedExchange> exchange_;
  /// Peers that there is no session with until the cache wants one. Others cannot be reached.
  std::map<multiformats::PeerId, ScriptedExchange::Peer> far_peers_;
  std::vector<std::pair<BlockKey, PrefixAt>> prefixes_;  // CacheConfig::on_prefix
  RegionId region_{};
  ModelSpec model_;
  Fingerprint fingerprint_;
  std::vector<BlockKey> keys_;
};

}  // namespace kvp2p::testing
