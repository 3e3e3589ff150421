// Collects what this node stores and evicts, so that a burst is one message.
#pragma once

#include "exchange/node_context.h"
#include "wire/messages.h"

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

namespace kvp2p {

/// Node thread only. Waits kAnnounceDelay after the first change, or until a message is full.
class Announcer {
 public:
  using Send = std::function<void(const std::vector<wire::Announce>&)>;
  Announcer(std::shared_ptr<NodeContext> context, Send send) : context_(std::move(context)), send_(std::move(send)) {}

  void stored(const Fingerprint& fingerprint, const ObjectFormat& format, const BlockKey& key);
  void evicted(const Fingerprint& fingerprint, const BlockKey& key);
  /// What is pending is never sent.
  void stop();

 private:
  /// The last thing that happened to a key.
  struct Change {
    std::uint64_t order = 0;
    Fingerprint fingerprint;
    std::optional<ObjectFormat> stored_as;  // nothing: evicted
  };
  void add(const BlockKey& key, Change change);
  void flush();

  std::shared_ptr<NodeContext> context_;
  Send send_;
  std::unordered_map<BlockKey, Change> changes_;
  std::uint64_t order_ = 0;
  std::unique_ptr<base::Timer> timer_;
  bool stopped_ = false;
};

/// Everything that a new peer is told, oldest first; the first message voids what it was told before.
std::vector<wire::Announce> snapshot_announcements(std::vector<LocalBlocks::Held> held);

}  // namespace kvp2p
