// Which source is asked for which part of a transfer, and when: pure.
//
// Cells are [layer][block]; layers are numbered in the order in which they are wanted. A piece is a rectangle of cells
// that one source is asked for. Sources that hold the same computation of a block (the same version) may each bring
// some of its layers, so for them pieces are wide: few layers of many blocks, the first layers first, as the engine
// wants them. Of several computations only one may make up a block: there pieces are tall, all layers of few blocks.
// What only one source holds it is asked for first, and all at once.
//
// Pieces are guided: each takes half of its source's fair share of what is left, so that large ones come first and
// small ones last, and whoever turns out faster takes more of them.
#pragma once

#include "base/clock.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace kvp2p {

struct FetchLimits {
  std::size_t piece_bytes_min = std::size_t{4} << 20;
  std::size_t piece_bytes_max = std::size_t{64} << 20;
  /// Of one source: one arrives while the next is being asked for.
  std::size_t pieces_under_way = 2;
  /// Bytes that may be asked for twice in case the first is late, of all; at least one smallest piece.
  std::size_t hedge_percent = 10;
};

/// What one source brought while it was kept busy.
struct FlowSample {
  std::size_t source = 0;
  std::size_t bytes = 0;
  base::Duration latency{};  // from asking to the first of it
  base::Duration time{};     // from asking to the last of it
};

class FetchSchedule {
 public:
  struct Source {
    /// One a block; 0: it does not have it. Sources with equal numbers have the same bytes of that block.
    std::vector<std::uint32_t> versions;
    /// A guess while nothing was measured; not 0.
    double bytes_per_second = 1e9;
    bool measured = false;
    base::Duration round_trip{};
  };
  struct Piece {
    std::uint64_t id = 0;
    std::size_t source = 0;
    /// Blocks [first, end) of these layers.
    std::size_t first = 0;
    std::size_t end = 0;
    std::vector<std::uint32_t> layers;
    /// Another piece that is late and is asked for here too; 0: none.
    std::uint64_t hedge_of = 0;
    base::TimePoint asked{};
    std::size_t bytes_received = 0;
  };

  /// Nothing is wanted at first.
  FetchSchedule(std::size_t blocks, std::uint32_t layers, std::size_t slice_bytes, FetchLimits limits);

  std::size_t add_source(Source source);
  std::size_t sources() const { return sources_.size(); }
  /// So many more sources may still come: then even what one holds alone is handed out in pieces.
  void expect_sources(std::size_t count) { expected_ = count; }

  // What is wanted

  void want(std::uint32_t layer, std::size_t block);
  void arrived(std::uint32_t layer, std::size_t block);
  bool is_here(std::uint32_t layer, std::size_t block) const { return cell(layer, block) == Cell::kHere; }
  /// Wanted in all layers, and nobody has been asked for any of them.
  bool is_untouched(std::size_t block) const { return wanted_of_[block] == layers_; }
  bool is_complete(std::size_t block) const;
  /// All of the block comes from this source by another way.
  void take(std::size_t source, std::size_t block);
  /// Blocks from here on are not wanted any more. It only falls.
  void limit(std::size_t blocks);
  bool anything_wanted() const { return wanted_cells_ > 0; }

  // What sources do

  /// What to ask for now, fastest source first; call it until there is nothing. `now` never goes back.
  std::optional<Piece> next(base::TimePoint now);
  /// Bytes of a piece have come.
  void note_bytes(std::uint64_t piece, std::size_t bytes, base::TimePoint now);
  /// The piece's source has ended it: what it did not bring is wanted again. True if that is anything.
  bool end_piece(std::uint64_t piece);
  /// It is asked for nothing more.
  void exclude(std::size_t source) { sources_[source].excluded = true; }
  /// It is asked for nothing more that another source has, too.
  void distrust(std::size_t source) { sources_[source].distrusted = true; }
  /// It does not have these blocks after all: what it was asked for of them is wanted again.
  void forget(std::size_t source, std::size_t first, std::size_t end);
  /// The first block that is wanted and that nobody can bring.
  std::optional<std::size_t> first_orphan() const;

  // What is late

