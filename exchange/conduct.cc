#include "exchange/conduct.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace kvp2p {

namespace {

double points_of(Offence offence) {
  switch (offence) {
    case Offence::kWrongBytes:
      return Conduct::kWrongBytesPoints;
    case Offence::kRefusedGet:
      return Conduct::kRefusedGetPoints;
    case Offence::kBrokenPromise:
      return Conduct::kBrokenPromisePoints;
    case Offence::kFlood:
      break;
  }
  return Conduct::kFloodPoints;
}

}  // namespace

double Conduct::Record::points_at(base::TimePoint now) const {
  const auto half_lives = std::chrono::duration<double>(now - when) / std::chrono::duration<double>(kHalfLife);
  return points * std::exp2(-half_lives);
}

Conduct::Record& Conduct::record_of(const multiformats::PeerId& peer, base::TimePoint now) {
  if (peers_.size() >= kPeersMax && !peers_.contains(peer)) make_room(now);
  Record& record = peers_[peer];
  record.points = record.points_at(now);
  record.when = now;
  return record;
}

/// Half of them go: so rarely that looking at all costs little.
void Conduct::make_room(base::TimePoint now) {
  std::vector<double> all;
  const auto weight = [now](const Record& record) {
    return record.points_at(now) + (record.banned_until > now ? 2 * kPointsMax : 0);
  };
  for (const auto& [peer, record] : peers_) all.push_back(weight(record));
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::nth_element(all.begin(), middle, all.end());
  std::size_t left = kPeersMax / 2;
  std::erase_if(peers_, [&](const auto& each) {
    if (weight(each.second) > *middle || left == 0) return false;
    --left;
    return true;
  });
}

bool Conduct::note(const multiformats::PeerId& peer, Offence offence, base::TimePoint now) {
  Record& record = record_of(peer, now);
  if (offence == Offence::kRefusedGet || offence == Offence::kBrokenPromise) {
    if (now < record.mishap_until) return false;
    record.mishap_until = now + kOneMishap;
  }
  record.points = std::min(record.points + points_of(offence), 2 * kPointsMax);
  if (record.points < kPointsMax || record.banned_until > now) return false;
  record.banned_until = now + kBanTime;
  return true;
}

void Conduct::note_good(const multiformats::PeerId& peer, base::TimePoint now) {
  const auto at = peers_.find(peer);
  if (at == peers_.end() || at->second.banned_until > now) return;
  at->second.points = at->second.points_at(now) - kGoodPoints;
  at->second.when = now;
  if (at->second.points <= 0) peers_.erase(at);
}

bool Conduct::is_banned(const multiformats::PeerId& peer, base::TimePoint now) const {
  const auto at = peers_.find(peer);
  return at != peers_.end() && at->second.banned_until > now;
}

}  // namespace kvp2p
