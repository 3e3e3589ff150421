// A real node that looks for prompts and fetches them, one after the other, among honest and hostile peers.
#pragma once

#include "provider/testing/test_engine.h"
#include "tests/sybil/swarm.h"

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

  double p99_ms() const;
  double bytes_per_s() const;
};

/// Not thread-safe.
class Customer {
 public:
  Customer();

  /// `prompts` that are different from one another, of so many blocks each.
  void make_wares(std::size_t prompts, std::size_t blocks, std::size_t honest_blocks);
  const Wares& wares() const { return *wares_; }
  multiformats::Multiaddr address() const { return node_->addresses().front(); }
  SwarmConfig peers(Character character, std::size_t count) const;
  /// Until so many peers have said hello, for at most `time`; whether they have.
  bool wait_for_peers(std::size_t count, base::Duration time) { return node_->wait_for_peers(count, time); }

  /// Gets prompts [begin, end).
  Shopping shop(std::size_t begin, std::size_t end);
  std::map<std::string, std::uint64_t> counters() const;

 private:
  std::unique_ptr<Node> node_;
  std::unique_ptr<testing::TestEngine> engine_;
  ModelSpec model_;
  std::unique_ptr<Wares> wares_;
};

}  // namespace kvp2p::sybil
