// Which pieces of a FetchSchedule are late, and who could bring them sooner.
#include "cache/fetch_schedule.h"

#include <algorithm>

namespace kvp2p {

namespace {

/// What is less late than this is waited for: timers and threads have their own delays.
constexpr base::Duration kLateMin = std::chrono::milliseconds(20);

double seconds(base::Duration time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

std::size_t FetchSchedule::missing_bytes(const Piece& piece) const {
  std::size_t missing = 0;
  for (const std::uint32_t layer : piece.layers) {
    for (std::size_t block = piece.first; block < piece.end; ++block) missing += cell(layer, block) == Cell::kAsked;
  }
  return missing * slice_bytes_;
}

std::size_t FetchSchedule::outstanding_bytes(std::size_t source) const {
  std::size_t bytes = 0;
  for (const Piece& piece : pieces_) {
    if (piece.source != source) continue;
    const std::size_t all = piece.layers.size() * (piece.end - piece.first) * slice_bytes_;
    bytes += all - std::min(all, piece.bytes_received);
  }
  return bytes;
}

bool FetchSchedule::has_rate(const SourceState& source) const {
  return source.told.measured || source.bytes >= kRateBytesMin;
}

double FetchSchedule::rate(const SourceState& source, base::TimePoint now) const {
  const double busy = seconds(now - source.busy_since - source.told.round_trip);
  if (source.pieces == 0 || busy <= 0) return source.told.bytes_per_second;
  const double now_rate = static_cast<double>(std::max(source.bytes, kRateBytesMin)) / busy;
  // Of little that has come it only says that it is no faster.
  return source.bytes >= kRateBytesMin ? now_rate : std::min(now_rate, source.told.bytes_per_second);
}

double FetchSchedule::time_for(const SourceState& source, std::size_t bytes, base::TimePoint now) const {
  return static_cast<double>(bytes) / rate(source, now) + seconds(source.told.round_trip);
}

double FetchSchedule::time_left(const Piece& piece, base::TimePoint now) const {
  const SourceState& source = sources_[piece.source];
  const double expected = static_cast<double>(outstanding_bytes(piece.source)) / rate(source, now);
  // One that has stood still for a while is expected to do so for as long again.
  const base::TimePoint moved = std::max(source.busy_since, source.last_arrival);
  return std::max(expected, seconds(now - moved));
}

bool FetchSchedule::could_bring(const SourceState& source, const Piece& piece) const {
  for (std::size_t block = piece.first; block < piece.end; ++block) {
    if (source.told.versions[block] == 0 || source.told.versions[block] != version_of_[block]) return false;
  }
  return true;
}

bool FetchSchedule::is_late(const Piece& piece, const SourceState& idle, base::TimePoint now) const {
  return time_left(piece, now) > 2 * time_for(idle, missing_bytes(piece), now) + seconds(kLateMin);
}

std::optional<std::uint64_t> FetchSchedule::move_piece(base::TimePoint now) {
  if (wanted_cells_ > 0) return std::nullopt;
  for (const Piece& piece : pieces_) {
    if (piece.bytes_received > 0 || piece.hedge_of != 0) continue;
    for (const SourceState& idle : sources_) {
      const bool is_idle = !idle.excluded && idle.pieces == 0 && has_rate(idle);
      if (!is_idle || !could_bring(idle, piece) || !is_late(piece, idle, now)) continue;
      const std::uint64_t id = piece.id;
      // Not to be given the same again.
      sources_[piece.source].stalled = true;
      end_piece(id);
      return id;
    }
  }
  return std::nullopt;
}

std::optional<FetchSchedule::Piece> FetchSchedule::hedge(base::TimePoint now) {
  if (wanted_cells_ > 0) return std::nullopt;
  const std::size_t bytes_max =
      std::max(limits_.piece_bytes_min, all_cells_ * slice_bytes_ / 100 * limits_.hedge_percent);
  const Piece* slowest = nullptr;
  std::size_t by = 0;
  for (const Piece& piece : pieces_) {
    const bool was = std::find(hedged_.begin(), hedged_.end(), piece.id) != hedged_.end();
    if (was || piece.hedge_of != 0) continue;
    const std::size_t missing = missing_bytes(piece);
    if (missing == 0 || hedged_bytes_ + missing > bytes_max) continue;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      const SourceState& idle = sources_[i];
      if (idle.excluded || idle.pieces > 0 || !could_bring(idle, piece) || !is_late(piece, idle, now)) continue;
      if (slowest != nullptr && time_left(*slowest, now) >= time_left(piece, now)) continue;
      slowest = &piece;
      by = i;
    }
  }
  if (slowest == nullptr) return std::nullopt;
  Cut cut{slowest->first, slowest->end, {}};
  for (const std::uint32_t layer : slowest->layers) {
    bool missing = false;
    for (std::size_t block = cut.first; block < cut.end; ++block)
      missing = missing || cell(layer, block) == Cell::kAsked;
    if (missing) cut.layers.push_back(layer);
  }
  const std::uint64_t of = slowest->id;
  hedged_.push_back(of);
  hedged_bytes_ += bytes_of(cut);
  Piece& piece = start_piece(by, cut, now);
  piece.hedge_of = of;
  return piece;
}

bool FetchSchedule::may_become_late() const {
  for (const Piece& piece : pieces_) {
    for (const SourceState& other : sources_) {
      if (!other.excluded && &other != &sources_[piece.source] && could_bring(other, piece)) return true;
    }
  }
  return false;
}

std::optional<std::uint64_t> FetchSchedule::superseded_piece() const {
  for (const Piece& piece : pieces_) {
    const bool is_double = piece.hedge_of != 0 || std::find(hedged_.begin(), hedged_.end(), piece.id) != hedged_.end();
    if (is_double && missing_bytes(piece) == 0) return piece.id;
  }
  return std::nullopt;
}

}  // namespace kvp2p
