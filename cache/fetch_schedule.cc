#include "cache/fetch_schedule.h"

#include <algorithm>
#include <cassert>
#include <numeric>

namespace kvp2p {

namespace {

/// A source that gets a piece may end so much later than the others would without it.
constexpr double kHelpSlack = 1.1;

double seconds(base::Duration time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

FetchSchedule::FetchSchedule(std::size_t blocks, std::uint32_t layers, std::size_t slice_bytes, FetchLimits limits)
    : blocks_(blocks),
      layers_(layers),
      slice_bytes_(slice_bytes),
      limits_(limits),
      cells_(blocks * layers, Cell::kHere),
      wanted_of_(blocks, 0),
      first_wanted_(blocks, 0),
      version_of_(blocks, 0),
      limit_(blocks) {}

std::size_t FetchSchedule::add_source(Source source) {
  assert(source.versions.size() == blocks_ && source.bytes_per_second > 0);
  sources_.emplace_back().told = std::move(source);
  return sources_.size() - 1;
}

// What is wanted -----------------------------------------------------------------------------------------------------

void FetchSchedule::set(std::uint32_t layer, std::size_t block, Cell to) {
  Cell& cell = cells_[layer * blocks_ + block];
  if (to == Cell::kWanted && block >= limit_) to = Cell::kHere;
  if (cell == to) return;
  if (cell == Cell::kWanted) {
    --wanted_of_[block];
    --wanted_cells_;
  }
  cell = to;
  if (to != Cell::kWanted) return;
  ++wanted_cells_;
  first_wanted_[block] = std::min(first_wanted_[block], layer);
  if (++wanted_of_[block] == layers_) version_of_[block] = 0;
}

void FetchSchedule::want(std::uint32_t layer, std::size_t block) {
  if (cell(layer, block) != Cell::kHere || block >= limit_) return;
  ++all_cells_;
  set(layer, block, Cell::kWanted);
}

void FetchSchedule::arrived(std::uint32_t layer, std::size_t block) { set(layer, block, Cell::kHere); }

bool FetchSchedule::is_complete(std::size_t block) const {
  for (std::uint32_t layer = 0; layer < layers_; ++layer) {
    if (!is_here(layer, block)) return false;
  }
  return true;
}

void FetchSchedule::take(std::size_t source, std::size_t block) {
  for (std::uint32_t layer = 0; layer < layers_; ++layer) arrived(layer, block);
  version_of_[block] = sources_[source].told.versions[block];
}

void FetchSchedule::limit(std::size_t blocks) {
  for (std::size_t block = blocks; block < limit_; ++block) {
    if (wanted_of_[block] == 0) continue;
    for (std::uint32_t layer = 0; layer < layers_; ++layer) {
      if (cell(layer, block) == Cell::kWanted) arrived(layer, block);
    }
  }
  limit_ = std::min(limit_, blocks);
}

std::uint32_t FetchSchedule::first_wanted(std::size_t block) {
  std::uint32_t& first = first_wanted_[block];
  while (first < layers_ && cell(first, block) != Cell::kWanted) ++first;
  return first;
}

// Who may bring what -------------------------------------------------------------------------------------------------

bool FetchSchedule::has(const SourceState& source, std::size_t block) const {
  const std::uint32_t version = source.told.versions[block];
  return !source.excluded && version != 0 && (version_of_[block] == 0 || version_of_[block] == version);
}

bool FetchSchedule::may_take(const SourceState& source, std::size_t block) const {
  if (!has(source, block)) return false;
  return !source.distrusted || std::none_of(sources_.begin(), sources_.end(), [&](const SourceState& other) {
    return !other.distrusted && has(other, block);
  });
}

std::size_t FetchSchedule::holders(std::size_t block) const {
  return static_cast<std::size_t>(
      std::count_if(sources_.begin(), sources_.end(), [&](const auto& source) { return may_take(source, block); }));
}

std::size_t FetchSchedule::holders_alike(const SourceState& source, std::size_t block) const {
  return static_cast<std::size_t>(std::count_if(sources_.begin(), sources_.end(), [&](const auto& other) {
    return may_take(other, block) && other.told.versions[block] == source.told.versions[block];
  }));
}

std::optional<std::size_t> FetchSchedule::first_orphan() const {
  for (std::size_t block = 0; block < blocks_; ++block) {
    if (wanted_of_[block] > 0 && holders(block) == 0) return block;
  }
  return std::nullopt;
}

// What to ask for ----------------------------------------------------------------------------------------------------

std::size_t FetchSchedule::target_bytes(const SourceState& source, base::TimePoint now) const {
  // Until it is known how fast it is, no more than may be lost.
  if (!has_rate(source)) return limits_.piece_bytes_min;
  double all = 0;
  std::size_t able = 0;
  for (const SourceState& other : sources_) {
    if (other.excluded) continue;
    all += rate(other, now);
    ++able;
  }
  all += all / static_cast<double>(able) * static_cast<double>(expected_);
  const double share = static_cast<double>(wanted_cells_ * slice_bytes_) * rate(source, now) / all;
  return std::clamp(static_cast<std::size_t>(share / 2), limits_.piece_bytes_min, limits_.piece_bytes_max);
}

std::optional<FetchSchedule::Cut> FetchSchedule::cut(std::size_t number, std::size_t target) {
  const SourceState& source = sources_[number];
  std::size_t first = blocks_, rarity = 0;
  for (std::size_t block = 0; block < blocks_; ++block) {
    if (wanted_of_[block] == 0 || !may_take(source, block)) continue;
    const std::size_t held_by = holders(block);
    const bool better =
        first == blocks_ || held_by < rarity || (held_by == rarity && first_wanted(block) < first_wanted(first));
    if (!better) continue;
    first = block;
    rarity = held_by;
  }
  if (first == blocks_) return std::nullopt;

  Cut cut;
  cut.is_exclusive = rarity == 1 && expected_ == 0;
  const bool wide = !cut.is_exclusive && (holders_alike(source, first) > 1 || (rarity == 1 && expected_ > 0));
  const std::uint32_t first_layer = first_wanted(first);
  const std::size_t slices_max = std::max<std::size_t>(1, target / slice_bytes_);
  const std::size_t run_max = cut.is_exclusive ? blocks_
                              : wide           ? slices_max
                                               : std::max<std::size_t>(1, slices_max / layers_);
  const auto is_alike = [&](std::size_t block) {
    return wanted_of_[block] > 0 && may_take(source, block) && holders(block) == rarity;
  };
  // All at once: then those whose first layers are there, too.
  while (cut.is_exclusive && first > 0 && is_alike(first - 1)) --first;
  cut.first = cut.end = first;
  while (cut.end < blocks_ && cut.end - cut.first < run_max) {
    const std::size_t block = cut.end;
    if (!is_alike(block)) break;
    if (wide && first_wanted(block) != first_layer) break;
    if (wide && rarity > 1 && holders_alike(source, block) < 2) break;
    ++cut.end;
  }
  const std::size_t layers_max = wide ? std::max<std::size_t>(1, slices_max / (cut.end - cut.first)) : layers_;
  for (std::uint32_t layer = 0; layer < layers_ && cut.layers.size() < layers_max; ++layer) {
    bool wanted = false;
    for (std::size_t block = cut.first; block < cut.end && !wanted; ++block)
      wanted = cell(layer, block) == Cell::kWanted;
    if (wanted) cut.layers.push_back(layer);
  }
  return cut;
}

/// A source that would be the last by far is better left out: a peer across the world beside three in the same rack.
bool FetchSchedule::helps(std::size_t number, const Cut& cut, base::TimePoint now) const {
  if (cut.is_exclusive || pieces_.empty()) return true;
  double others_rate = 0;
  std::size_t others_bytes = wanted_cells_ * slice_bytes_;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (i == number || sources_[i].excluded) continue;
    others_rate += rate(sources_[i], now);
    others_bytes += outstanding_bytes(i);
  }
  if (others_rate == 0) return true;
  for (std::size_t block = cut.first; block < cut.end; ++block) {
    if (holders(block) == 1) return true;
  }
  const double own = time_for(sources_[number], outstanding_bytes(number) + bytes_of(cut), now);
  return own <= kHelpSlack * static_cast<double>(others_bytes) / others_rate;
}

std::optional<FetchSchedule::Piece> FetchSchedule::next(base::TimePoint now) {
  if (wanted_cells_ == 0) return std::nullopt;
  std::vector<std::size_t> order(sources_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return rate(sources_[a], now) > rate(sources_[b], now); });
  for (const std::size_t number : order) {
    const SourceState& source = sources_[number];
    if (source.excluded || source.stalled || source.pieces >= (has_rate(source) ? limits_.pieces_under_way : 1))
      continue;
    for (const std::size_t target : {target_bytes(source, now), limits_.piece_bytes_min}) {
      const auto found = cut(number, target);
      if (!found) break;
      if (helps(number, *found, now)) return start_piece(number, *found, now);
    }
  }
  return std::nullopt;
}

FetchSchedule::Piece& FetchSchedule::start_piece(std::size_t number, const Cut& cut, base::TimePoint now) {
  SourceState& source = sources_[number];
  if (source.pieces++ == 0) {
    source.busy_since = source.first_arrival = source.last_arrival = now;
    source.bytes = 0;
  }
  Piece& piece = pieces_.emplace_back();
  piece.id = ++last_id_;
  piece.source = number;
  piece.first = cut.first;
  piece.end = cut.end;
  piece.layers = cut.layers;
  piece.asked = now;
  for (std::size_t block = cut.first; block < cut.end; ++block) {
    for (const std::uint32_t layer : cut.layers) {
      if (cell(layer, block) == Cell::kWanted) set(layer, block, Cell::kAsked);
    }
    version_of_[block] = source.told.versions[block];
  }
  return piece;
}

// What comes ---------------------------------------------------------------------------------------------------------

const FetchSchedule::Piece* FetchSchedule::find(std::uint64_t id) const {
  const auto at = std::find_if(pieces_.begin(), pieces_.end(), [id](const Piece& piece) { return piece.id == id; });
  return at == pieces_.end() ? nullptr : &*at;
}

void FetchSchedule::note_bytes(std::uint64_t id, std::size_t bytes, base::TimePoint now) {
  auto* piece = const_cast<Piece*>(find(id));
  if (piece == nullptr) return;
  piece->bytes_received += bytes;
  SourceState& source = sources_[piece->source];
  if (source.bytes == 0) source.first_arrival = now;
  source.bytes += bytes;
  source.last_arrival = now;
  source.stalled = false;
}

bool FetchSchedule::covered_by_another(const Piece& piece, std::uint32_t layer, std::size_t block) const {
  return std::any_of(pieces_.begin(), pieces_.end(), [&](const Piece& other) {
    return other.id != piece.id && other.first <= block && block < other.end &&
           sources_[other.source].told.versions[block] != 0 &&
           std::binary_search(other.layers.begin(), other.layers.end(), layer);
  });
}

bool FetchSchedule::give_back(const Piece& piece, std::size_t first, std::size_t end) {
  bool any = false;
  for (const std::uint32_t layer : piece.layers) {
    for (std::size_t block = std::max(first, piece.first); block < std::min(end, piece.end); ++block) {
      if (cell(layer, block) != Cell::kAsked || covered_by_another(piece, layer, block)) continue;
      set(layer, block, Cell::kWanted);
      any = any || block < limit_;
    }
  }
  return any;
}

void FetchSchedule::forget(std::size_t source, std::size_t first, std::size_t end) {
  for (std::size_t block = first; block < end; ++block) sources_[source].told.versions[block] = 0;
  for (const Piece& piece : pieces_) {
    if (piece.source == source) give_back(piece, first, end);
  }
}

bool FetchSchedule::end_piece(std::uint64_t id) {
  const Piece* const found = find(id);
  if (found == nullptr) return false;
  const Piece piece = *found;
  const bool missing = give_back(piece, 0, blocks_);
  std::erase_if(pieces_, [id](const Piece& one) { return one.id == id; });
  if (--sources_[piece.source].pieces == 0) end_flow(piece.source);
  return missing;
}

void FetchSchedule::end_flow(std::size_t number) {
  SourceState& source = sources_[number];
  if (source.bytes == 0) return;
  FlowSample sample;
  sample.source = number;
  sample.bytes = source.bytes;
  sample.latency = source.first_arrival - source.busy_since;
  sample.time = source.last_arrival - source.busy_since;
  if (source.bytes >= kRateBytesMin && sample.time > base::Duration::zero()) {
    source.told.bytes_per_second = static_cast<double>(source.bytes) / seconds(sample.time);
    source.told.measured = true;
  }
  samples_.push_back(sample);
  source.bytes = 0;
}

void FetchSchedule::end_flows() {
  for (std::size_t i = 0; i < sources_.size(); ++i) end_flow(i);
}

std::vector<FlowSample> FetchSchedule::drain_samples() { return std::exchange(samples_, {}); }

}  // namespace kvp2p
