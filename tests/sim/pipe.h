// A simulated TCP connection.
#pragma once

#include "base/signal.h"
#include "libp2p/core/stream.h"
#include "tests/sim/network.h"

#include <array>
#include <list>
#include <memory>

namespace kvp2p::sim {

/// Two directions between two ends, 0 and 1. Shared by the streams of its ends. Not thread-safe.
class Pipe : public std::enable_shared_from_this<Pipe> {
 public:
  /// What is under way and unread in one direction: further bytes wait.
  static constexpr std::size_t kBufferBytes = 256 * 1024;

  Pipe(Network& network, NodeNumber from, NodeNumber to);
  ~Pipe();
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  const std::array<NodeNumber, 2>& nodes() const { return nodes_; }
  std::size_t end_of(NodeNumber node) const { return nodes_[0] == node ? 0 : 1; }

  /// Breaks at one end, which knows at once; the other is told over the network.
  void reset(std::size_t end);
  void break_both();
  /// What could not be sent is sent now, if the other side can be reached.
  void reachable_again();

  // For the streams.
  base::Signal& changed(std::size_t end) { return changed_[end]; }
  bool is_broken(std::size_t end) const { return broken_[end]; }
  bool can_read(std::size_t end) const;
  bool has_room(std::size_t end) const { return broken_[end] || directions_[end].held < kBufferBytes; }
  bool has_ended(std::size_t end) const { return directions_[end].end_sent; }
  /// Both directions have been closed, and nothing is left to read.
  bool is_done(std::size_t end) const { return directions_[end].end_sent && directions_[1 - end].ended; }
  std::size_t read(std::size_t end, base::MutableBytes into);
  /// Takes as many of them as there is room for.
  std::size_t write(std::size_t end, base::ConstBytes bytes);
  void close_write(std::size_t end);

 private:
  enum class Kind : std::uint8_t { kData, kEnd, kReset };
  struct Chunk {
    Kind kind;
    bool received = false;
    base::Bytes bytes;
    base::TimePoint sent;
    base::TimePoint arrives;
  };
  /// What the end of this number writes.
  struct Direction {
    std::list<Chunk> under_way;
    base::Bytes unread;
    std::size_t unread_begin = 0;
    std::size_t held = 0;
    base::TimePoint last_arrival{};
    bool end_sent = false;
    bool ended = false;
    std::unique_ptr<base::Timer> timer;
  };

  void send(std::size_t end, Kind kind, base::ConstBytes bytes);
  void arm(std::size_t end);
  void deliver(std::size_t end);
  void arrived(std::size_t end, const Chunk& chunk);
  void breaks(std::size_t end);

  Network& network_;
  const std::array<NodeNumber, 2> nodes_;
  std::uint64_t number_;
  std::array<Direction, 2> directions_;
  std::array<base::Signal, 2> changed_;
  std::array<bool, 2> broken_{};
};

/// One end of a pipe.
std::unique_ptr<libp2p::Stream> make_stream(std::shared_ptr<Pipe> pipe, std::size_t end);

}  // namespace kvp2p::sim
