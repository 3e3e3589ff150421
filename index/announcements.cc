#include "index/announcements.h"

#include "index/announced_blocks.h"

#include <algorithm>
#include <deque>
#include <random>
#include <unordered_map>

namespace kvp2p {

namespace {

using Source = BlockIndex::Source;
using boost::system::errc::make_error_code;

/// How often silence is looked for.
constexpr base::Duration kExpiryPeriod = std::chrono::seconds(5);
/// A quarter more can still be promised.
constexpr base::Duration kDigestPeriodMax = std::chrono::milliseconds(wire::kNextDigestMsMax) * 3 / 4;

}  // namespace

std::string blocks_topic(const Fingerprint& model) { return std::string(kBlocksTopicPrefix) + model.to_hex(); }

struct Announcements::State : std::enable_shared_from_this<State> {
  State(const base::Executor& e, base::Clock& c, AnnouncementCarrier& carries, BlockIndex& index,
        const AnnouncementsConfig& given)
      : executor(e), clock(c), carrier(&carries), config(given), followed(index), random(given.seed) {}

  struct Model {
    explicit Model(const wire::Incarnation& incarnation) : blocks(incarnation) {}
    AnnouncedBlocks blocks;
    std::unique_ptr<base::Timer> changes_timer;
    std::unique_ptr<base::Timer> digest_timer;
    base::TimePoint next_changes{};  // not before
    std::size_t holders = 1;         // with this node, when the last digest was due
  };
  /// What one peer may still ask for.
  struct Allowance {
    double words = kAnswerWordsBurst;
    base::TimePoint when{};
  };

  Model* model_of(const Fingerprint& fingerprint);
  void note_change(const Fingerprint& fingerprint, Model& model);
  // By value: the timer that calls has the argument, and ends meanwhile.
  void publish_changes(Fingerprint fingerprint);
  void publish_digest(Fingerprint fingerprint);
  base::Duration next_digest(std::size_t holders);
  void schedule_expiry();
  void want_repair(const Source& source);
  void start_repairs();
  static base::Task<> repair(std::shared_ptr<State> self, Source source);
  bool allows(const multiformats::PeerId& asker, double words);

  base::Executor executor;
  base::Clock& clock;
  AnnouncementCarrier* carrier;  // null: stopped
  const AnnouncementsConfig config;
  FollowedHolders followed;
  std::mt19937_64 random;
  std::unordered_map<Fingerprint, Model> models;
  std::unordered_map<multiformats::PeerId, Allowance> allowances;
  std::unique_ptr<base::Timer> expiry_timer;
  std::deque<Source> waiting;  // for a repair; each once
  std::vector<Source> repairing;
};

Announcements::State::Model* Announcements::State::model_of(const Fingerprint& fingerprint) {
  if (auto at = models.find(fingerprint); at != models.end()) return &at->second;
  if (carrier == nullptr || models.size() >= kModelsMax) return nullptr;
  Model& model = models.try_emplace(fingerprint, config.incarnation).first->second;
  model.digest_timer =
      clock.call_at(clock.now() + next_digest(1), [this, fingerprint] { publish_digest(fingerprint); });
  return &model;
}

void Announcements::State::note_change(const Fingerprint& fingerprint, Model& model) {
  if (carrier == nullptr) return;
  if (model.blocks.changes() >= wire::kPrefixesMax) return publish_changes(fingerprint);
  if (model.changes_timer || !model.blocks.has_changes()) return;
  const base::TimePoint when = std::max(clock.now() + config.changes_delay, model.next_changes);
  model.changes_timer = clock.call_at(when, [this, fingerprint] { publish_changes(fingerprint); });
}

void Announcements::State::publish_changes(Fingerprint fingerprint) {
  Model& model = models.at(fingerprint);
  model.changes_timer.reset();
  model.next_changes = clock.now() + static_cast<base::Duration::rep>(model.holders) * config.topic_changes_interval;
  for (auto& message : model.blocks.take_changes()) {
    carrier->publish(fingerprint, wire::encode_announcement(std::move(message)));
  }
}

void Announcements::State::publish_digest(Fingerprint fingerprint) {
  Model& model = models.at(fingerprint);
  model.holders = followed.holders_of(fingerprint) + 1;
  publish_changes(fingerprint);
  const base::Duration next = next_digest(model.holders);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(next).count() + 1;
  const auto next_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>(ms, 1, wire::kNextDigestMsMax));
  carrier->publish(fingerprint, wire::encode_announcement(model.blocks.digest(next_ms)));
  model.digest_timer = clock.call_at(clock.now() + next, [this, fingerprint] { publish_digest(fingerprint); });
}

base::Duration Announcements::State::next_digest(std::size_t holders) {
  const double part = 0.75 + 0.5 * std::uniform_real_distribution<>()(random);
  const base::Duration period =
      std::max(config.digest_period, static_cast<base::Duration::rep>(holders) * config.topic_digests_interval);
  return std::chrono::duration_cast<base::Duration>(part * std::min(period, kDigestPeriodMax));
}

void Announcements::State::schedule_expiry() {
  expiry_timer = clock.call_at(clock.now() + kExpiryPeriod, [this] {
    followed.expire(clock.now());
    if (followed.size() > 0)
      schedule_expiry();
    else
      expiry_timer.reset();
  });
}

void Announcements::State::want_repair(const Source& source) {
  if (!followed.needs_repair(source) || std::ranges::find(repairing, source) != repairing.end()) return;
  if (std::ranges::find(waiting, source) != waiting.end()) return;
  waiting.push_back(source);
  start_repairs();
}

