// Nodes of a DHT that talk to each other with no I/O between them, for tests.
#pragma once

#include "libp2p/protocols/kad/behaviour.h"
#include "multiformats/keys.h"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace libp2p::kad::testing {

/// Made once: it costs more than most of what is tried with it.
inline multiformats::PeerId peer(std::uint32_t number) {
  static std::map<std::uint32_t, multiformats::PeerId> made;
  if (const auto found = made.find(number); found != made.end()) return found->second;
  std::array<std::uint8_t, multiformats::kEd25519SeedBytes> seed{};
  base::store_le32(seed.data(), number);
  seed[4] = 1;
  const auto key = multiformats::PrivateKey::from_ed25519_seed(seed);
  return made[number] = multiformats::PeerId::from_public_key(key.public_key());
}

inline multiformats::Multiaddr address_of(std::uint32_t number) {
  return multiformats::Multiaddr::from_ip_tcp(boost::asio::ip::address_v4(0x0a000000 + number), 4001);
}

inline PeerEntry entry(std::uint32_t number) { return {peer(number), {address_of(number)}}; }
inline SeenAt seen_private() { return {.scope = Scope::kPrivate}; }

inline base::Bytes bytes(std::string_view text) { return base::to_bytes(base::as_bytes(text)); }

/// Nodes are numbered from 0; node n is peer(n).
class KadNet {
 public:
  struct Node {
    std::unique_ptr<Behaviour> behaviour;
    bool is_up = true;
    bool is_server = true;
  };
  /// What a node answers in place of what it would.
  using Lie = std::function<std::optional<Message>(const Message& request)>;

  explicit KadNet(std::size_t nodes, std::function<void(Config&)> change = {}) : change_(std::move(change)) {
    for (std::size_t i = 0; i < nodes; ++i) add();
  }

  std::uint32_t add(bool is_server = true) {
    const auto number = static_cast<std::uint32_t>(nodes_.size());
    Config config;
    config.seed = number;
    config.mode = is_server ? Mode::kServer : Mode::kClient;
    if (change_) change_(config);
    nodes_.push_back({std::make_unique<Behaviour>(peer(number), config, now_), true, is_server});
    nodes_.back().behaviour->set_addresses({address_of(number)});
    numbers_[peer(number)] = number;
    return number;
  }

  Behaviour& operator[](std::size_t node) { return *nodes_[node].behaviour; }
  std::size_t size() const { return nodes_.size(); }
  base::TimePoint now() const { return now_; }
  void set_up(std::size_t node, bool is_up) { nodes_[node].is_up = is_up; }
  void set_lie(std::size_t node, Lie lie) { lies_[node] = std::move(lie); }
  /// Nothing gets from one side to the other: those that `is_left` holds for, and the others.
  void set_cut(std::function<bool(std::size_t)> is_left) { is_left_ = std::move(is_left); }

  /// All know the first, and through it each other.
  void bootstrap_all() {
    for (std::size_t i = 1; i < nodes_.size(); ++i) (*this)[i].add_bootstrap(entry(0), now_);
    pass(std::chrono::minutes(2));
  }

