#include "libp2p/protocols/gossipsub/router.h"

#include <algorithm>

namespace libp2p::gossipsub {

using multiformats::PeerId;

namespace {

/// Further ones that bring the same message are not kept in mind.
constexpr std::size_t kAlsoFromMax = 64;
constexpr std::size_t kSuggestedMax = 64;

bool contains(const std::vector<PeerId>& peers, const PeerId& peer) {
  return std::find(peers.begin(), peers.end(), peer) != peers.end();
}

}  // namespace

Router::Router(const PeerId& self, const Config& config)
    : self_(self),
      message_id_(config.message_id),
      verify_(config.verify),
      state_(config),
      mesh_(state_),
      gossip_(state_),
      seen_(config.mesh.seen_ttl, config.limits.seen_entries_max),
      outsider_verifications_(config.limits.outsider_verifications_burst,
                              config.limits.outsider_verification_interval) {}

// Peers.

void Router::add_peer(const PeerId& peer, PeerTraits traits) {
  const bool is_new = !state_.peers.find(peer);
  state_.score.add_peer(peer, traits.address);
  state_.peers.add(peer, std::move(traits));
  if (is_new) state_.out.subscriptions(peer, own_subscriptions());
}

void Router::remove_peer(const PeerId& peer, base::TimePoint now) {
  mesh_.remove_peer(peer);
  gossip_.remove_peer(peer);
  state_.peers.remove(peer);
  state_.score.remove_peer(peer, now);
  state_.out.forget(peer);
}

void Router::set_takes_idontwant(const PeerId& peer, bool takes_idontwant) {
  if (PeerState* const state = state_.peers.find(peer)) state->takes_idontwant = takes_idontwant;
}

void Router::outbound_lost(const PeerId& peer) {
  if (!state_.peers.find(peer)) return;
  // It has forgotten our grafts; those that it wants it sends anew, or we do at the next heartbeat.
  mesh_.remove_peer(peer);
  state_.out.forget(peer);
  state_.out.subscriptions(peer, own_subscriptions());
}

void Router::inbound_restarted(const PeerId& peer) {
  const PeerState* const state = state_.peers.find(peer);
  if (!state) return;
  mesh_.remove_peer(peer);
  const std::set<std::string> topics = state->topics;
  for (const std::string& topic : topics) state_.peers.unsubscribe(peer, topic);
}

std::vector<SubOpts> Router::own_subscriptions() const {
  std::vector<SubOpts> result;
  for (const auto& [topic, members] : mesh_.meshes()) result.push_back({true, topic});
  return result;
}

// Our topics.

void Router::join(const std::string& topic, base::TimePoint now) {
  if (mesh_.has_joined(topic)) return;
  for (const auto& [peer, state] : state_.peers.all()) state_.out.subscriptions(peer, {{true, topic}});
  mesh_.join(topic, now);
}

void Router::leave(const std::string& topic, base::TimePoint now) {
  if (!mesh_.has_joined(topic)) return;
  for (const auto& [peer, state] : state_.peers.all()) state_.out.subscriptions(peer, {{false, topic}});
  mesh_.leave(topic, now);
}

// What comes in.

bool Router::is_in_mesh(const PeerId& peer) const {
  return std::any_of(mesh_.meshes().begin(), mesh_.meshes().end(),
                     [&peer](const auto& each) { return each.second.contains(peer); });
}

bool Router::is_graylisted(const PeerId& peer) const { return state_.score.score(peer) < state_.thresholds.graylist; }

void Router::receive_control(const PeerId& peer, Rpc rpc, base::TimePoint now) {
  if (!state_.peers.find(peer) || is_graylisted(peer)) return;
  receive_subscriptions(peer, rpc.subscriptions);
  const auto is_ours = [this](const std::string& topic) { return mesh_.has_joined(topic); };
  gossip_.handle_ihave(peer, rpc.control.ihave, seen_, is_ours, now);
  gossip_.handle_iwant(peer, rpc.control.iwant);
  for (const std::string& topic : rpc.control.graft) mesh_.handle_graft(peer, topic, now);
  for (Prune& prune : rpc.control.prune) {
    for (PrunePeer& other : mesh_.handle_prune(peer, std::move(prune), now)) {
      if (other.peer != self_ && suggested_.size() < kSuggestedMax) suggested_.push_back(std::move(other));
    }
  }
  gossip_.handle_idontwant(peer, rpc.control.idontwant);
}

void Router::receive_subscriptions(const PeerId& peer, const std::vector<SubOpts>& subscriptions) {
  for (const SubOpts& each : subscriptions) {
    // Whom to graft of those that are new is chosen at the heartbeat, at random: nodes that learn of peers in the same
    // order would all graft the same ones.
    if (each.subscribe) {
      state_.peers.subscribe(peer, each.topic);
    } else if (state_.peers.unsubscribe(peer, each.topic)) {
      mesh_.peer_unsubscribed(peer, each.topic);
    }
  }
}

MessagePtr Router::receive_message(const PeerId& peer, const RawMessage& raw, bool has_room, base::TimePoint now) {
  const std::string topic(raw.topic.substr(0, kTopicBytesMax));
  if (!state_.peers.find(peer) || !mesh_.has_joined(topic) || is_graylisted(peer)) return nullptr;
  ++stats_.messages_received;
  const auto view = view_of(raw);
  if (!view) return invalid(peer, topic);
  MessageId id = message_id_(*view).substr(0, kMessageIdBytesMax);
  if (SeenCache::Entry* const entry = seen_.find(id)) {
    duplicate(peer, topic, *entry, now);
    return nullptr;
  }
  // It came, whatever becomes of it now; what is wrong with it is told below.
  gossip_.promises().kept(id);
  // One of ours that comes back, perhaps of an earlier run of this node.
  if (view->from == self_) return nullptr;
  const bool is_too_long = view->data.size() > state_.limits.message_bytes_max;
  if (!has_room || is_too_long || !may_verify(peer, topic, now)) {
    ++stats_.throttled;
    return nullptr;
  }
  if (!verify_(raw, view->from)) return invalid(peer, topic);
  seen_.add(id, now);
  if (view->data.size() >= state_.mesh.idontwant_bytes_min) {
    gossip_.announce_unwanted(id, mesh_.members(topic), peer);
  }
  return make_message(raw, *view, std::move(id));
}

bool Router::may_verify(const PeerId& peer, const std::string& topic, base::TimePoint now) {
  if (!mesh_.members(topic).contains(peer) && !outsider_verifications_.take(now)) return false;
  return state_.peers.find(peer)->verifications.take(now);
}

MessagePtr Router::invalid(const PeerId& peer, const std::string& topic) {
  ++stats_.invalid;
  state_.score.invalid_message(peer, topic);
  return nullptr;
}

void Router::duplicate(const PeerId& peer, const std::string& topic, SeenCache::Entry& entry, base::TimePoint now) {
  ++stats_.duplicates;
  const bool is_kept = entry.also_from.size() < kAlsoFromMax && !contains(entry.also_from, peer);
  switch (entry.state) {
    case SeenCache::State::kValidating:
      if (is_kept) entry.also_from.push_back(peer);
      break;
    case SeenCache::State::kValid: {
      const TopicScoreParams* const params = state_.score.params().of_topic(topic);
      if (!is_kept || !params || now - entry.validated_at > params->mesh_message_deliveries_window) break;
      entry.also_from.push_back(peer);
      state_.score.near_first_delivery(peer, topic);
      break;
    }
    case SeenCache::State::kInvalid:
      state_.score.invalid_message(peer, topic);
      break;
    case SeenCache::State::kIgnored:
      break;
  }
}

void Router::validated(const PeerId& peer, const MessagePtr& message, Validation validation, base::TimePoint now) {
  SeenCache::Entry* const entry = seen_.find(message->id);
  std::vector<PeerId> also_from;
  if (entry) {
    also_from = entry->also_from;
    std::erase(also_from, peer);
    entry->validated_at = now;
  }
  switch (validation) {
    case Validation::kAccept:
      if (entry) entry->state = SeenCache::State::kValid;
      ++stats_.delivered;
      state_.score.first_delivery(peer, message->topic);
      for (const PeerId& other : also_from) state_.score.near_first_delivery(other, message->topic);
      gossip_.cache().put(message);
      forward(peer, *message);
      break;
    case Validation::kReject:
      if (entry) entry->state = SeenCache::State::kInvalid;
      invalid(peer, message->topic);
      for (const PeerId& other : also_from) state_.score.invalid_message(other, message->topic);
      break;
    case Validation::kIgnore:
      if (entry) entry->state = SeenCache::State::kIgnored;
      ++stats_.ignored;
      break;
  }
}

void Router::forward(const PeerId& from, const Message& message) {
  for (const PeerId& peer : mesh_.members(message.topic)) {
    if (peer == from || peer == message.from) continue;
    if (!state_.peers.find(peer)->unwanted.contains(message.id)) state_.out.message(peer, message);
  }
}

// What goes out by ourselves.

void Router::publish(const MessagePtr& message, base::TimePoint now) {
  ++stats_.published;
  if (!seen_.contains(message->id)) seen_.add(message->id, now);
  SeenCache::Entry& entry = *seen_.find(message->id);
  entry.state = SeenCache::State::kValid;
  entry.validated_at = now;
  gossip_.cache().put(message);

  const bool has_joined = mesh_.has_joined(message->topic);
  std::set<PeerId> peers = has_joined ? mesh_.members(message->topic) : std::set<PeerId>();
  // Too small a mesh is made up for; so is none.
  if (state_.mesh.flood_publish || (has_joined && peers.size() < state_.mesh.d_low)) {
    peers = state_.peers.of_topic(message->topic);
  } else if (!has_joined) {
    peers = mesh_.fanout(message->topic, now);
  }
  for (const PeerId& peer : peers) {
    if (state_.score.score(peer) >= state_.thresholds.publish) state_.out.message(peer, *message);
  }
}

void Router::heartbeat(base::TimePoint now) {
  gossip_.begin_heartbeat(now);
  state_.score.refresh(now);
  seen_.expire(now);
  mesh_.heartbeat(now);
  const auto newcomers = mesh_.take_newcomers();
  for (const auto& [topic, members] : mesh_.meshes()) {
    std::set<PeerId> except = members;
    if (const auto found = newcomers.find(topic); found != newcomers.end()) {
      for (const PeerId& peer : found->second) except.erase(peer);
    }
    gossip_.emit(topic, except);
  }
  for (const auto& [topic, fanout] : mesh_.fanouts()) gossip_.emit(topic, fanout.peers);
  gossip_.end_heartbeat();
}

}  // namespace libp2p::gossipsub
