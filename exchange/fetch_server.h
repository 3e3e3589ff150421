// Serves one peer's gets: reads blocks layer by layer and sends them as frames, within the credit that the peer grants.
#pragma once

#include "exchange/frame_packer.h"
#include "exchange/get_job.h"
#include "exchange/node_context.h"
#include "exchange/session_link.h"
#include "wire/messages.h"

#include <memory>
#include <unordered_map>

namespace kvp2p {

/// Part of a session; node thread only. Frames go to whichever of a get's lanes has the least on its way, over data
/// connections if there are any; at its end, lanes that have run dry take over what others have not begun. Bounds:
/// kGetsServedMax jobs, kReadsPerGet reads of each at a time, kOutboxFrames and kOutboxBytes waiting for a lane,
/// ExchangeConfig::bytes_in_flight_max over all.
class FetchServer {
 public:
  FetchServer(std::shared_ptr<NodeContext> context, SessionLink& link);
  ~FetchServer();

  void on_get(std::uint64_t id, wire::Get get);
  void on_credit(std::uint64_t id, const wire::Credit& credit);
  void on_streams(std::uint64_t id, const wire::Streams& streams);
  void on_lost(std::uint64_t id, const wire::Lost& lost);
  void on_counts(std::uint64_t id);
  void on_cancel(std::uint64_t id);

  // Lanes that the peer has opened.
  bool has_lane(std::uint32_t number) const { return lanes_.contains(number); }
  std::size_t lanes() const { return lanes_.size(); }
  std::uint64_t bytes_sent() const { return bytes_sent_; }
  void add_lane(std::shared_ptr<Lane> lane);
  void remove_lane(std::uint32_t number);
  void end_all();

 private:
  struct Frame;
  using Job = std::shared_ptr<GetJob>;
  Job find(std::uint64_t id) const;
  /// A copy: whoever is called may end some.
  std::vector<Job> jobs() const;
  /// Whatever has changed: reads, sends and ends what can be.
  void advance(const Job& job);
  void advance_all();
  void find_lanes(GetJob& job);
  bool may_wait_packed(const GetJob& job, const GetChunk& chunk) const;
  bool may_read(GetJob& job, const GetChunk& chunk) const;
  std::optional<GetChunk> next_chunk(GetJob& job);
  void start_reads(const Job& job);
  base::Task<> run_reads(Job job, GetChunk chunk, std::shared_ptr<void> keep);
  base::Task<base::Result<SliceRead>> read_chunk(GetJob& job, GetChunk chunk);
  void on_read_failed(GetJob& job, const GetChunk& chunk, base::Error error);
  void make_ready(const Job& job, const GetChunk& chunk, SliceRead read, PackedFrame packed);
  void send_ready(GetJob& job);
  void rebalance(GetJob& job);
  void give(GetJob& job, LaneOutbox& lane, std::unique_ptr<OutgoingFrame> frame);
  /// Back from the last of that lane's frames of its job.
  void take_back(LaneOutbox& lane, OutgoingFrame& frame);
  void send_end(GetJob& job);
  void on_written(LaneOutbox& lane);
  void forget(OutgoingFrame& frame);
  /// The frames of one get.
  static std::function<bool(const OutgoingFrame&)> is_of(const GetJob& job);
  void fail(GetJob& job, wire::ErrorMessage error);
  /// The asker has broken the protocol.
  void refuse(const Job& job, std::string_view reason);
  void stop(const Job& job);

  std::shared_ptr<NodeContext> context_;
  SessionLink& link_;
  std::unordered_map<std::uint64_t, Job> jobs_;
  std::unordered_map<std::uint32_t, std::shared_ptr<LaneOutbox>> lanes_;
  std::size_t bytes_in_flight_ = 0;
  std::uint64_t bytes_sent_ = 0;
};

}  // namespace kvp2p
