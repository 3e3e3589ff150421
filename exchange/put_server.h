// Takes blocks that one peer puts here: assembles, checks, stores.
#pragma once

#include "exchange/frame_receiver.h"
#include "exchange/node_context.h"
#include "exchange/session_link.h"
#include "wire/messages.h"

#include <memory>
#include <unordered_map>

namespace kvp2p {

/// Part of a session; node thread only. Bounds: kPutsServedMax puts at a time, each with one block in memory, at most
/// wire::kPutBlockBytesMax.
class PutServer final : public FrameTarget {
 public:
  PutServer(std::shared_ptr<NodeContext> context, SessionLink& link);
  ~PutServer() override;

  void on_put(std::uint64_t id, wire::Put put);
  void on_cancel(std::uint64_t id);
  void end_all();

  base::Result<std::unique_ptr<FramePlace>> place(const Lane& lane, ReceivedHeader received) override;

 private:
  struct Job;
  class Place;
  void received(Job& job, const wire::FrameHeader& header, base::ConstBytes payload);
  void fail(std::uint64_t id, wire::ErrorCode code, std::string reason);

  std::shared_ptr<NodeContext> context_;
  SessionLink& link_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Job>> jobs_;
};

}  // namespace kvp2p
