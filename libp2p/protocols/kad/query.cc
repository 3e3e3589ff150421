#include "libp2p/protocols/kad/query.h"

#include <algorithm>

namespace libp2p::kad {

using multiformats::PeerId;

namespace {

/// Providers that are kept beyond those wanted.
constexpr std::size_t kSpareProviders = kMessagePeersMax;

bool contains(const std::vector<PeerEntry>& peers, const PeerId& id) {
  return std::any_of(peers.begin(), peers.end(), [&id](const PeerEntry& each) { return each.id == id; });
}

}  // namespace

Query::Query(QueryGoal goal, PeerEntry self, const LookupSettings& settings, const std::vector<PeerEntry>& seeds)
    : goal_(std::move(goal)), self_(std::move(self)), lookup_(key_of(goal_.key), self_.id, settings, seeds) {
  found_.id = goal_.peer;
  take_addresses(seeds);
}

void Query::have_provider(const PeerEntry& provider) {
  if (provider.id == self_.id || contains(providers_, provider.id)) return;
  providers_.push_back(provider);
  ++counting_;
}

void Query::have_value(const base::Bytes& value) { add_value(self_.id, value); }

std::vector<Ask> Query::next(base::TimePoint now) {
  std::vector<Ask> asks;
  if (is_storing_) return asks;
  if (!is_lookup_over(now)) {
    for (PeerEntry& peer : lookup_.next(now)) asks.push_back({std::move(peer), lookup_message()});
    return asks;
  }
  if (!stores()) return asks;
  is_storing_ = true;
  for (PeerEntry& peer : lookup_.closest()) {
    storing_.insert(peer.id);
    asks.push_back({std::move(peer), store_message(), goal_.kind == QueryKind::kPutValue});
  }
  return asks;
}

Message Query::lookup_message() const {
  switch (goal_.kind) {
    case QueryKind::kFindProviders:
      return {.type = MessageType::kGetProviders, .key = goal_.key};
    case QueryKind::kGetValue:
      return {.type = MessageType::kGetValue, .key = goal_.key};
    default:
      return {.type = MessageType::kFindNode, .key = goal_.key};
  }
}

Message Query::store_message() const {
  if (goal_.kind == QueryKind::kProvide) {
    return {.type = MessageType::kAddProvider, .key = goal_.key, .providers = {self_}};
  }
  return {.type = MessageType::kPutValue, .key = goal_.key, .record = Record{goal_.key, goal_.value}};
}

void Query::answered(const PeerId& peer, const Message& answer) {
  if (is_storing_) {
    if (storing_.erase(peer) == 1) ++told_;
    return;
  }
  if (goal_.kind == QueryKind::kGetValue && !take_value(peer, answer)) return lookup_.failed(peer);
  if (goal_.kind == QueryKind::kFindProviders) take_providers(answer.providers);
  if (goal_.kind == QueryKind::kFindPeer) {
    if (peer == goal_.peer) is_found_ = true;
    take_addresses(answer.closer);
  }
  lookup_.answered(peer, answer.closer);
}

void Query::failed(const PeerId& peer, bool is_there) {
  if (is_storing_) {
    storing_.erase(peer);
    return;
  }
  if (is_there && goal_.kind == QueryKind::kFindPeer && peer == goal_.peer) is_found_ = true;
  lookup_.failed(peer);
}

void Query::take_addresses(const std::vector<PeerEntry>& peers) {
  if (goal_.kind != QueryKind::kFindPeer) return;
  for (const PeerEntry& each : peers) {
    if (each.id != goal_.peer) continue;
    for (const auto& address : each.addresses) {
      auto& known = found_.addresses;
      if (known.size() >= kPeerAddressesMax) return;
      if (std::find(known.begin(), known.end(), address) == known.end()) known.push_back(address);
    }
  }
}

void Query::take_providers(const std::vector<PeerEntry>& providers) {
  // Nobody's word alone ends the search, unless no more than one is wanted: the rest of what he names is taken as well,
  // if others have nothing better to say.
  std::size_t counts = (goal_.count + 1) / 2;
  for (const PeerEntry& each : providers) {
    if (each.id == self_.id || is_confirmed(each.id, counts)) continue;
    if (providers_.size() >= goal_.count + kSpareProviders) return;
    if (counts == 0) {
      providers_.push_back(each);
      continue;
    }
    --counts;
    providers_.insert(providers_.begin() + static_cast<std::ptrdiff_t>(counting_), each);
    ++counting_;
  }
}

bool Query::is_confirmed(const PeerId& provider, std::size_t& counts) {
  const auto known = std::find_if(providers_.begin(), providers_.end(),
                                  [&provider](const PeerEntry& each) { return each.id == provider; });
  if (known == providers_.end()) return false;
  const auto confirmed = providers_.begin() + static_cast<std::ptrdiff_t>(counting_);
  if (known < confirmed || counts == 0) return true;
  --counts;
  std::iter_swap(known, confirmed);
  ++counting_;
  return true;
}

bool Query::take_value(const PeerId& from, const Message& answer) {
  if (!answer.record) return true;
  if (answer.record->key != goal_.key || !goal_.validator->is_valid(goal_.key, answer.record->value)) return false;
  add_value(from, answer.record->value);
  return true;
}

void Query::add_value(const PeerId& from, const base::Bytes& value) {
  values_[from] = value;
  if (!best_) {
    best_ = value;
    return;
  }
  const std::vector<base::Bytes> both{*best_, value};
  const std::size_t best = goal_.validator->best ? goal_.validator->best(goal_.key, both) : 0;
  if (best == 1) best_ = value;
}

std::size_t Query::agreeing() const {
  return static_cast<std::size_t>(
      std::count_if(values_.begin(), values_.end(), [this](const auto& each) { return each.second == *best_; }));
}

bool Query::is_lookup_over(base::TimePoint now) const {
  if (goal_.kind == QueryKind::kFindPeer && is_found_) return true;
  if (goal_.kind == QueryKind::kFindProviders && counting_ >= goal_.count) return true;
  if (goal_.kind == QueryKind::kGetValue && best_ && agreeing() >= goal_.count) return true;
  return lookup_.is_done(now);
}

bool Query::is_done(base::TimePoint now) const {
  return stores() ? is_storing_ && storing_.empty() : is_lookup_over(now);
}

QueryResult Query::result() const {
  QueryResult result{.kind = goal_.kind, .value = best_, .told = told_, .requests = lookup_.requests()};
  switch (goal_.kind) {
    case QueryKind::kFindPeer:
      if (is_found_ || !found_.addresses.empty()) result.peers.push_back(found_);
      break;
    case QueryKind::kFindProviders:
      result.peers = providers_;
      if (result.peers.size() > goal_.count) result.peers.resize(goal_.count);
      break;
    default:
      result.peers = lookup_.closest();
  }
  return result;
}

std::vector<Ask> Query::repairs() const {
  std::vector<Ask> asks;
  if (goal_.kind != QueryKind::kGetValue || !best_) return asks;
  for (PeerEntry& peer : lookup_.closest()) {
    const auto value = values_.find(peer.id);
    if (value != values_.end() && value->second == *best_) continue;
    asks.push_back(
        {std::move(peer), {.type = MessageType::kPutValue, .key = goal_.key, .record = Record{goal_.key, *best_}}});
  }
  return asks;
}

}  // namespace libp2p::kad
