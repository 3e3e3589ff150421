// Keeps the index in step with what holders gossip, and finds out where it is not.
#pragma once

#include "base/clock.h"
#include "index/block_index.h"
#include "wire/announcements.h"

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace kvp2p {

/// What to do with a message of gossip: pass it on; neither pass it on nor mind; hold it against who has sent it.
enum class GossipVerdict { kAccept, kIgnore, kReject };

/// Pure state beside the index; node thread only. A repair is a few questions to the holder itself, one after the
/// other: next_question() until there is none, with on_answer() for each.
class FollowedHolders {
 public:
  using Source = BlockIndex::Source;
  /// Holders whose digests did not fit so often, and who did not answer meanwhile, are forgotten.
  static constexpr unsigned kUnconfirmedMax = 3;
  /// Questions of one repair; the next digest begins another.
  static constexpr unsigned kQuestionsMax = 64;
  /// A holder is forgotten when so many of the digests that it has promised have not come; where they are far between,
  /// when two have not, and this time has passed.
  static constexpr unsigned kDigestsMissedMax = 6;
  static constexpr base::Duration kLateMax = std::chrono::minutes(1);
  /// Before it has promised any.
  static constexpr base::Duration kSilenceMax = std::chrono::minutes(2);

  /// The index outlives it.
  explicit FollowedHolders(BlockIndex& index, std::size_t holders_max = BlockIndex::kHoldersMax);
  ~FollowedHolders();

  GossipVerdict on_changed(const Source& source, const wire::BlocksChanged& changed, base::TimePoint now);
  GossipVerdict on_digest(const Source& source, const wire::BlocksDigest& digest, base::TimePoint now);

  /// Whether the index is known to differ from what the holder has, and no repair is under way.
  bool needs_repair(const Source& source) const;
  /// Begins a repair or goes on with it; nothing where it is done.
  std::optional<wire::Announcement> next_question(const Source& source);
  /// False if it is of no use: the repair has ended.
  bool on_answer(const Source& source, const wire::Announcement& answer);
  /// Nobody answers.
  void end_repair(const Source& source);

  /// Forgets those who have been silent for too long.
  void expire(base::TimePoint now);
  std::size_t size() const { return holders_.size(); }
  /// Those of one model. Looks at all.
  std::size_t holders_of(const Fingerprint& topic) const;

 private:
  struct Repair;
  struct Holder;
  struct SourceHash {
    std::size_t operator()(const Source& source) const;
  };

  /// Null if the message is of an earlier incarnation, or there are too many holders.
  Holder* holder_of(const Source& source, const wire::Incarnation& incarnation, base::TimePoint now);
  void apply(const Source& source, const wire::BlocksChanged& changed);
  bool on(const Source& source, Holder& holder, const wire::Sums& sums);
  bool on(const Source& source, Holder& holder, const wire::Parts& parts);
  std::vector<std::uint64_t> own_sums(const Source& source, unsigned bits) const;
  void replace(const Source& source, std::uint64_t epoch, const wire::Parts& parts);

  BlockIndex& index_;
  const std::size_t holders_max_;
  std::unordered_map<Source, Holder, SourceHash> holders_;
};

}  // namespace kvp2p
