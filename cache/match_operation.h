// Finds who has a prompt's blocks: this node first, then peers.
#pragma once

#include "cache/fetch_decision.h"
#include "cache/match_state.h"
#include "cache/shard_match.h"

#include <map>
#include <set>

namespace kvp2p {

/// How long a match keeps its blocks pinned here and leased at peers after it is decided.
inline constexpr base::Duration kMatchLife = std::chrono::seconds(60);
inline constexpr base::Duration kPeerLeaseTime = std::chrono::seconds(60);

/// Node thread only. Decided at the deadline at the latest, earlier when nothing better can come: every block found,
/// all peers answered, or only peers outstanding that promise nothing and have had their time.
class MatchOperation : public std::enable_shared_from_this<MatchOperation> {
 public:
  MatchOperation(CacheContext& context, std::shared_ptr<MatchState> state);

  void start();
  /// Gives up pins and leases; decides if that is yet to come.
  void stop();

  const std::shared_ptr<MatchState>& state() const { return state_; }
  /// REQUIRES: decided.
  std::shared_ptr<const ShardMatch> shard(std::size_t i) const { return shards_[i]; }

 private:
  struct Question {
    multiformats::PeerId peer;
    std::size_t shard = 0;
    /// Transfers use what is answered when the match is over.
    std::weak_ptr<ShardMatch> into;
    /// End of the blocks that the index promises; 0 if it knows nothing.
    std::size_t promised_end = 0;
    base::TimePoint patience_end{};
    /// There is no session with it yet.
    bool is_far = false;
    bool answered = false;
  };

  void look_here();
  std::size_t local_end() const;
  /// `here`: leading blocks that are in this node.
  void tell_prefix(std::size_t here) const;
  void ask_peers(std::size_t from);
  void ask(const multiformats::PeerId& peer, std::size_t promised_end, bool is_far = false);
  base::TimePoint patience_end(const multiformats::PeerId& peer, std::size_t promised_end) const;
  LookupRequest make_lookup(std::size_t shard, std::size_t from) const;
  static base::Task<> run_question(std::shared_ptr<MatchOperation> self, std::size_t question, std::size_t from);
  /// Tells the index how much of what it promised was there.
  void judge_promise(const Question& question, std::size_t from, const base::Result<LookupAnswer>& answer);
  void take_answer(std::size_t question, std::size_t from, LookupAnswer answer);
  void note_reason(const multiformats::PeerId& peer, const std::string& reason);
  /// Plans again with what is known, and decides if nothing better can come.
  void review();
  bool worth_waiting(const Question& question, std::size_t found) const;
  void schedule_review();
  void decide();
  /// How many of the blocks found are worth fetching, and why.
  void advise(MatchStatus& status);
  FetchDecision least_decision(std::size_t blocks) const;
  /// Whether so much is to be computed of what was found that a peer which has yet to answer may change that. Looks
  /// again when computing would be done.
  bool may_be_advised_better(std::size_t found);
  FetchQuestion question_about(const ShardMatch& shard, std::size_t blocks) const;

  CacheContext& context_;
  const std::shared_ptr<MatchState> state_;
  /// Shared with transfers, which go on when the match is released.
  std::vector<std::shared_ptr<ShardMatch>> shards_;
  std::vector<Question> questions_;
  std::string reason_;
  base::TimePoint started_{};
  bool decided_ = false;
  std::unique_ptr<base::Timer> deadline_;
  std::unique_ptr<base::Timer> next_review_;
  std::unique_ptr<base::Timer> life_;
};

}  // namespace kvp2p