  /// What is sent is brought and answered, until nothing more is.
  void settle() {
    for (bool sent = true; sent;) {
      sent = false;
      for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (!nodes_[i].is_up) continue;
        for (Request& request : nodes_[i].behaviour->take_requests()) {
          sent = true;
          bring(i, std::move(request));
        }
        for (QueryResult& each : nodes_[i].behaviour->take_finished()) {
          finished_.insert_or_assign({i, each.id}, std::move(each));
        }
      }
    }
  }
  void pass(base::Duration time) {
    const base::TimePoint end = now_ + time;
    settle();
    while (now_ < end) {
      base::TimePoint next = end;
      for (Node& node : nodes_) {
        if (node.is_up) next = std::min(next, node.behaviour->next_tick(now_));
      }
      now_ = std::max(next, now_);
      for (Node& node : nodes_) {
        if (node.is_up && node.behaviour->next_tick(now_) <= now_) node.behaviour->tick(now_);
      }
      fail_due();
      settle();
    }
  }
  /// Passes time until the query has ended.
  QueryResult run(std::size_t node, base::Result<QueryId> query) {
    const std::pair<std::size_t, QueryId> id(node, query.value());
    settle();
    while (!finished_.contains(id)) pass(std::chrono::milliseconds(500));
    return finished_.at(id);
  }

  /// By looking at all: the `count` running servers closest to `key`.
  std::vector<multiformats::PeerId> truly_closest(base::ConstBytes key, std::size_t count) const {
    std::map<Key, multiformats::PeerId> sorted;
    for (const auto& [id, number] : numbers_) {
      const Node& node = nodes_[number];
      if (node.is_up && node.is_server) sorted.emplace(distance(key_of(key), key_of(id)), id);
    }
    std::vector<multiformats::PeerId> result;
    for (const auto& [where, id] : sorted) {
      if (result.size() < count) result.push_back(id);
    }
    return result;
  }

  std::uint64_t messages = 0;

 private:
  void bring(std::size_t from, Request request) {
    ++messages;
    const auto found = numbers_.find(request.to.id);
    const bool is_reached = found != numbers_.end() && nodes_[found->second].is_up && !request.to.addresses.empty() &&
                            (!is_left_ || is_left_(from) == is_left_(found->second));
    // Silence is noticed when the request's time is over.
    if (!is_reached) {
      silent_.push_back({now_ + (*this)[from].config().params.request_timeout, from, request.id});
      return;
    }
    Node& to = nodes_[found->second];
    const auto requesting = static_cast<std::uint32_t>(from);
    const auto asked = static_cast<std::uint32_t>(found->second);
    // Both identify the other when they connect.
    if (connected_.insert(std::minmax(requesting, asked)).second) {
      to.behaviour->identified(entry(requesting), seen_private(), nodes_[from].is_server, now_);
      (*this)[from].identified(entry(asked), seen_private(), to.is_server, now_);
    }
    if (!to.is_server) return (*this)[from].failed(request.id, Failure::kNotServer, now_);
    const Message received = parse_message(serialise_message(request.message)).value();
    const Requester requester{peer(requesting), seen_private()};
    auto answer = to.behaviour->receive(requester, received, now_);
    if (const auto lie = lies_.find(found->second); lie != lies_.end()) answer = lie->second(received);
    if (!request.wants_answer) return (*this)[from].answered_nothing(request.id, now_);
    if (!answer || !*answer) return (*this)[from].failed(request.id, Failure::kSilent, now_);
    (*this)[from].answered(request.id, seen_private(), parse_message(serialise_message(**answer)).value(), now_);
  }
  void fail_due() {
    std::vector<Silence> left;
    for (const Silence& each : std::exchange(silent_, {})) {
      if (each.when <= now_) {
        (*this)[each.from].failed(each.request, Failure::kSilent, now_);
      } else {
        left.push_back(each);
      }
    }
    silent_.insert(silent_.end(), left.begin(), left.end());
  }

  struct Silence {
    base::TimePoint when;
    std::size_t from;
    RequestId request;
  };

  std::function<void(Config&)> change_;
  base::TimePoint now_ = base::TimePoint(std::chrono::hours(1));
  std::vector<Node> nodes_;
  std::map<multiformats::PeerId, std::size_t> numbers_;
  std::set<std::pair<std::uint32_t, std::uint32_t>> connected_;
  std::map<std::size_t, Lie> lies_;
  std::function<bool(std::size_t)> is_left_;
  std::vector<Silence> silent_;
  std::map<std::pair<std::size_t, QueryId>, QueryResult> finished_;
};

inline std::vector<multiformats::PeerId> ids(const std::vector<PeerEntry>& peers) {
  std::vector<multiformats::PeerId> result;
  for (const PeerEntry& each : peers) result.push_back(each.id);
  return result;
}

}  // namespace libp2p::kad::testing
