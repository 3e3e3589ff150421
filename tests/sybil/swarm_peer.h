// One peer of a swarm: a host, and an exchange or what floods instead.
#pragma once

#include "exchange/exchange.h"
#include "index/block_index.h"
#include "tests/sybil/swarm.h"

#include <random>

namespace kvp2p::sybil {

/// On the swarm's thread. Close it before it goes.
class SwarmPeer {
 public:
  SwarmPeer(Swarm& swarm, std::uint64_t number);

  base::Task<> connect();
  /// Behaves as it does until the swarm stops.
  base::Task<> stay();
  base::Task<> close();

 private:
  void become_somebody();
  base::TimePoint next_redial();
  base::Task<> come_back();
  void look_whether_inside();
  bool floods() const { return swarm_.config_.character == Character::kFlooder; }
  base::Task<> flood(std::shared_ptr<libp2p::Connection> connection);
  base::Task<bool> say_hello(libp2p::Stream& stream, multiformats::PeerId node);
  base::Task<bool> send_flood(libp2p::Stream& stream);
  base::Task<> drain(std::shared_ptr<libp2p::Stream> stream);

  Swarm& swarm_;
  std::uint64_t number_;
  std::mt19937_64 random_;
  PeerBlocks blocks_;
  BlockIndex index_;
  std::unique_ptr<libp2p::Host> host_;
  std::unique_ptr<Exchange> exchange_;  // a flooder has none
  bool has_come_ = false;
  bool is_inside_ = false;
  std::uint64_t sequence_ = 0;
  bool is_flooding_ = false;
  std::size_t flooding_ = 0;  // coroutines
};

}  // namespace kvp2p::sybil
