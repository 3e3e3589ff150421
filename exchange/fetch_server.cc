#include "exchange/fetch_server.h"

#include "exchange/exchange_error.h"
#include "exchange/limits.h"
#include "exchange/lookup_messages.h"
#include "exchange/wire_errors.h"
#include "wire/codec.h"
#include "wire/limits.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <numeric>

namespace kvp2p {

/// A frame of a get on its way out.
struct FetchServer::Frame final : OutgoingFrame {
  std::shared_ptr<GetJob> job;
  GetChunk chunk;
};

namespace {

std::size_t slice_bytes(const wire::Get& get) {
  return get.format.head_slice_bytes() * (get.head_end - get.head_begin);
}

std::size_t chunk_bytes(const GetJob& job, const GetChunk& chunk) { return chunk.slices() * slice_bytes(job.get); }

/// Bounded by payload and by the leaves that one header holds.
std::size_t slices_per_frame(const wire::Get& get, std::size_t frame_bytes) {
  const std::size_t bytes = std::min<std::size_t>(get.frame_bytes_max, std::max(frame_bytes, slice_bytes(get)));
  const std::size_t by_leaves = wire::kFrameLeavesMax / (get.head_end - get.head_begin);
  return std::max<std::size_t>(1, std::min(bytes / slice_bytes(get), by_leaves));
}

bool has_room(const LaneOutbox& lane, std::size_t bytes) {
  // One goes out, one waits.
  return lane.frames() < 2 || (lane.frames() < kOutboxFrames && lane.bytes() + bytes <= kOutboxBytes);
}

}  // namespace

std::function<bool(const OutgoingFrame&)> FetchServer::is_of(const GetJob& job) {
  return [&job](const OutgoingFrame& frame) { return static_cast<const Frame&>(frame).job.get() == &job; };
}

FetchServer::FetchServer(std::shared_ptr<NodeContext> context, SessionLink& link)
    : context_(std::move(context)), link_(link) {}
FetchServer::~FetchServer() = default;

// From the peer ------------------------------------------------------------------------------------------------------

FetchServer::Job FetchServer::find(std::uint64_t id) const {
  auto at = jobs_.find(id);
  return at == jobs_.end() ? nullptr : at->second;
}

void FetchServer::on_get(std::uint64_t id, wire::Get get) {
  if (jobs_.contains(id)) return link_.send(id, error_message(wire::ErrorCode::kBadRequest, "id in use"));
  if (jobs_.size() >= kGetsServedMax) return link_.send(id, wire::Busy{to_wire_ms(kBusyRetry)});
  const std::size_t per_frame = slices_per_frame(get, context_->frame_bytes());
  auto job = std::make_shared<GetJob>(id, std::move(get), per_frame);
  jobs_[id] = job;
  const base::TimePoint deadline = context_->clock.now() + from_wire_ms(job->get.time_ms);
  job->deadline = context_->clock.call_at(deadline, [this, weak = std::weak_ptr(job)] {
    if (auto late = weak.lock()) stop(late);  // the asker has given up
  });
  find_lanes(*job);
  advance(job);
}

void FetchServer::on_credit(std::uint64_t id, const wire::Credit& credit) {
  auto job = find(id);
  if (!job) return;
  job->credit = std::min<std::uint64_t>(job->credit + credit.frames, wire::kCreditMax);
  advance(job);
}

void FetchServer::on_streams(std::uint64_t id, const wire::Streams& streams) {
  auto job = find(id);
  if (!job) return;
  for (std::uint32_t number : streams.streams) {
    if (job->streams.size() == wire::kStreamsPerGetMax) break;
    if (std::find(job->streams.begin(), job->streams.end(), number) == job->streams.end()) {
      job->streams.push_back(number);
    }
  }
  find_lanes(*job);
  advance(job);
}

void FetchServer::on_lost(std::uint64_t id, const wire::Lost& lost) {
  auto job = find(id);
  if (!job || job->over()) return;
  // So that what is kept of them has a bound too.
  const bool is_named = std::find(job->streams.begin(), job->streams.end(), lost.stream) != job->streams.end();
  if (!is_named || job->losses == kLossesMax) return refuse(job, "no such stream to be lost, or too many");
  // What has not been begun on it is taken back first. It is dead at this end too from now on.
  if (auto at = lanes_.find(lost.stream); at != lanes_.end()) {
    at->second->lane().reset();
    remove_lane(lost.stream);
  }
  std::erase(job->streams, lost.stream);
  ++job->losses;
  job->end_sent = false;
  auto& chunks = job->sent[lost.stream];
  if (lost.frames > chunks.size()) return refuse(job, "more frames than were sent");
  const auto begin = chunks.begin() + static_cast<std::ptrdiff_t>(lost.frames);
  const std::vector<GetChunk> missing(begin, chunks.end());
  chunks.erase(begin, chunks.end());
  job->credit += missing.size();
  job->cursor.repeat(missing);
  find_lanes(*job);
  advance(job);
}

void FetchServer::on_counts(std::uint64_t id) {
  auto job = find(id);
  if (!job || job->over()) return;
  wire::CountsAnswer answer;
  answer.losses = job->losses;
  for (std::uint32_t number : job->streams) {
    const auto sent = job->sent.find(number);
    if (sent == job->sent.end()) continue;
    std::size_t begun = sent->second.size();
    if (auto at = lanes_.find(number); at != lanes_.end()) begun -= at->second->count_unbegun(is_of(*job));
    if (begun == 0) continue;
    answer.streams.push_back(number);
    answer.counts.push_back(static_cast<std::uint32_t>(begun));
  }
  link_.send(id, std::move(answer));
}

void FetchServer::on_cancel(std::uint64_t id) {
  if (auto job = find(id)) stop(job);
}

void FetchServer::stop(const Job& job) {
  if (job->cancelled) return;
  const Job keep = job;  // may be the table's own
  keep->cancelled = true;
  keep->deadline.reset();
  keep->lane_wait.reset();
  for (auto& frame : std::exchange(keep->ready, {})) forget(*frame);
  for (const auto& lane : keep->lanes) {
    for (auto& frame : lane->take_unbegun(is_of(*keep))) forget(*frame);
  }
  keep->lanes.clear();
  jobs_.erase(keep->id);
  advance_all();
}

void FetchServer::fail(GetJob& job, wire::ErrorMessage error) {
  if (job.over()) return;
  job.failed = true;
  link_.send(job.id, std::move(error));
}

void FetchServer::refuse(const Job& job, std::string_view reason) {
  fail(*job, error_message(wire::ErrorCode::kBadRequest, std::string(reason)));
  stop(job);
}

void FetchServer::end_all() {
  while (!jobs_.empty()) stop(jobs_.begin()->second);
  for (auto& [number, lane] : lanes_) lane->lane().reset();
}

// Lanes --------------------------------------------------------------------------------------------------------------

void FetchServer::add_lane(std::shared_ptr<Lane> lane) {
  const std::uint32_t number = lane->number();
  auto outbox = std::make_shared<LaneOutbox>(context_->executor, lane);
  outbox->tell([this, raw = outbox.get()] { on_written(*raw); });
  lanes_[number] = outbox;
  spawn_counted_on<bool>(context_, lane->executor(), LaneOutbox::run(outbox),
                         [this, outbox, keep = link_.keep_alive()](bool) {
                           on_written(*outbox);
                           outbox->tell(nullptr);
                         });
  for (const auto& job : jobs()) {
    find_lanes(*job);
    advance(job);
  }
}

void FetchServer::remove_lane(std::uint32_t number) {
  auto at = lanes_.find(number);
  if (at == lanes_.end()) return;
  const auto outbox = std::move(at->second);
  lanes_.erase(at);
  outbox->wake();
  // Latest first, so that each goes back to the front of what is ready.
  while (auto frame = outbox->take_last()) {
    auto& job = *static_cast<Frame&>(*frame).job;
    take_back(*outbox, *frame);
    if (job.over()) {
      forget(*frame);
    } else {
      job.ready.push_front(std::move(frame));
    }
  }
  for (const auto& job : jobs()) {
    find_lanes(*job);
    advance(job);
  }
}

void FetchServer::find_lanes(GetJob& job) {
  job.lanes.clear();
  bool any_data = false;
  for (std::uint32_t number : job.streams) {
    auto at = lanes_.find(number);
    if (at == lanes_.end() || at->second->lane().is_dead()) continue;
    job.lanes.push_back(at->second);
    any_data = any_data || at->second->lane().is_data_connection();
  }
  // The session's own connection has other things to carry, and its bytes cost the node's thread more.
  if (any_data) std::erase_if(job.lanes, [](const auto& lane) { return !lane->lane().is_data_connection(); });
  if (!job.lanes.empty() || job.over()) return job.lane_wait.reset();
  if (job.lane_wait) return;
  // They are named on the control stream, which may be ahead of them.
  job.lane_wait = context_->clock.call_at(context_->clock.now() + kLaneWait, [this, id = job.id] {
    const Job waiting = find(id);
    refuse(waiting, "no such data stream");
  });
}

// Reading ------------------------------------------------------------------------------------------------------------

std::vector<FetchServer::Job> FetchServer::jobs() const {
  std::vector<Job> all;
  all.reserve(jobs_.size());
  for (const auto& [id, job] : jobs_) all.push_back(job);
  return all;
}

void FetchServer::advance_all() {
  for (const auto& job : jobs()) advance(job);
}

void FetchServer::advance(const Job& job) {
  if (job->over()) return;
  send_ready(*job);
  start_reads(job);
  rebalance(*job);
  send_end(*job);
}

// Packed, it waits in memory that others want, too.
bool FetchServer::may_wait_packed(const GetJob& job, const GetChunk& chunk) const {
  const PackConfig& pack = context_->config.pack;
  if (!job.get.may_pack || !pack.packs()) return true;
  return (job.ahead + 1) * chunk_bytes(job, chunk) <= pack.room->slots() * pack.room->slot_bytes() / kPackRoomShare;
}

bool FetchServer::may_read(GetJob& job, const GetChunk& chunk) const {
  if (job.over() || job.lanes.empty() || job.credit == 0) return false;
  if (job.ahead >= kReadsPerGet + kOutboxFrames * job.lanes.size()) return false;
  if (job.ahead > 0 && !may_wait_packed(job, chunk)) return false;
  return bytes_in_flight_ == 0 || bytes_in_flight_ + chunk_bytes(job, chunk) <= context_->config.bytes_in_flight_max;
}

std::optional<GetChunk> FetchServer::next_chunk(GetJob& job) {
  if (job.reading >= kReadsPerGet) return std::nullopt;
  auto chunk = job.cursor.peek();
  if (!chunk || !may_read(job, *chunk)) return std::nullopt;
  job.cursor.advance(*chunk);
  --job.credit;
  ++job.reading;
  ++job.ahead;
  bytes_in_flight_ += chunk_bytes(job, *chunk);
  return chunk;
}

// One at a time, behind what else there is to do: to begin all at once would keep the thread from those that are read.
void FetchServer::start_reads(const Job& job) {
  if (job->starting) return;
  const auto chunk = next_chunk(*job);
  if (!chunk) return;
  job->starting = true;
  spawn_counted(context_, run_reads(job, *chunk, link_.keep_alive()));
  boost::asio::post(context_->executor, [this, job, keep = link_.keep_alive()] {
    job->starting = false;
    start_reads(job);
  });
}

base::Task<> FetchServer::run_reads(Job job, GetChunk chunk, [[maybe_unused]] std::shared_ptr<void> keep) {
  for (std::optional<GetChunk> next = chunk; next; next = next_chunk(*job)) {
    auto read = co_await read_chunk(*job, *next);
    PackedFrame packed;
    if (read && !job->over() && job->get.may_pack) packed = co_await pack_frame(context_, *read, job->get.format);
    --job->reading;
    if (read && !job->over()) {
      make_ready(job, *next, std::move(*read), std::move(packed));
      send_ready(*job);
      continue;
    }
    --job->ahead;
    bytes_in_flight_ -= chunk_bytes(*job, *next);
    if (job->over()) continue;
    ++job->credit;
    on_read_failed(*job, *next, read.error());
    if (job->failed) stop(job);
  }
  advance_all();  // others may have waited for its bytes
}

base::Task<base::Result<SliceRead>> FetchServer::read_chunk(GetJob& job, GetChunk chunk) {
  const auto began = std::chrono::steady_clock::now();
  const LeaseToken lease = from_wire(job.get.lease);
  const ShardRange part{chunk.layer, chunk.layer + chunk.layers, job.get.head_begin, job.get.head_end};
  auto read = co_await context_->local.read(link_.peer(), lease, chunk.first_block, chunk.blocks, part);
  context_->stats.serialise_time += std::chrono::steady_clock::now() - began;
  if (read) {
    const std::size_t bytes = std::accumulate(read->parts.begin(), read->parts.end(), std::size_t{0},
                                              [](std::size_t sum, base::ConstBytes one) { return sum + one.size(); });
    const std::size_t leaves = chunk.slices() * part.heads();
    // The get's format is the asker's word: it may not be the one that was leased.
    if (bytes != chunk_bytes(job, chunk) || read->leaves.size() != leaves) read = ExchangeError::kShardNotHeld;
  }
  co_return read;
}

void FetchServer::on_read_failed(GetJob& job, const GetChunk& chunk, base::Error error) {
  if (error != ExchangeError::kBlockGone) {
    fail(job, error_message(wire_code_of(error), error.message()));
  } else if (chunk.blocks > 1) {
    job.cursor.split(chunk);
  } else if (job.cursor.mark_gone(chunk.first_block)) {
    wire::Gone gone;
    gone.ranges.push_back({chunk.first_block, 1});
    link_.send(job.id, std::move(gone));
  }
}

// Sending ------------------------------------------------------------------------------------------------------------

void FetchServer::make_ready(const Job& job, const GetChunk& chunk, SliceRead read, PackedFrame packed) {
  const auto began = std::chrono::steady_clock::now();
  wire::FrameHeader header;
  header.first_block = chunk.first_block;
  header.blocks = chunk.blocks;
  header.layer = chunk.layer;
  header.layers = chunk.layers;
  header.length = static_cast<std::uint32_t>(chunk_bytes(*job, chunk));
  header.leaves = std::move(read.leaves);
  header.packed = static_cast<std::uint32_t>(packed.bytes);
  wire::Message message;
  message.id = job->id;
  message.body = std::move(header);
  auto frame = std::make_unique<Frame>();
  frame->job = job;
  frame->chunk = chunk;
  frame->header = wire::encode_framed(message);
  frame->parts.reserve(1 + read.parts.size());
  frame->parts.emplace_back(frame->header);
  if (packed.bytes > 0) {
    frame->parts.emplace_back(packed.staging.bytes().first(packed.bytes));
    frame->payload_bytes = packed.bytes;
    frame->owner = std::make_shared<StagingLease>(std::move(packed.staging));
  } else {
    frame->parts.insert(frame->parts.end(), read.parts.begin(), read.parts.end());
    frame->payload_bytes = chunk_bytes(*job, chunk);
    frame->owner = std::move(read.owner);
  }
  context_->stats.serialise_time += std::chrono::steady_clock::now() - began;
  job->ready.push_back(std::move(frame));
}

void FetchServer::send_ready(GetJob& job) {
  while (!job.ready.empty() && !job.lanes.empty()) {
    const auto least = std::min_element(job.lanes.begin(), job.lanes.end(),
                                        [](const auto& a, const auto& b) { return a->bytes() < b->bytes(); });
    if (!has_room(**least, job.ready.front()->payload_bytes)) return;
    auto frame = std::move(job.ready.front());
    job.ready.pop_front();
    give(job, **least, std::move(frame));
  }
}

void FetchServer::give(GetJob& job, LaneOutbox& lane, std::unique_ptr<OutgoingFrame> frame) {
  job.sent[lane.lane().number()].push_back(static_cast<const Frame&>(*frame).chunk);
  lane.push(std::move(frame));
}

void FetchServer::take_back(LaneOutbox& lane, OutgoingFrame& frame) {
  auto& sent = static_cast<Frame&>(frame).job->sent[lane.lane().number()];
  if (!sent.empty()) sent.pop_back();
}

// Nothing is left to be read or given: who has nothing to do takes the last frame of who has most.
void FetchServer::rebalance(GetJob& job) {
  if (job.lanes.size() < 2 || job.reading > 0 || !job.ready.empty() || job.cursor.peek()) return;
  for (const auto& idle : job.lanes) {
    if (idle->frames() > 0) continue;
    const auto most = std::max_element(job.lanes.begin(), job.lanes.end(),
                                       [](const auto& a, const auto& b) { return a->bytes() < b->bytes(); });
    if ((*most)->frames() < 2) return;
    auto frame = (*most)->take_last();
    if (!frame) return;
    auto& its = *static_cast<Frame&>(*frame).job;
    take_back(**most, *frame);
    const bool shared = std::find(its.lanes.begin(), its.lanes.end(), idle) != its.lanes.end();
    give(its, shared ? *idle : **most, std::move(frame));
    if (!shared) return;
  }
}

// Sent when the last frame has been begun, not when it has been written: so the asker knows which lane owes what.
void FetchServer::send_end(GetJob& job) {
  if (job.end_sent || job.over() || job.reading > 0 || !job.ready.empty() || job.cursor.peek()) return;
  for (const auto& lane : job.lanes) {
    if (lane->count_unbegun(is_of(job)) > 0) return;
  }
  wire::GetEnd end;
  end.losses = job.losses;
  for (const auto& [number, chunks] : job.sent) {
    if (chunks.empty()) continue;
    end.streams.push_back(number);
    end.counts.push_back(static_cast<std::uint32_t>(chunks.size()));
    end.frames += static_cast<std::uint32_t>(chunks.size());
  }
  if ((end.streams.size() == 1 && job.losses == 0) || end.streams.size() > wire::kStreamsPerGetMax) {
    end.streams.clear();
    end.counts.clear();
  }
  job.end_sent = true;
  link_.send(job.id, std::move(end));
}

void FetchServer::on_written(LaneOutbox& lane) {
  for (auto& frame : lane.take_done()) {
    const auto& sent = static_cast<const Frame&>(*frame);
    if (sent.written) {
      const std::size_t bytes = chunk_bytes(*sent.job, sent.chunk);
      context_->stats.bytes_sent += bytes;
      context_->stats.wire_bytes_sent += sent.payload_bytes;
      bytes_sent_ += bytes;
    }
    forget(*frame);
  }
  advance_all();
}

void FetchServer::forget(OutgoingFrame& frame) {
  const auto& gone = static_cast<const Frame&>(frame);
  --gone.job->ahead;
  bytes_in_flight_ -= chunk_bytes(*gone.job, gone.chunk);
}

}  // namespace kvp2p
