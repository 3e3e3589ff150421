// Engines on real nodes. For tests.
#pragma once

#include "gpu/testing/engine_memory.h"
#include "provider/node.h"

#include <string>
#include <vector>

namespace kvp2p::testing {

inline base::TimePoint in(base::Duration time) { return std::chrono::steady_clock::now() + time; }

/// A model of `shape`; `seed` is in its weights' digest.
ModelSpec test_model(const Shape& shape, const std::string& seed = "weights");
/// A prompt of full blocks.
std::vector<TokenId> test_tokens(std::size_t blocks, std::uint32_t seed = 1);

/// Engine memory, registered with a node's core while it lives. Not thread-safe.
class TestEngine : public EngineMemory {
 public:
  /// `shared`: peers of this host may read it in place.
  TestEngine(KvCore& core, NamedLayout layout, const ModelSpec& spec, bool shared = false);
  ~TestEngine();

  KvCore& core() { return core_; }
  RegionId region() const { return region_; }
  const Fingerprint& fingerprint() const { return fingerprint_; }

 private:
  KvCore& core_;
  RegionId region_{};
  Fingerprint fingerprint_;
};

/// A node on loopback with an identity of its own and no multicast.
NodeConfig test_node_config();
std::unique_ptr<Node> start_test_node(std::size_t store_bytes_max = 64u << 20);
/// Runs `call` on the node thread and waits for it.
void run_on_node(Node& node, const std::function<void()>& call);
/// Flips a byte of a block in a node's store, after it was published.
void corrupt_stored(Node& node, const BlockKey& key, const ObjectFormat& format, std::size_t byte);
/// Leases that peers hold at the node.
std::size_t leases_of(Node& node);

/// The node thread does nothing until this goes: to its peers the node looks hung, its connections stay up.
class StalledNode {
 public:
  explicit StalledNode(Node& node);
  ~StalledNode() { resume_->signal(); }

 private:
  // Shared: the node thread is still in wait() when this goes.
  std::shared_ptr<HostEvent> resume_ = std::make_shared<HostEvent>();
};
/// b dials a.
void connect(Node& a, Node& b);

/// Puts the first `blocks` of keys from slots 0, 1, … and waits until they are published.
void publish(TestEngine& engine, const std::vector<BlockKey>& keys, std::size_t blocks);

}  // namespace kvp2p::testing
