// Peers of one node, honest or hostile: whole hosts and exchanges that dial it over TCP, on one thread of their own.
#pragma once

#include "multiformats/multiaddr.h"
#include "tests/sybil/peer_blocks.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace kvp2p::sybil {

struct SwarmConfig {
  Character character = Character::kHonest;
  std::size_t peers = 1;
  base::Bytes cluster_key;
  /// Whoever has been cut off comes back as somebody else.
  bool new_identities = false;
  /// The only core that its thread runs on; any, if there is none.
  std::optional<std::size_t> core = std::nullopt;
};

class SwarmPeer;

/// Peers of one character. Thread-safe; ends them when destroyed.
class Swarm {
 public:
  /// They dial `node`, one after the other, and dial it again whenever they are cut off. `wares` outlive them.
  Swarm(const Wares& wares, const SwarmConfig& config, multiformats::Multiaddr node);
  ~Swarm();

  Character character() const { return config_.character; }
  /// Paused, they answer and do nothing of themselves. At first they are not.
  void pause(bool paused) { paused_ = paused; }

  /// Peers that have been let in at least once, and that are now.
  std::size_t came() const { return came_; }
  std::size_t inside() const { return inside_; }
  /// Connections that the node has ended.
  std::uint64_t cut_off() const { return cut_off_; }
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
  std::atomic<bool> paused_{false};
  std::atomic<std::size_t> came_{0}, inside_{0};
  std::atomic<std::uint64_t> cut_off_{0}, reads_{0};
  bool stopping_ = false;
  std::size_t running_ = 0;  ///< coroutines of peers
  std::thread thread_;
};

}  // namespace kvp2p::sybil
