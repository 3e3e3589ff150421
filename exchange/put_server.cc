#include "exchange/put_server.h"

#include "exchange/exchange_error.h"
#include "exchange/limits.h"
#include "exchange/lookup_messages.h"
#include "exchange/wire_errors.h"
#include "wire/limits.h"

#include <algorithm>

namespace kvp2p {

/// Blocks come in the order offered, and of each block its layers in order: one block is under assembly.
struct PutServer::Job {
  std::uint64_t id = 0;
  Fingerprint fingerprint;
  ObjectFormat format;
  std::vector<BlockKey> keys;
  std::vector<bool> wanted;
  std::size_t block = 0;  // the one under assembly, or the next
  std::uint32_t layers_done = 0;
  std::uint32_t stored = 0;
  base::Bytes bytes;  // format.block_bytes() once the first frame has come
  std::vector<ContentDigest> leaves;
  bool ended = false;
  bool receiving = false;  // one frame at a time, whatever the number of streams
  std::unique_ptr<base::Timer> deadline;

  void skip_unwanted() {
    while (block < keys.size() && !wanted[block]) ++block;
  }
};

class PutServer::Place final : public FramePlace {
 public:
  Place(PutServer& server, std::shared_ptr<Job> job, wire::FrameHeader header)
      : server_(server), job_(std::move(job)), header_(std::move(header)) {}

  base::MutableBytes payload() override {
    const std::size_t slice = job_->format.layer_slice_bytes();
    const std::size_t at = (header_.layer - job_->format.shard.layer_begin) * slice;
    return base::MutableBytes(job_->bytes).subspan(at, header_.length);
  }
  void complete() override { server_.received(*job_, header_, payload()); }

 private:
  PutServer& server_;
  std::shared_ptr<Job> job_;
  wire::FrameHeader header_;
};

PutServer::PutServer(std::shared_ptr<NodeContext> context, SessionLink& link)
    : context_(std::move(context)), link_(link) {}
PutServer::~PutServer() = default;

void PutServer::on_put(std::uint64_t id, wire::Put put) {
  if (jobs_.contains(id)) return link_.send(id, error_message(wire::ErrorCode::kBadRequest, "id in use"));
  if (jobs_.size() >= kPutsServedMax) return link_.send(id, wire::Busy{to_wire_ms(kBusyRetry)});
  auto job = std::make_shared<Job>();
  job->id = id;
  job->fingerprint = put.fingerprint;
  job->format = put.format;
  job->keys = put.keys;
  const base::Duration time = from_wire_ms(put.time_ms);
  job->wanted = context_->local.wants(link_.peer(), from_wire(std::move(put)));
  job->wanted.resize(job->keys.size());
  wire::PutAnswer answer;
  answer.wanted = job->wanted;
  answer.frame_bytes_max = std::max(std::min(context_->config.frame_bytes_max, wire::kFramePayloadBytesMax),
                                    job->format.layer_slice_bytes());
  link_.send(id, std::move(answer));
  job->skip_unwanted();
  if (job->block == job->keys.size()) return;
  job->deadline = context_->clock.call_at(context_->clock.now() + time, [this, id] { on_cancel(id); });
  jobs_[id] = std::move(job);
}

void PutServer::on_cancel(std::uint64_t id) {
  auto at = jobs_.find(id);
  if (at == jobs_.end()) return;
  auto job = at->second;  // may be this call's own timer that owns the last word
  jobs_.erase(at);
  job->ended = true;
}

void PutServer::end_all() {
  for (auto& [id, job] : jobs_) job->ended = true;
  jobs_.clear();
}

void PutServer::fail(std::uint64_t id, wire::ErrorCode code, std::string reason) {
  on_cancel(id);
  link_.send(id, error_message(code, std::move(reason)));
}

base::Result<std::unique_ptr<FramePlace>> PutServer::place(const Lane& lane, ReceivedHeader received) {
  // A data connection carries frames of gets only, and may live on another thread.
  if (lane.is_data_connection()) return ExchangeError::kProtocolBroken;
  context_->stats.deserialise_time += received.decode_time;
  const std::uint64_t request = received.request;
  wire::FrameHeader& header = received.frame;
  auto at = jobs_.find(request);
  if (at == jobs_.end()) return ExchangeError::kCancelled;
  auto job = at->second;
  const ShardRange& shard = job->format.shard;
  const bool fits = !job->receiving && header.blocks == 1 && header.first_block == job->block &&
                    header.layer == shard.layer_begin + job->layers_done &&
                    job->layers_done + header.layers <= shard.layers() &&
                    header.length == header.layers * job->format.layer_slice_bytes() && header.packed == 0 &&
                    header.leaves.size() == std::size_t{header.layers} * shard.heads();
  if (!fits) {
    fail(request, wire::ErrorCode::kBadRequest, "a frame that does not follow the last one");
    return ExchangeError::kProtocolBroken;
  }
  if (job->bytes.empty()) job->bytes.resize(job->format.block_bytes());
  job->receiving = true;
  return std::unique_ptr<FramePlace>(new Place(*this, std::move(job), std::move(header)));
}

void PutServer::received(Job& job, const wire::FrameHeader& header, base::ConstBytes payload) {
  job.receiving = false;
  context_->stats.bytes_received += payload.size();
  context_->stats.wire_bytes_received += payload.size();
  if (job.ended) return;
  if (!leaves_match(payload, job.format.head_slice_bytes(), header.leaves)) {
    return fail(job.id, wire::ErrorCode::kCorrupt, "the payload does not fit its digests");
  }
  job.leaves.insert(job.leaves.end(), header.leaves.begin(), header.leaves.end());
  job.layers_done += header.layers;
  if (job.layers_done < job.format.shard.layers()) return;
  const bool stored = context_->local.store(link_.peer(), job.fingerprint, job.keys[job.block], job.format, job.bytes,
                                            std::exchange(job.leaves, {}));
  if (stored) ++job.stored;
  job.layers_done = 0;
  ++job.block;
  job.skip_unwanted();
  if (job.block < job.keys.size()) return;
  const std::uint64_t id = job.id;
  const std::uint32_t count = job.stored;
  on_cancel(id);
  link_.send(id, wire::PutEnd{count});
}

}  // namespace kvp2p
