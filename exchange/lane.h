// A lane: one stream that carries frames of a session, on the executor that it lives on.
#pragma once

#include "base/task.h"
#include "libp2p/core/stream.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>

namespace kvp2p {

/// A stream of the session's own connection lives on the node thread; a data connection of its own may live on a
/// network thread. Its coroutines run there and hold it; the node thread talks to them by what they share. Thread-safe,
/// but for stream().
class Lane : public std::enable_shared_from_this<Lane> {
 public:
  struct Parts {
    std::unique_ptr<libp2p::Stream> stream;
    base::Executor executor;  // where the stream lives
    std::uint32_t number = 0;
    bool is_data_connection = false;
    /// Outlives the stream: its connection, or a place in limits.
    std::shared_ptr<void> keep;
    /// Ends the lane; requested on the node thread.
    std::stop_token stop;
  };

  /// Made on the node thread, whose executor is `node`.
  static std::shared_ptr<Lane> create(const base::Executor& node, Parts parts);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// Chosen by who opened it.
  std::uint32_t number() const { return parts_.number; }
  bool is_data_connection() const { return parts_.is_data_connection; }
  const base::Executor& executor() const { return parts_.executor; }
  /// On the executor only.
  libp2p::Stream& stream() { return *parts_.stream; }

  /// Ends it in both directions: at once on the node thread, soon where it lives on another.
  void reset();
  bool is_dead() const { return dead_.load(std::memory_order_acquire); }

  /// How much has come, and whether that ends within a frame: whoever sees no progress there waits for the peer.
  std::uint64_t bytes_read() const { return bytes_read_.load(std::memory_order_relaxed); }
  bool is_within_frame() const { return within_frame_.load(std::memory_order_relaxed); }
  // Told by the one coroutine that reads.
  void add_bytes_read(std::size_t count) {
    bytes_read_.store(bytes_read_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
  void set_within_frame(bool within) { within_frame_.store(within, std::memory_order_relaxed); }

 private:
  Lane(const base::Executor& node, Parts parts);

  Parts parts_;
  const bool lives_on_node_;
  std::atomic<bool> dead_{false};
  std::atomic<bool> within_frame_{false};
  std::atomic<std::uint64_t> bytes_read_{0};
  struct Stopper {
    std::weak_ptr<Lane> lane;
    void operator()() const {
      if (auto alive = lane.lock()) alive->reset();
    }
  };
  std::optional<std::stop_callback<Stopper>> stopper_;
};

}  // namespace kvp2p
