// The fetches that this node has under way at one peer.
#pragma once

#include "exchange/fetch_task.h"
#include "exchange/stall_watch.h"

#include <memory>
#include <unordered_map>

namespace kvp2p {

/// Part of a session; node thread only.
class FetchClient final : public FrameTarget {
 public:
  FetchClient(std::shared_ptr<NodeContext> context, SessionLink& link);

  /// Never calls the sink before it has returned.
  std::unique_ptr<Fetch> start(FetchRequest request, FetchSink& sink, base::TimePoint deadline);

  base::Result<std::unique_ptr<FramePlace>> place(std::uint64_t request, wire::FrameHeader header) override;

  // Control messages; false: there is no such fetch.
  bool on_gone(std::uint64_t id, const wire::Gone& gone);
  bool on_get_end(std::uint64_t id, const wire::GetEnd& end);
  bool on_busy(std::uint64_t id, const wire::Busy& busy);
  bool fail(std::uint64_t id, base::Error error);

  /// A data stream has ended: the fetch that uses it cannot go on.
  void on_stream_ended(const DataStream& stream);
  void end_all(base::Error error);

 private:
  bool is_owed() const;
  std::shared_ptr<FetchTask> find(std::uint64_t id) const;

  std::shared_ptr<NodeContext> context_;
  SessionLink& link_;
  std::unordered_map<std::uint64_t, std::shared_ptr<FetchTask>> tasks_;
  FetchTask::PeerRoom room_;
  StallWatch stalls_;
};

/// A fetch that fails at once: there is no session, or the request makes no sense.
std::unique_ptr<Fetch> failed_fetch(const std::shared_ptr<NodeContext>& context, FetchSink& sink, base::Error error);

}  // namespace kvp2p
