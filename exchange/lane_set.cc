#include "exchange/lane_set.h"

#include "base/log.h"
#include "base/network_threads.h"
#include "exchange/exchange_error.h"
#include "exchange/fetch_client.h"
#include "exchange/limits.h"
#include "libp2p/core/error.h"
#include "libp2p/core/scoped_deadline.h"
#include "wire/codec.h"

#include <algorithm>

namespace kvp2p {

namespace {

/// What outlives a data connection's stream.
struct DataPlace {
  std::shared_ptr<void> permit;
  std::optional<base::NetworkThreads::Use> thread;
};

}  // namespace

Lane::Parts lane_parts(const NodeContext& context, libp2p::DataConnection connection, std::uint32_t number) {
  auto place = std::make_shared<DataPlace>();
  place->permit = std::move(connection.permit);
  base::Executor executor = context.executor;
  if (context.config.network_threads != nullptr) {
    auto use = context.config.network_threads->next();
    if (connection.stream->move_to(use.executor())) {
      executor = use.executor();
      place->thread.emplace(std::move(use));
    }
  }
  return {std::move(connection.stream), executor, number, true, std::move(place), std::move(connection.stop)};
}

LaneSet::LaneSet(std::shared_ptr<NodeContext> context, LaneUser& user)
    : context_(std::move(context)), user_(user), planner_(context_->config.data_connections_max) {}
LaneSet::~LaneSet() = default;

std::vector<std::uint32_t> LaneSet::open_lanes() const {
  std::vector<std::uint32_t> numbers;
  for (const auto& open : lanes_) {
    if (!open.lane->is_dead()) numbers.push_back(open.lane->number());
  }
  return numbers;
}

std::size_t LaneSet::data_connections() const {
  return static_cast<std::size_t>(
      std::count_if(lanes_.begin(), lanes_.end(), [](const Open& open) { return open.lane->is_data_connection(); }));
}

// Opening ------------------------------------------------------------------------------------------------------------

std::size_t LaneSet::wanted_for(std::size_t bytes) const {
  const std::size_t paying = planner_.lanes_for(bytes, user_.round_trip());
  // While none can be opened, what is there is what there will be.
  return context_->clock.now() < retry_at_ ? std::min(paying, data_connections()) : paying;
}

void LaneSet::open_first() {
  if (ended_ || opening_first_) return;
  if (std::any_of(lanes_.begin(), lanes_.end(), [](const Open& open) { return !open.lane->is_data_connection(); })) {
    return;
  }
  opening_first_ = true;
  spawn_counted(context_, open_session_lane(user_.keep_alive()));
}

void LaneSet::want(std::size_t data_connections) {
  if (ended_) return;
  idle_timer_.reset();
  wanted_ = std::max(wanted_, data_connections);
  start_missing();
  if (!watch_timer_) {
    measured_lanes_ = 0;
    watch();
  }
}

void LaneSet::start_missing() {
  open_first();
  // Dialling may fail at once.
  while (data_connections() + opening_ < wanted_ && context_->clock.now() >= retry_at_) {
    ++opening_;
    spawn_counted(context_, open_data_connection(user_.keep_alive()));
  }
}

base::Task<> LaneSet::open_session_lane([[maybe_unused]] std::shared_ptr<void> keep) {
  auto opened = co_await open_stream(context_, user_.connection());
  opening_first_ = false;
  if (ended_) co_return;
  if (!opened) {
    if (data_connections() == 0) user_.fetches().on_no_lane(opened.error());
    co_return;
  }
  const wire::StreamOpen open = user_.next_stream_open();
  Lane::Parts parts{std::move(*opened), context_->executor, open.number, false, user_.connection(), {}};
  auto lane = Lane::create(context_->executor, std::move(parts));
  add(lane);
  wire::Message first;
  first.body = open;
  const base::Bytes framed = wire::encode_framed(first);
  auto written = co_await lane->stream().write(framed);
  if (!written) lane->reset();
}

std::vector<multiformats::Multiaddr> LaneSet::addresses() const {
  const auto& connection = user_.connection();
  if (connection->is_dialler()) return {connection->remote_address()};
  auto info = context_->host.peer_info(connection->remote_peer());
  return info ? info->listen_addresses : std::vector<multiformats::Multiaddr>();
}

base::Task<base::Result<Lane::Parts>> LaneSet::connect() {
  std::vector<multiformats::Multiaddr> where = addresses();
  if (where.empty()) co_return ExchangeError::kNotConnected;
  auto opened = co_await kvp2p::open_data_connection(context_, user_.connection()->remote_peer(), std::move(where));
  if (!opened) co_return opened.error();
  libp2p::DataConnection connection = std::move(*opened);
  if (ended_) co_return ExchangeError::kClosing;
  const wire::StreamOpen open = user_.next_stream_open();
  wire::Message first;
  first.body = open;
  const base::Bytes framed = wire::encode_framed(first);
  {
    libp2p::ScopedDeadline deadline(context_->clock, context_->clock.now() + kHelloTimeout,
                                    [&connection] { connection.stream->reset(); });
    auto written = co_await connection.stream->write(framed);
    if (!written) co_return written.error();
  }
  if (ended_) co_return ExchangeError::kClosing;
  co_return lane_parts(*context_, std::move(connection), open.number);
}

base::Task<> LaneSet::open_data_connection([[maybe_unused]] std::shared_ptr<void> keep) {
  auto parts = co_await connect();
  --opening_;
  if (ended_) co_return;
  if (!parts) {
    on_dial_failed(parts.error());
    co_return;
  }
  retry_delay_ = {};
  ++context_->stats.data_connections_opened;
  add(Lane::create(context_->executor, std::move(*parts)));
}

void LaneSet::on_dial_failed(base::Error error) {
  const base::TimePoint now = context_->clock.now();
  if (now < retry_at_) return;  // one of several at a time
  retry_delay_ = std::clamp<base::Duration>(2 * retry_delay_, kLaneRetry, kLaneRetryMax);
  retry_at_ = now + retry_delay_;
  const auto& peer = user_.connection()->remote_peer();
  if (context_->log_once.first(peer, "data connection")) {
    LOG_INFO("peer {}: no data connection can be opened ({}); its frames come over the one there is", peer.short_text(),
             error.message());
  }
}

// Living and ending --------------------------------------------------------------------------------------------------

void LaneSet::add(std::shared_ptr<Lane> lane) {
  lanes_.push_back({lane, 0, context_->clock.now(), context_->clock.now()});
  spawn_counted_on<LaneEnd>(context_, lane->executor(), receive_frames(lane, user_.fetches().frames()),
                            [this, lane, keep = user_.keep_alive()](LaneEnd how) { on_lane_ended(lane, how); });
  user_.fetches().on_lane_up(lane->number());
}

void LaneSet::on_lane_ended(const std::shared_ptr<Lane>& lane, LaneEnd how) {
  std::erase_if(lanes_, [&](const Open& open) { return open.lane == lane; });
  if (ended_) return;
  FetchClient& fetches = user_.fetches();
  if (!fetches.is_idle()) {
    ++context_->stats.lanes_lost;
    // The others take over first. A peer that ends its lanes again and again is not dialled again and again.
    if (lane->is_data_connection()) {
      retry_at_ = std::max(retry_at_, context_->clock.now() + kLaneRetry);
      LOG_INFO("peer {}: a data connection was lost; what it has not brought is asked for over others",
               user_.connection()->remote_peer().short_text());
    } else if (how == LaneEnd::kLost) {
      open_first();
    }
  }
  fetches.on_lane_ended(lane->number(), how);
}

void LaneSet::on_idle() {
  watch_timer_.reset();
  wanted_ = 0;
  if (ended_) return;
  idle_timer_ = context_->clock.call_at(context_->clock.now() + kLaneIdleMax, [this] {
    for (const auto& open : lanes_) {
      if (open.lane->is_data_connection()) open.lane->reset();
    }
  });
}

void LaneSet::on_fetched(std::size_t bytes, base::Duration time) {
  const double seconds = std::chrono::duration<double>(time).count();
  if (seconds > 0 && bytes > 0) rate_.add(static_cast<double>(bytes) / seconds);
}

void LaneSet::on_bytes(std::size_t bytes) {
  const std::size_t lanes = data_connections();
  if (lanes != measured_lanes_) {
    measured_lanes_ = lanes;
    measured_bytes_ = 0;
    measured_since_ = context_->clock.now();
    return;
  }
  measured_bytes_ += bytes;
  const base::TimePoint now = context_->clock.now();
  const base::Duration time = now - measured_since_;
  if (lanes == 0 || !LanePlanner::is_measure(lanes, measured_bytes_, time, user_.round_trip())) return;
  planner_.record(lanes, measured_bytes_, time, user_.round_trip(), now);
  measured_bytes_ = 0;
  measured_since_ = now;
}

void LaneSet::end_all() {
  ended_ = true;
  idle_timer_.reset();
  watch_timer_.reset();
  for (const auto& open : std::vector(lanes_)) open.lane->reset();
}

// Stalls -------------------------------------------------------------------------------------------------------------

base::Duration LaneSet::stall_time() const {
  return std::max<base::Duration>(kLaneStall, kLaneStallRoundTrips * user_.round_trip());
}

void LaneSet::watch() {
  watch_timer_ = context_->clock.call_at(context_->clock.now() + kLaneWatch, [this] {
    if (ended_ || user_.fetches().is_idle()) return;
    look_for_stalls();
    look_for_silence();
    if (ended_) return;
    start_missing();
    watch();
  });
}

void LaneSet::look_for_stalls() {
  const base::TimePoint now = context_->clock.now();
  std::vector<std::shared_ptr<Lane>> suspects;
  for (auto& open : lanes_) {
    const std::uint64_t bytes = open.lane->bytes_read();
    if (bytes != open.bytes_seen) open.moved = now;
    const bool waits = open.lane->is_within_frame() || user_.fetches().is_owed(open.lane->number());
    if (bytes != open.bytes_seen || !waits) {
      open.bytes_seen = bytes;
      open.since = now;
    } else if (now - open.since >= stall_time()) {
      suspects.push_back(open.lane);
    }
  }
  if (suspects.empty() || checking_) return;
  checking_ = true;
  spawn_counted(context_, check(std::move(suspects), user_.keep_alive()));
}

void LaneSet::look_for_silence() {
  const base::TimePoint now = context_->clock.now();
  std::vector<std::uint32_t> still;
  for (const auto& open : lanes_) {
    // The session's own is not used while there are others.
    if (open.lane->is_data_connection() && now - open.moved >= stall_time()) still.push_back(open.lane->number());
  }
  user_.fetches().look_for_silence(stall_time(), still);
}

base::Task<> LaneSet::check(std::vector<std::shared_ptr<Lane>> suspects, [[maybe_unused]] std::shared_ptr<void> keep) {
  std::vector<std::uint64_t> before;
  for (const auto& lane : suspects) before.push_back(lane->bytes_read());
  // If the whole path is out there is nothing to do but wait.
  auto answered = co_await user_.ping(context_->clock.now() + 4 * stall_time());
  checking_ = false;
  if (!answered || ended_) co_return;
  for (std::size_t i = 0; i < suspects.size(); ++i) {
    if (suspects[i]->bytes_read() != before[i] || suspects[i]->is_dead()) continue;
    LOG_INFO("peer {}: lane {} brings nothing though the peer answers: given up",
             user_.connection()->remote_peer().short_text(), suspects[i]->number());
    suspects[i]->reset();
  }
}

void LaneSet::end_stuck() {
  look_for_stalls();
  const base::TimePoint now = context_->clock.now();
  for (const auto& open : std::vector(lanes_)) {
    if (open.lane->is_within_frame() && now - open.since >= stall_time()) open.lane->reset();
  }
}

}  // namespace kvp2p
