// Serves one peer's gets: reads blocks layer by layer and sends them as frames, within the credit that the peer grants.
#pragma once

#include "base/signal.h"
#include "exchange/get_job.h"
#include "exchange/node_context.h"
#include "exchange/session_link.h"
#include "wire/messages.h"

#include <memory>
#include <unordered_map>

namespace kvp2p {

/// Part of a session; node thread only. Bounds: kGetsServedMax jobs, kLanesPerStream frames of each at a time,
/// ExchangeConfig::bytes_in_flight_max over all.
class FetchServer {
 public:
  FetchServer(std::shared_ptr<NodeContext> context, SessionLink& link);
  ~FetchServer();

  void on_get(std::uint64_t id, wire::Get get);
  void on_credit(std::uint64_t id, const wire::Credit& credit);
  void on_cancel(std::uint64_t id);
  /// The peer has opened a data stream: a get may be waiting for it.
  void on_stream_opened();
  void end_all();

 private:
  base::Task<> run(std::shared_ptr<GetJob> job, std::shared_ptr<void> keep);
  base::Task<> run_lane(std::shared_ptr<GetJob> job, std::shared_ptr<DataStream> stream, std::shared_ptr<void> keep);
  base::Task<> find_streams(GetJob& job);
  base::Task<std::optional<GetChunk>> next_chunk(GetJob& job);
  base::Task<base::Result<SliceRead>> read_chunk(GetJob& job, GetChunk chunk);
  base::Task<> send_chunk(GetJob& job, DataStream& stream, GetChunk chunk, SliceRead read);
  void on_read_failed(GetJob& job, const GetChunk& chunk, base::Error error);
  void stop(GetJob& job);

  std::shared_ptr<NodeContext> context_;
  SessionLink& link_;
  std::unordered_map<std::uint64_t, std::shared_ptr<GetJob>> jobs_;
  std::size_t bytes_in_flight_ = 0;
  base::Signal streams_changed_;
  base::Signal room_;  // bytes_in_flight_ has fallen
};

}  // namespace kvp2p