void Announcements::State::start_repairs() {
  while (carrier != nullptr && repairing.size() < kRepairsMax && !waiting.empty()) {
    repairing.push_back(std::move(waiting.front()));
    waiting.pop_front();
    base::spawn(executor, repair(shared_from_this(), repairing.back()));
  }
}

base::Task<> Announcements::State::repair(std::shared_ptr<State> self, Source source) {
  const base::TimePoint settled = self->clock.now() + self->config.settle_time;
  co_await base::sleep_until(self->clock, settled);
  while (self->carrier != nullptr) {
    auto question = self->followed.next_question(source);
    if (!question) break;
    base::Bytes bytes = wire::encode_announcement(*question);
    const base::TimePoint deadline = self->clock.now() + self->config.ask_timeout;
    auto answer = co_await self->carrier->ask(source.peer, source.topic, std::move(bytes), deadline);
    if (self->carrier == nullptr) break;
    auto decoded = answer ? wire::decode_announcement(*answer) : base::Result<wire::Announcement>(answer.error());
    if (decoded && self->followed.on_answer(source, *decoded)) continue;
    self->followed.end_repair(source);
    break;
  }
  std::erase(self->repairing, source);
  self->start_repairs();
}

bool Announcements::State::allows(const multiformats::PeerId& asker, double words) {
  const base::TimePoint now = clock.now();
  const auto filled = [now](const Allowance& a) {
    const double seconds = std::chrono::duration<double>(now - a.when).count();
    return std::min(kAnswerWordsBurst, a.words + seconds * kAnswerWordsPerSecond);
  };
  if (allowances.size() >= kAskersMax && !allowances.contains(asker)) {
    std::erase_if(allowances, [&](const auto& entry) { return filled(entry.second) == kAnswerWordsBurst; });
    if (allowances.size() >= kAskersMax) return false;
  }
  auto [at, is_new] = allowances.try_emplace(asker, Allowance{kAnswerWordsBurst, now});
  at->second = {filled(at->second), now};
  if (at->second.words <= 0) return false;
  at->second.words -= words;  // below nothing if need be: an answer's size is known too late
  return true;
}

Announcements::Announcements(const base::Executor& executor, base::Clock& clock, AnnouncementCarrier& carrier,
                             BlockIndex& index, const AnnouncementsConfig& config)
    : state_(std::make_shared<State>(executor, clock, carrier, index, config)) {}

Announcements::~Announcements() { stop(); }

void Announcements::stop() {
  state_->carrier = nullptr;
  state_->expiry_timer.reset();
  state_->models.clear();
  state_->waiting.clear();
}

void Announcements::stored(const Fingerprint& model, const BlockKey& key) {
  auto* const own = state_->model_of(model);
  if (own == nullptr) return;
  own->blocks.stored(prefix_of(key));
  state_->note_change(model, *own);
}

void Announcements::evicted(const Fingerprint& model, const BlockKey& key) {
  auto* const own = state_->model_of(model);
  if (own == nullptr) return;
  own->blocks.evicted(prefix_of(key));
  state_->note_change(model, *own);
}

void Announcements::cleared(const Fingerprint& model) {
  auto* const own = state_->model_of(model);
  if (own == nullptr) return;
  own->blocks.cleared();
  state_->note_change(model, *own);
}

GossipVerdict Announcements::on_payload(const multiformats::PeerId& origin, const Fingerprint& model,
                                        base::ConstBytes payload) {
  auto announcement = wire::decode_announcement(payload);
  if (!announcement) return GossipVerdict::kReject;
  const Source source{origin, model};
  const base::TimePoint now = state_->clock.now();
  GossipVerdict verdict = GossipVerdict::kReject;  // questions and answers are no gossip
  if (const auto* changed = std::get_if<wire::BlocksChanged>(&*announcement)) {
    verdict = state_->followed.on_changed(source, *changed, now);
  } else if (const auto* digest = std::get_if<wire::BlocksDigest>(&*announcement)) {
    verdict = state_->followed.on_digest(source, *digest, now);
    state_->want_repair(source);
  }
  if (!state_->expiry_timer && state_->carrier != nullptr && state_->followed.size() > 0) state_->schedule_expiry();
  return verdict;
}

base::Result<base::Bytes> Announcements::on_question(const multiformats::PeerId& asker, const Fingerprint& model,
                                                     base::ConstBytes question) {
  auto decoded = wire::decode_announcement(question);
  if (!decoded) return decoded.error();
  const auto at = state_->models.find(model);
  if (at == state_->models.end()) return make_error_code(boost::system::errc::no_such_file_or_directory);
  const AnnouncedBlocks& blocks = at->second.blocks;
  // Looking through all blocks is a part of the price.
  const double words = 256 + static_cast<double>(blocks.size()) / 64;
  if (!state_->allows(asker, words)) return make_error_code(boost::system::errc::resource_unavailable_try_again);
  auto& left = state_->allowances.at(asker).words;
  if (const auto* sums = std::get_if<wire::SumsWanted>(&*decoded)) {
    left -= static_cast<double>(std::size_t{1} << sums->bits);
    return wire::encode_announcement(blocks.answer(*sums));
  }
  if (const auto* parts = std::get_if<wire::PartsWanted>(&*decoded)) {
    auto answer = blocks.answer(*parts);
    left -= static_cast<double>(answer.keys.size());
    return wire::encode_announcement(std::move(answer));
  }
  return make_error_code(boost::system::errc::invalid_argument);
}

}  // namespace kvp2p
