// An engine's paged KV cache with content that can be told from any other, on a node of its own. For tests.
#pragma once

#include "gpu/testing/layouts.h"
#include "provider/node.h"

#include <string>
#include <vector>

namespace kvp2p::testing {

/// Poison of memory that nothing was written to.
inline constexpr std::uint8_t kPoison = 0xA5;

inline base::TimePoint in(base::Duration time) { return std::chrono::steady_clock::now() + time; }

/// A model of `shape`; `seed` is in its weights' digest.
ModelSpec test_model(const Shape& shape, const std::string& seed = "weights");
/// A prompt of full blocks.
std::vector<TokenId> test_tokens(std::size_t blocks, std::uint32_t seed = 1);

/// Engine memory, registered with a node's core while it lives. Not thread-safe.
class TestEngine {
 public:
  TestEngine(KvCore& core, NamedLayout layout, const ModelSpec& spec);
  ~TestEngine();

  /// Computes the KV of the prompt's block `block`: bytes that depend on key, layer, head, plane, token and dim.
  void compute(const std::vector<BlockKey>& keys, std::size_t block, Slot slot);
  /// The layer of the slot is what compute() makes of this key.
  bool holds(const BlockKey& key, std::uint32_t layer, Slot slot) const;
  bool holds(const BlockKey& key, Slot slot) const;
  /// Nothing was written to the slot since the last poison().
  bool is_poisoned(Slot slot) const;
  void poison();

  KvCore& core() { return core_; }
  RegionId region() const { return region_; }
  const LayoutDesc& layout() const { return named_.layout; }
  const Fingerprint& fingerprint() const { return fingerprint_; }
  std::vector<std::uint8_t>& memory() { return memory_; }

 private:
  KvCore& core_;
  NamedLayout named_;
  std::vector<std::uint8_t> memory_;
  RegionId region_{};
  Fingerprint fingerprint_;
};

/// A node on loopback with an identity of its own and no multicast.
std::unique_ptr<Node> start_test_node(std::size_t store_bytes_max = 64u << 20);
/// b dials a.
void connect(Node& a, Node& b);

/// Puts the first `blocks` of keys from slots 0, 1, … and waits until they are published.
void publish(TestEngine& engine, const std::vector<BlockKey>& keys, std::size_t blocks);

}  // namespace kvp2p::testing
