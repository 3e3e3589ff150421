// One thing that is looked for or told: a lookup, what is collected on its way, and who is told at its end. No I/O, no
// clock.
#pragma once

#include "libp2p/protocols/kad/lookup.h"
#include "libp2p/protocols/kad/message.h"
#include "libp2p/protocols/kad/validator.h"

#include <map>
#include <optional>
#include <set>
#include <vector>

namespace libp2p::kad {

enum class QueryKind { kClosestPeers, kFindPeer, kFindProviders, kProvide, kGetValue, kPutValue };

using QueryId = std::uint64_t;

/// What came of a query.
struct QueryResult {
  QueryId id = 0;
  QueryKind kind = QueryKind::kClosestPeers;
  /// Closest peers that answered; the peer found, or nobody; providers.
  std::vector<PeerEntry> peers = {};
  /// The best value.
  std::optional<base::Bytes> value = std::nullopt;
  /// Peers that have been told (provide) or have confirmed (put).
  std::size_t told = 0;
  /// Peers that were asked on the way.
  std::size_t requests = 0;
  bool timed_out = false;
};

/// What to look for.
struct QueryGoal {
  QueryKind kind = QueryKind::kClosestPeers;
  base::Bytes key;
  /// kFindPeer.
  multiformats::PeerId peer = {};
  /// Providers wanted, or values that agree.
  std::size_t count = 0;
  /// kPutValue.
  base::Bytes value = {};
  /// kGetValue; outlives the query.
  const Validator* validator = nullptr;
};

/// A request that waits for its turn.
struct Ask {
  PeerEntry to;
  Message message;
  /// Not where nothing is answered (ADD_PROVIDER).
  bool wants_answer = true;
};

/// Not thread-safe.
class Query {
 public:
  /// `self` is named as provider, by kProvide.
  Query(QueryGoal goal, PeerEntry self, const LookupSettings& settings, const std::vector<PeerEntry>& seeds);

  /// What this node has itself, before anybody is asked.
  void have_provider(const PeerEntry& provider);
  void have_value(const base::Bytes& value);

  std::vector<Ask> next(base::TimePoint now);
  void answered(const multiformats::PeerId& peer, const Message& answer);
  /// `is_there`: it could be reached, but does not speak the protocol.
  void failed(const multiformats::PeerId& peer, bool is_there);

  bool is_done(base::TimePoint now) const;
  base::TimePoint next_change(base::TimePoint now) const { return lookup_.next_change(now); }
  /// As far as it has come.
  QueryResult result() const;
  /// To whom among the closest the best value is to be sent, because they have none or a worse one.
  std::vector<Ask> repairs() const;
  const Key& target() const { return lookup_.target(); }

 private:
  bool is_lookup_over(base::TimePoint now) const;
  Message lookup_message() const;
  Message store_message() const;
  void take_providers(const std::vector<PeerEntry>& providers);
  /// Whether the provider is known already; a second one who names him makes him count.
  bool is_confirmed(const multiformats::PeerId& provider, std::size_t& counts);
  /// False if it brings an invalid value.
  bool take_value(const multiformats::PeerId& from, const Message& answer);
  void add_value(const multiformats::PeerId& from, const base::Bytes& value);
  void take_addresses(const std::vector<PeerEntry>& peers);
  std::size_t agreeing() const;
  bool stores() const { return goal_.kind == QueryKind::kProvide || goal_.kind == QueryKind::kPutValue; }

  QueryGoal goal_;
  PeerEntry self_;
  Lookup lookup_;
  /// kFindPeer: the peer has been reached; until then what others say of it.
  bool is_found_ = false;
  PeerEntry found_;
  /// kFindProviders: in order; how many of them count towards the end of the query.
  std::vector<PeerEntry> providers_;
  std::size_t counting_ = 0;
  /// kGetValue: who has which value; the best of them.
  std::map<multiformats::PeerId, base::Bytes> values_;
  std::optional<base::Bytes> best_;
  /// kProvide, kPutValue: those being told, once the lookup is over.
  bool is_storing_ = false;
  std::set<multiformats::PeerId> storing_;
  std::size_t told_ = 0;
};

}  // namespace libp2p::kad
