// What GossipSub's decisions cost: routers that hand each other their bytes, with no streams and no ciphers between
// them. Prints a row of docs/decisions/0027-gossipsub.md.
//
//     gossipsub_bench <nodes> <peers of each>
#include "libp2p/protocols/gossipsub/router.h"
#include "multiformats/varint.h"

#include <malloc.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace {

using namespace libp2p::gossipsub;
using multiformats::PeerId;
using multiformats::PrivateKey;

const std::string kTopic = "topic";
constexpr int kHeartbeats = 10;
constexpr std::size_t kMessages = 20;
constexpr std::size_t kMessageBytes = 300;

std::size_t heap_bytes() { return mallinfo2().uordblks; }

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

class Net {
 public:
  explicit Net(std::size_t nodes) : keys_(nodes, PrivateKey::generate()) {
    for (std::size_t i = 0; i < nodes; ++i) {
      keys_[i] = PrivateKey::generate();
      Config config{.key = keys_[i]};
      config.seed = i;
      ids_.push_back(PeerId::from_public_key(keys_[i].public_key()));
      places_[ids_[i]] = i;
      routers_.push_back(std::make_unique<Router>(ids_[i], config));
    }
  }

  void connect(std::size_t peers) {
    std::mt19937_64 random(1);
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      for (std::size_t k = 0; k < peers / 2; ++k) {
        const std::size_t other = random() % ids_.size();
        if (other == i) continue;
        routers_[i]->add_peer(ids_[other], {.is_outbound = true});
        routers_[other]->add_peer(ids_[i], {.is_outbound = false});
      }
    }
  }
  void join_all() {
    for (auto& router : routers_) router->join(kTopic, now_);
    settle();
  }
  void heartbeats(int count) {
    for (int i = 0; i < count; ++i) {
      now_ += std::chrono::seconds(1);
      for (auto& router : routers_) router->heartbeat(now_);
      settle();
    }
  }
  void publish(std::size_t node) {
    const base::Bytes data(kMessageBytes);
    routers_[node]->publish(sign_message(keys_[node], ++seqno_, kTopic, data, default_message_id), now_);
    settle();
  }

  std::size_t delivered = 0;
  std::size_t sent = 0;

 private:
  void settle() {
    for (bool any = true; any;) {
      any = false;
      for (std::size_t from = 0; from < routers_.size(); ++from) {
        for (const Send& send : routers_[from]->drain()) {
          any = true;
          ++sent;
          receive(from, places_.at(send.to), *send.frame);
        }
      }
    }
  }
  void receive(std::size_t from, std::size_t to, base::ConstBytes frame) {
    auto rpc = parse_rpc(frame.subspan(multiformats::read_uvarint(frame)->size)).value();
    for (const RawMessage& raw : rpc.publish) {
      const auto message = routers_[to]->receive_message(ids_[from], raw, true, now_);
      if (!message) continue;
      routers_[to]->validated(ids_[from], message, Validation::kAccept, now_);
      ++delivered;
    }
    routers_[to]->receive_control(ids_[from], std::move(rpc), now_);
  }

  std::vector<PrivateKey> keys_;
  std::vector<PeerId> ids_;
  std::map<PeerId, std::size_t> places_;
  std::vector<std::unique_ptr<Router>> routers_;
  base::TimePoint now_{};
  std::uint64_t seqno_ = 0;
};

void measure(std::size_t nodes, std::size_t peers) {
  const std::size_t before = heap_bytes();
  Net net(nodes);
  const std::size_t without_peers = heap_bytes();
  net.connect(peers);
  net.join_all();
  net.heartbeats(kHeartbeats);
  const std::size_t with_peers = heap_bytes();

  auto begin = std::chrono::steady_clock::now();
  net.heartbeats(kHeartbeats);
  const double heartbeat_us = seconds_since(begin) * 1e6 / kHeartbeats / static_cast<double>(nodes);

  net.sent = 0;
  begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < kMessages; ++i) net.publish(i % nodes);
  const double delivery_us = seconds_since(begin) * 1e6 / static_cast<double>(net.delivered);

  const auto all = static_cast<double>(nodes);
  std::printf("| %zu, %zu | %.1f KiB | %.1f KiB | %.1f us | %.4f | %.1f | %.0f us |\n", nodes, peers,
              static_cast<double>(without_peers - before) / all / 1024,
              static_cast<double>(with_peers - without_peers) / all / static_cast<double>(peers) / 1024, heartbeat_us,
              static_cast<double>(net.delivered) / kMessages / (all - 1),
              static_cast<double>(net.sent) / kMessages / all, delivery_us);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 || std::atoi(argv[1]) < 2 || std::atoi(argv[2]) < 2) {
    std::fprintf(stderr, "usage: gossipsub_bench <nodes> <peers of each>\n");
    return 2;
  }
  measure(static_cast<std::size_t>(std::atoi(argv[1])), static_cast<std::size_t>(std::atoi(argv[2])));
}