  /// Ends a piece that its source has not begun and that an idle one would bring sooner; next() hands it out again.
  std::optional<std::uint64_t> move_piece(base::TimePoint now);
  /// The slowest piece, for an idle source that would bring it sooner. Each piece once.
  std::optional<Piece> hedge(base::TimePoint now);
  /// Whether anything may become late: then ask again after a while.
  bool may_become_late() const;
  /// A piece that waits for nothing any more, because another source was asked for the same and has brought it.
  std::optional<std::uint64_t> superseded_piece() const;
  /// REQUIRES: not ended.
  bool is_hedge(std::uint64_t piece) const { return find(piece)->hedge_of != 0; }
  std::size_t hedged_bytes() const { return hedged_bytes_; }

  /// Of the sources that have become idle since the last call.
  std::vector<FlowSample> drain_samples();
  /// Those that are not idle become so for the samples.
  void end_flows();

 private:
  /// Bytes from which on a rate is believed.
  static constexpr std::size_t kRateBytesMin = std::size_t{1} << 20;

  enum class Cell : std::uint8_t { kHere, kWanted, kAsked };
  struct SourceState {
    Source told;
    bool excluded = false;
    bool distrusted = false;
    /// A piece was taken from it, and nothing has come since.
    bool stalled = false;
    std::size_t pieces = 0;
    /// While it is kept busy.
    base::TimePoint busy_since{};
    base::TimePoint first_arrival{};
    base::TimePoint last_arrival{};
    std::size_t bytes = 0;
  };
  /// Which blocks and layers a piece has.
  struct Cut {
    std::size_t first = 0;
    std::size_t end = 0;
    std::vector<std::uint32_t> layers;
    bool is_exclusive = false;
  };

  Cell cell(std::uint32_t layer, std::size_t block) const { return cells_[layer * blocks_ + block]; }
  void set(std::uint32_t layer, std::size_t block, Cell to);
  std::uint32_t first_wanted(std::size_t block);
  bool has(const SourceState& source, std::size_t block) const;
  bool may_take(const SourceState& source, std::size_t block) const;
  /// Cells that were asked for in this piece and are not any more.
  bool give_back(const Piece& piece, std::size_t first, std::size_t end);
  /// Sources that may bring the block, and those of them with the version that `source` has.
  std::size_t holders(std::size_t block) const;
  std::size_t holders_alike(const SourceState& source, std::size_t block) const;
  std::optional<Cut> cut(std::size_t source, std::size_t target_bytes);
  std::size_t target_bytes(const SourceState& source, base::TimePoint now) const;
  std::size_t bytes_of(const Cut& cut) const { return cut.layers.size() * (cut.end - cut.first) * slice_bytes_; }
  bool helps(std::size_t source, const Cut& cut, base::TimePoint now) const;
  Piece& start_piece(std::size_t source, const Cut& cut, base::TimePoint now);
  const Piece* find(std::uint64_t id) const;
  bool covered_by_another(const Piece& piece, std::uint32_t layer, std::size_t block) const;
  std::size_t missing_bytes(const Piece& piece) const;
  std::size_t outstanding_bytes(std::size_t source) const;
  bool has_rate(const SourceState& source) const;
  double rate(const SourceState& source, base::TimePoint now) const;
  /// Seconds until an idle source would have brought so many bytes.
  double time_for(const SourceState& source, std::size_t bytes, base::TimePoint now) const;
  /// Seconds until a piece is expected to be there.
  double time_left(const Piece& piece, base::TimePoint now) const;
  bool is_late(const Piece& piece, const SourceState& idle, base::TimePoint now) const;
  bool could_bring(const SourceState& source, const Piece& piece) const;
  void end_flow(std::size_t source);

  const std::size_t blocks_;
  const std::uint32_t layers_;
  const std::size_t slice_bytes_;
  const FetchLimits limits_;
  std::vector<Cell> cells_;
  std::vector<std::uint32_t> wanted_of_;
  std::vector<std::uint32_t> first_wanted_;  // no later than the first
  /// The version that a block was begun with; 0 while it is untouched.
  std::vector<std::uint32_t> version_of_;
  std::size_t limit_;
  std::size_t wanted_cells_ = 0;
  std::size_t all_cells_ = 0;
  std::vector<SourceState> sources_;
  std::size_t expected_ = 0;
  std::vector<Piece> pieces_;
  std::uint64_t last_id_ = 0;
  std::vector<std::uint64_t> hedged_;
  std::size_t hedged_bytes_ = 0;
  std::vector<FlowSample> samples_;
};

}  // namespace kvp2p
