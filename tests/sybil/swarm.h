// Peers of one node, honest and hostile: whole hosts and exchanges on loopback, on one thread of their own.
#pragma once

#include "exchange/exchange.h"
#include "index/block_index.h"
#include "libp2p/host/host.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <map>
#include <memory>
#include <thread>
#include <vector>

namespace kvp2p::sybil {

enum class Character {
  kHonest,   ///< holds what it announces, but for the end of each prompt
  kLiar,     ///< announces everything, and has nothing
  kRefuser,  ///< says that it has everything, and sends nothing
  kJunker,   ///< sends bytes that do not match their digests
  kForger,   ///< sends bytes with digests of their own, which do not make up the block's
  kFlooder,  ///< a liar that asks and announces as much as it can
};

/// What there is to have; does not change once made. Of each prompt the honest hold all but the last blocks, which
/// only the hostile claim to have.
struct Wares {
  ModelFields model;
  ObjectFormat format;
  std::vector<std::vector<BlockKey>> prompts;
  std::size_t honest_blocks = 0;  ///< of each prompt

  struct Block {
    base::Bytes bytes;
    std::vector<ContentDigest> leaves;
  };
  std::map<BlockKey, Block> blocks;  ///< those that the honest hold
};
Wares make_wares(const Fingerprint& fingerprint, const ModelFields& model, const ObjectFormat& format,
                 std::size_t prompts, std::size_t blocks, std::size_t honest_blocks);

struct SwarmConfig {
  Character character = Character::kHonest;
  std::size_t peers = 1;
  base::Bytes cluster_key;
  /// As nice(2): hostile peers of this machine are not to win by taking the processor from those whom they attack.
  int niceness = 0;
};

class SwarmPeer;

/// Peers of one character. Thread-safe; ends them when destroyed.
class Swarm {
 public:
  /// They dial `node`, one after the other, and dial it again whenever they are cut off. `wares` outlive them.
  Swarm(const Wares& wares, const SwarmConfig& config, multiformats::Multiaddr node);
  ~Swarm();

  /// Peers that have been connected at least once.
  std::size_t came() const { return came_; }
  /// Connections that the node has ended.
  std::size_t cut_off() const { return cut_off_; }
  /// Blocks that were asked for by gets.
  std::uint64_t reads() const { return reads_; }

 private:
  friend class SwarmPeer;
  void run();
  base::Task<> start();
  base::Task<> stop();

  const Wares& wares_;
  const SwarmConfig config_;
  const multiformats::Multiaddr node_;
  boost::asio::io_context io_{1};
  base::SystemClock clock_{io_.get_executor()};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  std::vector<std::unique_ptr<SwarmPeer>> peers_;
  std::atomic<std::size_t> came_{0}, cut_off_{0};
  std::atomic<std::uint64_t> reads_{0};
  bool stopping_ = false;
  std::size_t running_ = 0;  ///< coroutines of peers
  std::thread thread_;
};

}  // namespace kvp2p::sybil
