// Publishes what this node stores and drops as vLLM does, for routers that follow engines' caches (docs/events.md).
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "events/error.h"
#include "events/kv_event.h"

#include <memory>
#include <string>

namespace kvp2p {

struct KvEventsConfig {
  /// Where a ZeroMQ PUB socket is bound: "tcp://127.0.0.1:5557". Whoever can reach it can read it. Empty: no events.
  std::string endpoint;
  /// Where a ROUTER socket is bound that says missed batches again; empty: none.
  std::string replay_endpoint;
  /// First frame of each message.
  std::string topic;
  KvEventFormat format = KvEventFormat::kArray;
  /// Batches kept for replay, within kReplayBytesMax.
  std::size_t replay_batches_max = 10'000;
  /// From a change to its batch: others that come meanwhile are in it.
  base::Duration batch_delay = std::chrono::milliseconds(10);
};

/// Thread-safe; runs a thread of its own. The first batch says AllBlocksCleared: a node begins with nothing.
///
/// A message is [topic, sequence number as big-endian 64-bit, batch]. A subscriber that misses a number sends the first
/// one that it lacks to the replay endpoint from a REQ or DEALER socket ([empty, number]); it is answered [empty,
/// number, batch] for each that is still kept, and then [empty, -1, empty].
class KvEventPublisher {
 public:
  static constexpr std::size_t kReplayBytesMax = std::size_t{64} << 20;
  /// Waiting to be put in a batch. Beyond it, subscribers are told that everything was cleared, and of what came after.
  static constexpr std::size_t kChangesMax = 262'144;
  /// Messages waiting for one subscriber; what is beyond it misses them.
  static constexpr int kSubscriberMessagesMax = 100'000;

  /// EventsError.
  static base::Result<std::unique_ptr<KvEventPublisher>> start(KvEventsConfig config);
  virtual ~KvEventPublisher() = default;

  virtual void stored(const BlockKey& key) = 0;
  virtual void removed(const BlockKey& key) = 0;
  virtual void cleared() = 0;

  /// As bound: with the port that the system has chosen for "tcp://127.0.0.1:*".
  virtual std::string endpoint() const = 0;
  virtual std::string replay_endpoint() const = 0;
};

}  // namespace kvp2p
