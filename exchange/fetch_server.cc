#include "exchange/fetch_server.h"

#include "exchange/exchange_error.h"
#include "exchange/limits.h"
#include "exchange/lookup_messages.h"
#include "exchange/wire_errors.h"
#include "wire/codec.h"
#include "wire/limits.h"

#include <algorithm>
#include <numeric>

namespace kvp2p {

namespace {

std::size_t slice_bytes(const wire::Get& get) {
  return get.format.head_slice_bytes() * (get.head_end - get.head_begin);
}

std::size_t chunk_bytes(const GetJob& job, const GetChunk& chunk) { return chunk.blocks * slice_bytes(job.get); }

/// Bounded by payload and by the leaves that one header holds.
std::size_t blocks_per_frame(const wire::Get& get, std::size_t frame_bytes) {
  const std::size_t bytes = std::min<std::size_t>(get.frame_bytes_max, std::max(frame_bytes, slice_bytes(get)));
  const std::size_t by_leaves = wire::kFrameLeavesMax / (get.head_end - get.head_begin);
  return std::max<std::size_t>(1, std::min(bytes / slice_bytes(get), by_leaves));
}

}  // namespace

FetchServer::FetchServer(std::shared_ptr<NodeContext> context, SessionLink& link)
    : context_(std::move(context)), link_(link), streams_changed_(context_->executor), room_(context_->executor) {}

FetchServer::~FetchServer() = default;

void FetchServer::on_get(std::uint64_t id, wire::Get get) {
  if (jobs_.contains(id)) return link_.send(id, error_message(wire::ErrorCode::kBadRequest, "id in use"));
  if (jobs_.size() >= kGetsServedMax) return link_.send(id, wire::Busy{to_wire_ms(kBusyRetry)});
  const std::size_t per_frame = blocks_per_frame(get, context_->frame_bytes());
  auto job = std::make_shared<GetJob>(context_->executor, id, std::move(get), per_frame);
  jobs_[id] = job;
  const base::TimePoint deadline = context_->clock.now() + from_wire_ms(job->get.time_ms);
  job->deadline = context_->clock.call_at(deadline, [this, weak = std::weak_ptr(job)] {
    auto late = weak.lock();
    if (!late || late->over()) return;
    // The asker has given up. A frame that it does not take any more must not hold the stream.
    for (auto& stream : late->streams) stream->reset();
    stop(*late);
  });
  spawn_counted(context_, run(std::move(job), link_.keep_alive()));
}

void FetchServer::on_credit(std::uint64_t id, const wire::Credit& credit) {
  auto at = jobs_.find(id);
  if (at == jobs_.end()) return;
  at->second->credit = std::min<std::uint64_t>(at->second->credit + credit.frames, wire::kCreditMax);
  at->second->changed.notify_all();
}

void FetchServer::on_cancel(std::uint64_t id) {
  auto at = jobs_.find(id);
  if (at != jobs_.end()) stop(*at->second);
}

void FetchServer::on_stream_opened() { streams_changed_.notify_all(); }

void FetchServer::stop(GetJob& job) {
  job.cancelled = true;
  job.changed.notify_all();
  room_.notify_all();
  streams_changed_.notify_all();
}

void FetchServer::end_all() {
  for (auto& [id, job] : jobs_) stop(*job);
}

base::Task<> FetchServer::run(std::shared_ptr<GetJob> job, [[maybe_unused]] std::shared_ptr<void> keep) {
  co_await find_streams(*job);
  // Several frames at a time on each stream: while one is written, the next ones are read.
  job->lanes = job->streams.size() * kLanesPerStream;
  for (const auto& stream : job->streams) {
    for (std::size_t i = 0; i < kLanesPerStream; ++i) spawn_counted(context_, run_lane(job, stream, keep));
  }
  while (job->lanes > 0) co_await job->changed.wait();
  if (job->error) {
    link_.send(job->id, *job->error);
  } else if (!job->cancelled) {
    link_.send(job->id, wire::GetEnd{job->frames_sent});
  }
  job->deadline.reset();
  jobs_.erase(job->id);
}

// The streams are named on the control stream, which may be ahead of them.
base::Task<> FetchServer::find_streams(GetJob& job) {
  bool due = false;
  auto timer = context_->clock.call_at(context_->clock.now() + kDataStreamWait, [this, &due] {
    due = true;
    streams_changed_.notify_all();
  });
  for (;;) {
    job.streams.clear();
    for (std::uint32_t number : job.get.streams) {
      auto stream = link_.stream_of_peer(number);
      if (stream) job.streams.push_back(std::move(stream));
    }
    if (job.streams.size() == job.get.streams.size() || job.over()) co_return;
    if (due) break;
    co_await streams_changed_.wait();
  }
  job.streams.clear();
  job.error = error_message(wire::ErrorCode::kBadRequest, "no such data stream");
}

base::Task<> FetchServer::run_lane(std::shared_ptr<GetJob> job, std::shared_ptr<DataStream> stream,
                                   [[maybe_unused]] std::shared_ptr<void> keep) {
  for (;;) {
    auto chunk = co_await next_chunk(*job);
    if (!chunk) break;
    const std::size_t bytes = chunk_bytes(*job, *chunk);
    bytes_in_flight_ += bytes;
    auto read = co_await read_chunk(*job, *chunk);
    if (read) {
      SliceRead slices = std::move(*read);
      co_await send_chunk(*job, *stream, *chunk, std::move(slices));
    }
    bytes_in_flight_ -= bytes;
    room_.notify_all();
  }
  --job->lanes;
  job->changed.notify_all();
}

base::Task<std::optional<GetChunk>> FetchServer::next_chunk(GetJob& job) {
  while (!job.over()) {
    auto chunk = job.cursor.peek();
    if (!chunk) {
      // What other lanes are reading may come back to be read block by block.
      if (job.reading == 0) break;
      co_await job.changed.wait();
    } else if (job.credit == 0) {
      co_await job.changed.wait();
    } else if (bytes_in_flight_ > 0 &&
               bytes_in_flight_ + chunk_bytes(job, *chunk) > context_->config.bytes_in_flight_max) {
      co_await room_.wait();
    } else {
      job.cursor.advance(*chunk);
      --job.credit;
      ++job.reading;
      co_return chunk;
    }
  }
  co_return std::nullopt;
}

base::Task<base::Result<SliceRead>> FetchServer::read_chunk(GetJob& job, GetChunk chunk) {
  const auto began = std::chrono::steady_clock::now();
  const LeaseToken lease = from_wire(job.get.lease);
  auto read = co_await context_->local.read(link_.peer(), lease, chunk.first_block, chunk.blocks, chunk.layer,
                                            job.get.head_begin, job.get.head_end);
  context_->stats.serialise_time += std::chrono::steady_clock::now() - began;
  if (read) {
    const std::size_t bytes = std::accumulate(read->parts.begin(), read->parts.end(), std::size_t{0},
                                              [](std::size_t sum, base::ConstBytes part) { return sum + part.size(); });
    const std::size_t leaves = std::size_t{chunk.blocks} * (job.get.head_end - job.get.head_begin);
    // The get's format is the asker's word: it may not be the one that was leased.
    if (bytes != chunk_bytes(job, chunk) || read->leaves.size() != leaves) read = ExchangeError::kShardNotHeld;
  }
  if (!read) {
    ++job.credit;
    on_read_failed(job, chunk, read.error());
  }
  --job.reading;
  job.changed.notify_all();
  co_return read;
}

void FetchServer::on_read_failed(GetJob& job, const GetChunk& chunk, base::Error error) {
  if (error != ExchangeError::kBlockGone) {
    if (!job.over()) job.error = error_message(wire_code_of(error), error.message());
  } else if (chunk.blocks > 1) {
    job.cursor.split(chunk);
  } else if (job.cursor.mark_gone(chunk.first_block) && !job.over()) {
    wire::Gone gone;
    gone.ranges.push_back({chunk.first_block, 1});
    link_.send(job.id, std::move(gone));
  }
}

base::Task<> FetchServer::send_chunk(GetJob& job, DataStream& stream, GetChunk chunk, SliceRead read) {
  const auto began = std::chrono::steady_clock::now();
  wire::FrameHeader header;
  header.first_block = chunk.first_block;
  header.blocks = chunk.blocks;
  header.layer = chunk.layer;
  header.layers = 1;
  header.length = static_cast<std::uint32_t>(chunk_bytes(job, chunk));
  header.leaves = std::move(read.leaves);
  wire::Message message;
  message.id = job.id;
  message.body = std::move(header);
  const base::Bytes framed = wire::encode_framed(message);
  std::vector<base::ConstBytes> parts;
  parts.reserve(1 + read.parts.size());
  parts.emplace_back(framed);
  parts.insert(parts.end(), read.parts.begin(), read.parts.end());
  context_->stats.serialise_time += std::chrono::steady_clock::now() - began;

  co_await stream.turn.take();
  if (!job.over() && !stream.dead) {
    auto written = co_await stream.stream->write_gather(parts);
    if (written) {
      ++job.frames_sent;
      context_->stats.bytes_sent += chunk_bytes(job, chunk);
    } else {
      stream.reset();
    }
  }
  stream.turn.give_back();
  // The asker has reset the stream, which says that it does not want the rest.
  if (stream.dead && !job.over()) stop(job);
}

}  // namespace kvp2p
