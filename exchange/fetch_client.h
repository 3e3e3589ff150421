// The fetches that this node has under way at one peer.
#pragma once

#include "exchange/fetch_task.h"
#include "exchange/frame_registry.h"
#include "exchange/stall_watch.h"

#include <memory>
#include <unordered_map>

namespace kvp2p {

/// Part of a session; node thread only.
class FetchClient {
 public:
  FetchClient(std::shared_ptr<NodeContext> context, SessionLink& link, LaneSet& lanes);

  /// Never calls the sink before it has returned.
  std::unique_ptr<Fetch> start(FetchRequest request, FetchSink& sink, base::TimePoint deadline);

  /// Where frames of this session's lanes go.
  FrameTarget& frames() { return registry_; }

  // Control messages; false: there is no such fetch.
  bool on_gone(std::uint64_t id, const wire::Gone& gone);
  bool on_get_end(std::uint64_t id, const wire::GetEnd& end);
  bool on_counts(std::uint64_t id, const wire::CountsAnswer& counts);
  bool on_busy(std::uint64_t id, const wire::Busy& busy);
  bool fail(std::uint64_t id, base::Error error);

  void on_lane_up(std::uint32_t number);
  /// What the lane has brought before has been delivered.
  void on_lane_ended(std::uint32_t number, LaneEnd how);
  /// No lane can be opened.
  void on_no_lane(base::Error error);
  bool is_idle() const { return tasks_.empty(); }
  std::uint64_t bytes_received() const { return bytes_received_; }
  bool is_owed(std::uint32_t lane) const;
  /// Every now and then: fetches to which nothing has come for `silence`, and those that use `still` lanes, ask the
  /// peer which lane owes what.
  void look_for_silence(base::Duration silence, const std::vector<std::uint32_t>& still);
  void end_all(base::Error error);

 private:
  static base::Task<> begin(std::shared_ptr<FetchTask> task, std::shared_ptr<void> keep);
  std::shared_ptr<FetchTask> find(std::uint64_t id) const;
  /// A copy: whoever is called may end fetches.
  std::vector<std::shared_ptr<FetchTask>> tasks() const;
  void deliver();
  bool is_owed() const;

  std::shared_ptr<NodeContext> context_;
  FetchTask::Shared shared_;
  FrameRegistry registry_;
  std::unordered_map<std::uint64_t, std::shared_ptr<FetchTask>> tasks_;
  StallWatch stalls_;
  std::uint64_t bytes_received_ = 0;
};

/// A fetch that fails at once: there is no session, or the request makes no sense.
std::unique_ptr<Fetch> failed_fetch(const std::shared_ptr<NodeContext>& context, FetchSink& sink, base::Error error);

}  // namespace kvp2p
