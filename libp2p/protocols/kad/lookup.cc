#include "libp2p/protocols/kad/lookup.h"

#include <algorithm>

namespace libp2p::kad {

using multiformats::PeerId;

Lookup::Lookup(const Key& target, const PeerId& self, const LookupSettings& settings,
               const std::vector<PeerEntry>& seeds)
    : target_(target), self_(self), settings_(settings), paths_(settings.paths) {
  for (std::size_t i = 0; i < seeds.size(); ++i) add(i % paths_.size(), seeds[i], PeerId());
}

Lookup::Candidate* Lookup::find(const PeerId& peer) {
  const auto place = places_.find(peer);
  return place == places_.end() ? nullptr : &paths_[place->second.path].at(place->second.distance);
}

void Lookup::add(std::size_t path, const PeerEntry& peer, const PeerId& named_by) {
  if (peer.id == self_ || peer.id.empty()) return;
  if (Candidate* known = find(peer.id)) return named_again(*known, peer, named_by);
  const Key where = distance(target_, key_of(peer.id));
  if (places_.size() >= settings_.peers_max && !make_room(path, where)) return;
  paths_[path].emplace(where, Candidate{.peer = peer, .named_by = named_by});
  places_.emplace(peer.id, Place{path, where});
}

void Lookup::named_again(Candidate& known, const PeerEntry& peer, const PeerId& named_by) {
  if (named_by == known.named_by) return;
  bool is_news = false;
  for (const auto& address : peer.addresses) {
    auto& addresses = known.peer.addresses;
    if (addresses.size() >= kPeerAddressesMax ||
        std::find(addresses.begin(), addresses.end(), address) != addresses.end()) {
      continue;
    }
    // In front: what the first one told may be what has failed.
    addresses.insert(addresses.begin(), address);
    is_news = true;
  }
  if (known.state == State::kNew && is_distrusted(known.named_by)) known.named_by = named_by;
  if (known.state != State::kFailed || known.is_second_try || !is_news) return;
  known.state = State::kNew;
  known.is_second_try = true;
  known.named_by = named_by;
}

bool Lookup::make_room(std::size_t path, const Key& distance) {
  Path& candidates = paths_[path];
  for (auto each = candidates.rbegin(); each != candidates.rend() && each->first > distance; ++each) {
    if (each->second.state != State::kNew) continue;
    places_.erase(each->second.peer.id);
    candidates.erase(std::next(each).base());
    return true;
  }
  return false;
}

bool Lookup::is_distrusted(const PeerId& namer) const {
  const auto found = namers_.find(namer);
  return found != namers_.end() && found->second.failed >= kBadNamesMin &&
         found->second.failed > 3 * found->second.answered;
}

Lookup::Namer* Lookup::namer_of(const Candidate& candidate) {
  return candidate.named_by.empty() ? nullptr : &namers_[candidate.named_by];
}

std::vector<PeerEntry> Lookup::next(base::TimePoint now) {
  std::vector<PeerEntry> result;
  const std::size_t room = std::max<std::size_t>(1, settings_.alpha / paths_.size());
  for (Path& path : paths_) {
    if (!is_done(path, now)) next_of(path, room, now, result);
  }
  return result;
}

void Lookup::next_of(Path& path, std::size_t room, base::TimePoint now, std::vector<PeerEntry>& into) {
  std::size_t under_way = 0;
  for (const auto& [distance, each] : path) under_way += each.state == State::kAsked && !is_slow(each, now) ? 1 : 0;
  // First as many of each namer's as leave room for another's; then any.
  const std::size_t share = (room + 1) / 2;
  for (const bool is_any : {false, true}) {
    std::size_t closer = 0;
    for (auto& [distance, each] : path) {
      if (under_way >= room || closer >= settings_.k || !may_ask()) break;
      if (each.state == State::kAnswered || (each.state == State::kAsked && !is_slow(each, now))) ++closer;
      if (each.state != State::kNew || is_distrusted(each.named_by)) continue;
      ++closer;
      const Namer* namer = namer_of(each);
      if (!is_any && namer && namer->under_way >= share) continue;
      ask(each, now, into);
      ++under_way;
    }
  }
}

void Lookup::ask(Candidate& candidate, base::TimePoint now, std::vector<PeerEntry>& into) {
  candidate.state = State::kAsked;
  candidate.asked_at = now;
  waiting_since_.insert(now);
  if (Namer* namer = namer_of(candidate)) ++namer->under_way;
  ++requests_;
  into.push_back(candidate.peer);
}

void Lookup::end(Candidate& candidate, State state) {
  candidate.state = state;
  waiting_since_.erase(waiting_since_.find(candidate.asked_at));
}

void Lookup::answered(const PeerId& peer, const std::vector<PeerEntry>& closer) {
  Candidate* candidate = find(peer);
  if (!candidate || candidate->state != State::kAsked) return;
  end(*candidate, State::kAnswered);
  if (Namer* namer = namer_of(*candidate)) {
    --namer->under_way;
    ++namer->answered;
  }
  const std::size_t path = places_.at(peer).path;
  std::map<Key, const PeerEntry*> nearest;
  for (const PeerEntry& each : closer) nearest.emplace(distance(target_, key_of(each.id)), &each);
  std::size_t count = 0;
  for (const auto& [where, each] : nearest) {
    if (count++ == settings_.k) break;
    if (each->id != peer) add(path, *each, peer);
  }
}

void Lookup::failed(const PeerId& peer) {
  Candidate* candidate = find(peer);
  if (!candidate || candidate->state != State::kAsked) return;
  end(*candidate, State::kFailed);
  if (Namer* namer = namer_of(*candidate)) {
    --namer->under_way;
    ++namer->failed;
  }
}

bool Lookup::is_done(base::TimePoint now) const {
  return std::all_of(paths_.begin(), paths_.end(), [&](const Path& path) { return is_done(path, now); });
}

bool Lookup::is_done(const Path& path, base::TimePoint now) const {
  std::size_t answered = 0;
  bool waits_for_slow = false;
  for (const auto& [distance, each] : path) {
    if (each.state == State::kNew && may_ask() && !is_distrusted(each.named_by)) return false;
    if (each.state == State::kAsked && !is_slow(each, now)) return false;
    waits_for_slow = waits_for_slow || each.state == State::kAsked;
    if (each.state == State::kAnswered && ++answered == settings_.k) return true;
  }
  return !waits_for_slow;
}

base::TimePoint Lookup::next_change(base::TimePoint now) const {
  // The first that is not slow yet.
  const auto next = waiting_since_.upper_bound(now - settings_.slow_after);
  return next == waiting_since_.end() ? base::TimePoint::max() : *next + settings_.slow_after;
}

std::vector<PeerEntry> Lookup::closest() const {
  std::map<Key, const PeerEntry*> answered;
  for (const Path& path : paths_) {
    for (const auto& [distance, each] : path) {
      if (each.state == State::kAnswered) answered.emplace(distance, &each.peer);
    }
  }
  std::vector<PeerEntry> result;
  for (const auto& [distance, peer] : answered) {
    if (result.size() == settings_.k) break;
    result.push_back(*peer);
  }
  return result;
}

}  // namespace libp2p::kad
