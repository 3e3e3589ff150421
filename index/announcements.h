// Announcements by gossip: tells others what this node stores and evicts, and keeps its index in step with theirs.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"
#include "index/followed_holders.h"
#include "kv/block_key.h"
#include "multiformats/peer_id.h"
#include "wire/announcements.h"

#include <memory>
#include <string>

namespace kvp2p {

/// The topic of a model's blocks: kTopicPrefix and the fingerprint in hexadecimal.
inline constexpr std::string_view kBlocksTopicPrefix = "/kv-cache-p2p/blocks/1.0.0/";
std::string blocks_topic(const Fingerprint& model);

/// Carries payloads: gossip for those to everybody, a stream for questions. On the node thread.
class AnnouncementCarrier {
 public:
  virtual ~AnnouncementCarrier() = default;
  /// To all who follow the topic, signed by this node. Best effort.
  virtual void publish(const Fingerprint& model, base::Bytes payload) = 0;
  /// Asks the holder itself, and nobody else; what its Announcements::on_question() returns, of at most
  /// wire::kAnnouncementBytesMax.
  virtual base::Task<base::Result<base::Bytes>> ask(multiformats::PeerId holder, Fingerprint model,
                                                    base::Bytes question, base::TimePoint deadline) = 0;
};

struct AnnouncementsConfig {
  wire::Incarnation incarnation;
  /// Random, so that nodes do not all announce at once.
  std::uint64_t seed = 0;
  /// After the first change.
  base::Duration changes_delay = std::chrono::milliseconds(10);
  /// Between digests; each is up to a quarter sooner or later.
  base::Duration digest_period = std::chrono::seconds(10);
  /// Of all holders of a model together, so many messages go to everybody at most: one an interval. With more holders,
  /// each leaves more time between its own.
  base::Duration topic_changes_interval = std::chrono::milliseconds(10);
  base::Duration topic_digests_interval = std::chrono::milliseconds(200);
  /// From a digest that does not fit to the first question: what it tells of may still be under way.
  base::Duration settle_time = std::chrono::milliseconds(500);
  base::Duration ask_timeout = std::chrono::seconds(10);
};

/// Node thread only.
class Announcements {
 public:
  /// Models that this node announces blocks of.
  static constexpr std::size_t kModelsMax = 64;
  /// Holders that are asked at a time.
  static constexpr std::size_t kRepairsMax = 4;
  /// What one peer may ask for at once, and in a second, in keys and sums; beyond it is refused.
  static constexpr double kAnswerWordsBurst = 524'288;
  static constexpr double kAnswerWordsPerSecond = 65'536;
  static constexpr std::size_t kAskersMax = 4096;

  /// The carrier is not called after stop(), and outlives what it has been asked before; all else outlives this.
  Announcements(const base::Executor& executor, base::Clock& clock, AnnouncementCarrier& carrier, BlockIndex& index,
                const AnnouncementsConfig& config);
  ~Announcements();

  /// Nothing where there are kModelsMax others.
  void stored(const Fingerprint& model, const BlockKey& key);
  void evicted(const Fingerprint& model, const BlockKey& key);
  void cleared(const Fingerprint& model);

  /// What has come by gossip, signed by `origin`.
  GossipVerdict on_payload(const multiformats::PeerId& origin, const Fingerprint& model, base::ConstBytes payload);
  /// The answer, or std::errc::resource_unavailable_try_again to who asks too much, or no_such_file_or_directory where
  /// nothing of that model was ever here.
  base::Result<base::Bytes> on_question(const multiformats::PeerId& asker, const Fingerprint& model,
                                        base::ConstBytes question);

  /// Nothing is sent any more. The destructor does it, too.
  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace kvp2p
