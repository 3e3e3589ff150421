// A node with one block-paged host cache, for benchmarks: the producer serves what it has put, the consumer gets it.
#pragma once

#include "provider/node.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace kvp2p::bench {

/// The shape of the KV that is moved: fp32, NHD.
struct KvShape {
  std::uint32_t layers = 30;
  std::uint32_t kv_heads = 3;
  std::uint32_t head_dim = 64;
  std::uint32_t blocks = 32;

  ObjectFormat format() const;
  std::size_t bytes() const { return format().block_bytes() * blocks; }
};

class BenchNode {
 public:
  /// Listens on 127.0.0.1, no mDNS, a host key of its own. Exits the process with a message on failure.
  BenchNode(const KvShape& shape, const std::string& cluster_key, const std::string& config_dir);

  Node& node() { return *node_; }
  std::vector<float>& cache() { return cache_; }
  /// Fills the cache with random numbers and puts every block; returns when all are published.
  void publish();
  void connect(const std::string& address);
  /// Match and get of all blocks into the cache; false unless every block arrived.
  bool get_all();

 private:
  KvShape shape_;
  std::unique_ptr<Node> node_;
  std::vector<float> cache_;
  RegionId region_{};
  Fingerprint fingerprint_;
  std::vector<BlockKey> keys_;
  std::vector<Slot> slots_;
};

}  // namespace kvp2p::bench
