// The way to the peers that are closest to a key (libp2p/specs kad-dht/README.md, "Peer routing"): ask the closest that
// are known, and then those that they name. No I/O, no clock.
#pragma once

#include "base/clock.h"
#include "libp2p/protocols/kad/key.h"
#include "libp2p/protocols/kad/message.h"

#include <map>
#include <set>
#include <vector>

namespace libp2p::kad {

struct LookupSettings {
  std::size_t k = 20;
  std::size_t alpha = 10;
  std::size_t paths = 1;
  std::size_t requests_max = 256;
  std::size_t peers_max = 1024;
  /// Who has not answered for so long is not waited for if others have.
  base::Duration slow_after = std::chrono::milliseconds(2500);
};

/// Takes several paths at once, with no peer on two of them (S/Kademlia, 4.4): a path is done when the k closest peers
/// on it have answered. Whoever lies, by naming peers that are not there, is found out by kBadNamesMin of them, and the
/// others that only he names are not asked. Not thread-safe.
class Lookup {
 public:
  /// `seeds` go in turns to the paths.
  Lookup(const Key& target, const multiformats::PeerId& self, const LookupSettings& settings,
         const std::vector<PeerEntry>& seeds);

  /// Whom to ask now; each of them is answered() or failed() later.
  std::vector<PeerEntry> next(base::TimePoint now);
  /// `peer` has named those; up to k of them count. Nothing if it was not asked, or has answered before.
  void answered(const multiformats::PeerId& peer, const std::vector<PeerEntry>& closer);
  void failed(const multiformats::PeerId& peer);

  bool is_done(base::TimePoint now) const;
  /// When is_done() and next() change if nothing comes until then; TimePoint::max() if never.
  base::TimePoint next_change(base::TimePoint now) const;
  /// Those that have answered, the closest first, up to k.
  std::vector<PeerEntry> closest() const;
  const Key& target() const { return target_; }
  std::size_t requests() const { return requests_; }

  static constexpr std::size_t kBadNamesMin = 6;

 private:
  enum class State { kNew, kAsked, kAnswered, kFailed };
  struct Candidate {
    PeerEntry peer;
    State state = State::kNew;
    /// Who has named it; empty for seeds.
    multiformats::PeerId named_by;
    bool is_second_try = false;
    base::TimePoint asked_at{};
  };
  /// By distance.
  using Path = std::map<Key, Candidate>;
  struct Place {
    std::size_t path = 0;
    Key distance;
  };
  /// What came of those whom a peer has named.
  struct Namer {
    std::size_t answered = 0;
    std::size_t failed = 0;
    std::size_t under_way = 0;
  };

  Candidate* find(const multiformats::PeerId& peer);
  void add(std::size_t path, const PeerEntry& peer, const multiformats::PeerId& named_by);
  /// Someone else names a peer that is known.
  void named_again(Candidate& known, const PeerEntry& peer, const multiformats::PeerId& named_by);
  bool make_room(std::size_t path, const Key& distance);
  /// It waits for nothing any more.
  void end(Candidate& candidate, State state);
  void ask(Candidate& candidate, base::TimePoint now, std::vector<PeerEntry>& into);
  void next_of(Path& path, std::size_t room, base::TimePoint now, std::vector<PeerEntry>& into);
  bool is_done(const Path& path, base::TimePoint now) const;
  bool is_slow(const Candidate& candidate, base::TimePoint now) const {
    return now - candidate.asked_at >= settings_.slow_after;
  }
  bool is_distrusted(const multiformats::PeerId& namer) const;
  Namer* namer_of(const Candidate& candidate);
  bool may_ask() const { return requests_ < settings_.requests_max; }

  Key target_;
  multiformats::PeerId self_;
  LookupSettings settings_;
  std::vector<Path> paths_;
  std::map<multiformats::PeerId, Place> places_;
  std::map<multiformats::PeerId, Namer> namers_;
  std::size_t requests_ = 0;
  /// When each of those was asked that have neither answered nor failed.
  std::multiset<base::TimePoint> waiting_since_;
};

}  // namespace libp2p::kad
