#include "tests/sybil/swarm.h"

#include "tests/sybil/cores.h"
#include "tests/sybil/swarm_peer.h"

#include <boost/asio/post.hpp>

namespace kvp2p::sybil {

Swarm::Swarm(const Wares& wares, const SwarmConfig& config, multiformats::Multiaddr node)
    : wares_(wares), config_(config), node_(std::move(node)), thread_([this] { run(); }) {}

Swarm::~Swarm() {
  boost::asio::post(io_, [this] { base::spawn(io_.get_executor(), stop()); });
  thread_.join();
}

void Swarm::run() {
  if (config_.core) pin_thread(*config_.core);
  base::spawn(io_.get_executor(), start());
  io_.run();
  peers_.clear();
}

base::Task<> Swarm::start() {
  ++running_;
  for (std::size_t i = 0; i < config_.peers && !stopping_; ++i) {
    peers_.push_back(std::make_unique<SwarmPeer>(*this, i));
    co_await peers_.back()->connect();
    base::spawn(io_.get_executor(), peers_.back()->stay());
  }
  --running_;
}

base::Task<> Swarm::stop() {
  stopping_ = true;
  while (running_ > 0) co_await base::sleep_for(clock_, std::chrono::milliseconds(10));
  for (const auto& peer : peers_) co_await peer->close();
  work_.reset();
}

}  // namespace kvp2p::sybil
