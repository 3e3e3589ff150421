// The lanes that this node has opened to one peer, for its fetches.
#pragma once

#include "exchange/frame_receiver.h"
#include "exchange/lane_planner.h"
#include "exchange/moving_average.h"
#include "exchange/node_context.h"
#include "wire/messages.h"

#include <memory>
#include <optional>
#include <vector>

namespace kvp2p {

class FetchClient;

/// What the lanes need of their session. Node thread only.
class LaneUser {
 public:
  virtual ~LaneUser() = default;
  virtual const std::shared_ptr<libp2p::Connection>& connection() const = 0;
  /// The first message of a new stream, with a number of its own.
  virtual wire::StreamOpen next_stream_open() = 0;
  virtual base::Duration round_trip() const = 0;
  virtual base::Task<base::Result<base::Duration>> ping(base::TimePoint deadline) = 0;
  virtual FetchClient& fetches() = 0;
  virtual std::shared_ptr<void> keep_alive() = 0;
};

/// A lane over a data connection that has had its first message, on a network thread if there are any.
Lane::Parts lane_parts(const NodeContext& context, libp2p::DataConnection connection, std::uint32_t number);

/// Part of a session; node thread only. One lane is a stream of the session's own connection: it is there at once, and
/// what is left if nothing else can be opened. The others are data connections, opened when a fetch wants them, each on
/// a network thread, and closed when none has been under way for kLaneIdleMax.
class LaneSet {
 public:
  LaneSet(std::shared_ptr<NodeContext> context, LaneUser& user);
  ~LaneSet();

  /// Opens the lane over the session's own connection.
  void open_first();
  /// Numbers of those that frames can come over now.
  std::vector<std::uint32_t> open_lanes() const;
  /// How many data connections a fetch of so many bytes deserves.
  std::size_t wanted_for(std::size_t bytes) const;
  /// A fetch wants so many data connections. Those that are not there join it when they are.
  void want(std::size_t data_connections);
  /// No fetch is under way.
  void on_idle();
  void on_bytes(std::size_t bytes);
  void on_fetched(std::size_t bytes, base::Duration time);
  /// Bytes a second of fetches; 0 while there were none.
  double rate() const { return rate_.value(); }
  /// Ends lanes that wait within a frame and have not moved for long.
  void end_stuck();
  void end_all();

 private:
  struct Open {
    std::shared_ptr<Lane> lane;
    std::uint64_t bytes_seen = 0;
    base::TimePoint since;  // when bytes_seen was seen first, or it began to wait for more
    base::TimePoint moved;  // when bytes_seen was seen first
  };
  base::Task<> open_session_lane(std::shared_ptr<void> keep);
  base::Task<> open_data_connection(std::shared_ptr<void> keep);
  base::Task<base::Result<Lane::Parts>> connect();
  std::vector<multiformats::Multiaddr> addresses() const;
  void start_missing();
  void add(std::shared_ptr<Lane> lane);
  void on_lane_ended(const std::shared_ptr<Lane>& lane, LaneEnd how);
  void on_dial_failed(base::Error error);
  std::size_t data_connections() const;
  void watch();
  base::Duration stall_time() const;
  void look_for_stalls();
  void look_for_silence();
  /// Gives up those that have still not moved when the peer has answered.
  base::Task<> check(std::vector<std::shared_ptr<Lane>> suspects, std::shared_ptr<void> keep);

  std::shared_ptr<NodeContext> context_;
  LaneUser& user_;
  LanePlanner planner_;
  MovingAverage rate_;
  std::vector<Open> lanes_;
  bool ended_ = false;
  bool opening_first_ = false;
  bool checking_ = false;
  std::size_t opening_ = 0;  // data connections
  std::size_t wanted_ = 0;
  base::Duration retry_delay_{};
  base::TimePoint retry_at_{};
  std::unique_ptr<base::Timer> idle_timer_;
  std::unique_ptr<base::Timer> watch_timer_;
  // What is being measured: bytes since then, over so many lanes.
  std::size_t measured_bytes_ = 0;
  std::size_t measured_lanes_ = 0;
  base::TimePoint measured_since_;
};

}  // namespace kvp2p
