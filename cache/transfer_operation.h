// Brings the blocks of a match into an engine's memory, layer by layer, verified.
#pragma once

#include "cache/direct_source.h"
#include "cache/fetch_schedule.h"
#include "cache/shard_match.h"
#include "cache/transfer_inbox.h"
#include "cache/transfer_state.h"
#include "exchange/exchange.h"
#include "gpu/connector.h"

#include <bitset>
#include <deque>
#include <memory>
#include <set>
#include <vector>

namespace kvp2p {

struct TransferPlan {
  RegionId region{};
  /// The destination's and the match's; its shard is the region's.
  ObjectFormat format;
  /// Transfer block i is block first_block + i of `match` and goes to slots[i].
  std::size_t first_block = 0;
  std::vector<Slot> slots;
  /// Region layers, in the order in which they are wanted; each once.
  std::vector<std::uint32_t> layer_order;
  ReadyEvent ready;
  base::TimePoint deadline;
  std::shared_ptr<const ShardMatch> match;
};

/// Node thread only; TransferInbox does what other threads can. Every layer of every block goes: bytes in host memory →
/// digests checked → (last layer: root checked) → scattered by the connector → counted. Where the connector can, it is
/// scattered right after its digests; it counts once its root is right, too. Nothing is written whose digests are
/// wrong, and nothing once the TransferState says no. What a peer of this host has offered in place goes another way:
/// copied from memory to memory and counted if the blocks' generations are unchanged afterwards; if not, it comes as
/// above. No block is made up of layers of two computations.
///
/// Blocks from peers are not kept in the local store: serving them on would need the producer's signature.
class TransferOperation : public std::enable_shared_from_this<TransferOperation> {
 public:
  TransferOperation(CacheContext& context, TransferPlan plan, std::shared_ptr<TransferState> state);
  ~TransferOperation();

  void start();
  /// Once the state has ended: stops the peers. Not from inside a fetch's call.
  void end();
  /// A peer has answered for this match: it may help.
  void on_late_answer(const ShardMatch& match) {
    if (plan_.match.get() == &match) pump_peers();
  }

 private:
  class PeerFetch;
  std::size_t blocks() const { return plan_.slots.size(); }
  void want(std::uint32_t layer, std::size_t block);
  std::string name_of_source(const Delivery& delivery) const;

  // Sources
  void pump_local();
  std::shared_ptr<Delivery> next_local();
  void want_planned_blocks();
  /// Hands out what is wanted: in place where that can be, and otherwise over the network, to all who have it.
  void pump_peers();
  void add_sources();
  FetchSchedule::Source describe(std::size_t answer) const;
  /// The schedule's number of a source is its place in the match's answers.
  const std::shared_ptr<const PeerAnswer>& answer_of(std::size_t source) const { return plan_.match->answers[source]; }
  std::size_t source_of(const PeerAnswer* answer) const;
  void start_direct_copies();
  void start_direct(std::size_t source, std::shared_ptr<PeerRegion> region, std::size_t first, std::size_t end);
  void on_direct_end(std::size_t source, DirectCopy& copy);
  /// What the copy did not bring is to be brought by somebody.
  void reopen(const PeerAnswer& answer, const DirectCopy& copy);
  /// States why blocks come over the network.
  void note_staged(const PeerAnswer& answer, const std::string& why);
  std::string why_staged(const PeerAnswer& answer, std::size_t block) const;
  void start_piece(const FetchSchedule::Piece& piece);
  /// Moves or asks again for what is late, and looks again after a while.
  void look_for_late();
  void look_for_late_again();
  /// Ends fetches that nobody waits for, later: not from inside a fetch's call.
  void sweep_soon();
  void sweep();
  void take_samples();
  void on_frame(PeerFetch& fetch, ReceivedFrame frame);
  TransferInbox::Part part_of(const FetchSchedule::Piece& piece) const;
  /// The transfer's number of a block that a peer numbers as in its look-up.
  std::size_t block_of(const PeerFetch& fetch, std::uint32_t peers_number) const;
  void on_gone(PeerFetch& fetch, std::uint32_t first, std::uint32_t count);
  void on_fetch_end(PeerFetch& fetch, base::Result<> outcome);
  /// A source cannot bring blocks [first, end): others are asked; the prefix ends at the first that nobody else has.
  void give_up(std::size_t source, std::size_t first, std::size_t end, const std::string& reason);
  /// The local copy of this block is no good.
  void give_up_local(std::uint32_t layer, std::size_t block, const std::string& reason);
  /// This block and those after it have failed; peers that bring nothing else are told to stop.
  void fail_from(std::size_t block, const std::string& reason);

