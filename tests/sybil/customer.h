// A real node that looks for prompts and fetches them, one after the other, among honest and hostile peers.
#pragma once

#include "provider/testing/test_engine.h"
#include "tests/sybil/swarm.h"

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace kvp2p::sybil {

/// Of some prompts.
struct Shopping {
  std::vector<base::Duration> look_ups;
  base::Duration fetching{};
  std::uint64_t bytes = 0;        ///< of blocks that arrived
  std::size_t blocks_wanted = 0;  ///< that somebody honest has
  std::size_t blocks_arrived = 0;
  std::size_t blocks_wrong = 0;  ///< that were said to be good, and are not what they should be

  void add(const Shopping& more);
  double percentile_ms(double percent) const;
  double bytes_per_s() const;
};

/// Not thread-safe.
class Customer {
 public:
  /// `honest_named`: so many honest peers are named in its cluster file, and nobody else may announce; 0: it has none.
  explicit Customer(std::size_t honest_named = 0);
  ~Customer();

  Wares make_wares(const WaresSize& size) const;
  multiformats::Multiaddr address() const { return node_->addresses().front(); }
  SwarmConfig peers(Character character, std::size_t count) const;
  /// Until so many peers have said hello, for at most `time`; whether they have.
  bool wait_for_peers(std::size_t count, base::Duration time) { return node_->wait_for_peers(count, time); }

  /// Gets prompts [begin, end); `between` is called between each look-up and its fetch.
  Shopping shop(const Wares& wares, std::size_t begin, std::size_t end, const std::function<void()>& between = {});
  std::uint64_t counter(const std::string& name) const;

 private:
  /// Gets what the match has found; adds to `shopping`.
  void fetch(const std::vector<BlockKey>& keys, MatchId match, std::size_t found, Shopping& shopping);

  std::filesystem::path folder_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<testing::TestEngine> engine_;
};

}  // namespace kvp2p::sybil