  // Stages
  /// On a worker; then back here.
  void process(std::shared_ptr<Delivery> delivery);
  void on_processed(std::shared_ptr<Delivery> delivery);
  /// In place already; the blocks that do not fit their roots have failed.
  void finish_write(Delivery& delivery);
  bool root_fits(const Delivery& delivery, std::size_t index);

  // How its sources behave (transfer_conduct.cc)

  // Once a source.
  void blame_for_wrong_bytes(std::size_t source);
  void blame_for_refusal(std::size_t source, std::size_t block);
  void blame_for_wrong_block(std::size_t block);
  bool is_loner(std::size_t source) const;
  bool anybody_has_proved_good() const;
  /// Bytes a second, of one that nothing has been measured of.
  double guess_rate(const PeerAnswer& answer) const;
  void praise_sources();
  /// Has those that this transfer did without bring a slice of what it has.
  void try_strangers();

  void on_corrupt(const Delivery& delivery, std::size_t index, std::size_t count);
  /// Whether this is to be said of the peer: once for each thing, whatever it sends.
  bool log_first(const PeerAnswer* answer, const char* what);
  /// Slices of one layer.
  void scatter(const std::shared_ptr<Delivery>& delivery, std::size_t first_index, std::size_t count);
  bool in_place(std::uint32_t layer, std::size_t block) const {
    return !in_place_.empty() && in_place_[layer * blocks() + block] != 0;
  }
  /// Verified slices of layers that came in place, with what the engine's memory holds.
  void compare(const std::shared_ptr<Delivery>& delivery, std::size_t first_index, std::size_t count);
  void on_read_back(const std::shared_ptr<Delivery>& delivery, std::size_t first_index, std::size_t count,
                    std::shared_ptr<std::vector<std::uint8_t>> placed);
  void on_compared(const Delivery& delivery, std::size_t first_index, const std::vector<std::uint8_t>& equal);
  /// All its layers that came in place are the stored copy's: the others may come.
  void reopen_rest(std::size_t block);
  void open_gate();
  void on_deadline();

  CacheContext& context_;
  const TransferPlan plan_;
  const std::shared_ptr<TransferState> state_;
  const std::shared_ptr<TransferInbox> inbox_;
  /// What is wanted of peers and who was asked for it. It numbers layers in the order in which they are wanted.
  FetchSchedule schedule_;
  std::vector<std::uint32_t> schedule_layer_;  // by the region's layer
  /// Leaves of blocks from peers, [block][layer][head], and how many layers are yet to come: for the roots.
  std::vector<std::vector<ContentDigest>> leaves_;
  std::vector<std::uint32_t> layers_to_come_;
  /// Whose they are: by block, a bit a source.
  using Sources = std::bitset<kIndexedPeersMax + kUnknownPeersMax>;
  std::vector<Sources> brought_by_;
  /// By source, of each block: which computation it has, as in FetchSchedule.
  std::vector<std::shared_ptr<const std::vector<std::uint32_t>>> versions_;
  /// Of blocks whose rest comes another way (transfer_compare.cc): [layer][block] that came in place, and how many of a
  /// block are still to be compared. Empty until there is one.
  std::vector<std::uint8_t> in_place_;
  std::vector<std::uint32_t> to_compare_;
  std::vector<std::unique_ptr<PeerFetch>> fetches_;
  /// Why the last source failed.
  std::string failure_;
  /// Blocks that a source has failed to bring, and those that are not to be tried in place again.
  std::vector<std::uint8_t> given_back_;
  std::vector<std::uint8_t> not_in_place_;
  std::vector<std::uint8_t> told_staged_;  // one a source
  std::set<std::size_t> used_sources_;
  Sources proven_sources_;     // who have had a part in a good block
  Sources suspected_sources_;  // and in a wrong one
  std::set<std::size_t> offending_sources_;
  std::optional<std::size_t> good_block_;  // the last that came and fits its root
  bool sweeping_ = false;
  std::unique_ptr<base::Timer> late_timer_;
  /// The next local work: position in layer_order, block.
  std::size_t local_layer_ = 0;
  std::size_t local_block_ = 0;
  std::size_t local_in_flight_ = 0;
  /// Verified, but the engine has not released the destination yet.
  struct Gated {
    std::shared_ptr<Delivery> delivery;
    std::size_t first_index = 0;
    std::size_t count = 0;
  };
  std::deque<Gated> gated_;
  std::vector<std::shared_ptr<DirectCopy>> gated_direct_;
  bool had_direct_ = false;
  bool gate_open_ = false;
  bool ended_ = false;
  base::TimePoint fetch_started_{};
  base::Duration deserialise_before_{};
  std::unique_ptr<base::Timer> deadline_;
};

}  // namespace kvp2p
