// GossipSub's parameters, by the names of the specification, with its defaults where it has some.
#pragma once

#include "libp2p/protocols/gossipsub/message.h"
#include "libp2p/protocols/gossipsub/score_params.h"

#include <cstdint>
#include <functional>
#include <optional>

namespace libp2p::gossipsub {

struct MeshParams {
  // REQUIRES (validate()): d_out < d_low <= d <= d_high, d_out <= d / 2, d_score <= d.
  std::size_t d = 6;            ///< peers of a topic that messages are passed on to at once
  std::size_t d_low = 5;        ///< with fewer, more are grafted
  std::size_t d_high = 12;      ///< with more, some are pruned
  std::size_t d_score = 4;      ///< of those kept then, so many are the best by score
  std::size_t d_out = 2;        ///< of those kept, so many are such as we have dialled
  std::size_t d_lazy = 6;       ///< peers that are told what there is, at least
  double gossip_factor = 0.25;  ///< or this share of them, if that is more; 0 to 1

  base::Duration heartbeat_interval = std::chrono::seconds(1);
  /// How long it is remembered whom messages for a topic that we are not subscribed to went to.
  base::Duration fanout_ttl = std::chrono::seconds(60);
  std::size_t history_windows = 5;  ///< heartbeats for which messages are kept (mcache_len)
  std::size_t gossip_windows = 3;   ///< and those of which peers are told (mcache_gossip); at most history_windows
  base::Duration seen_ttl = std::chrono::minutes(2);

  base::Duration prune_backoff = std::chrono::minutes(1);  ///< whole seconds go over the wire
  base::Duration unsubscribe_backoff = std::chrono::seconds(10);
  /// A graft that comes so soon after a prune counts twice.
  base::Duration graft_flood_threshold = std::chrono::seconds(10);
  /// A peer's wish for a longer back-off is granted up to this.
  base::Duration backoff_max = std::chrono::hours(1);

  std::size_t opportunistic_graft_peers = 2;
  base::Duration opportunistic_graft_interval = std::chrono::minutes(1);

  /// Messages of our own go to all peers of the topic rather than to the mesh alone.
  bool flood_publish = true;
  /// How long after an IWANT the message may take before that counts as a broken promise.
  base::Duration iwant_followup = std::chrono::seconds(3);
  /// How often one peer is sent the same message by IWANT.
  std::size_t gossip_retransmission = 3;
  /// A message of at least so many bytes is announced to the mesh by IDONTWANT before it is validated (v1.2).
  std::size_t idontwant_bytes_min = 1024;

  /// Peers suggested to one that is pruned because there are too many: 0 to 16, none by default. Records of theirs are
  /// not passed on, so the other side needs another way to find their addresses.
  std::size_t prune_peers = 0;
  /// Whether to dial peers that are suggested to us with a signed record, by one that scores above accept_px.
  bool accept_peer_exchange = false;
};

/// Bounds on what peers can make us hold or do. All are above 0.
struct Limits {
  /// A longer RPC ends its stream.
  std::size_t rpc_bytes_max = 1024 * 1024;
  /// Data of a message; longer ones are passed over, and not published. The default goes through rust-libp2p's default
  /// of 64 KiB for an RPC. At most rpc_bytes_max less 4 KiB.
  std::size_t message_bytes_max = 60 * 1024;
  std::size_t topics_per_peer_max = 256;
  /// Taken from a peer between two heartbeats: IHAVE messages, ids asked for because of them, and ids by IDONTWANT.
  std::size_t ihaves_max = 10;
  std::size_t ihave_ids_max = 5000;
  std::size_t idontwant_ids_max = 1000;
  /// Bytes that wait for one peer. At half of it gossip is dropped, at the whole messages too; a peer for which not
  /// even what is left (subscriptions, GRAFT, PRUNE) finds room within twice as much has its stream reset.
  std::size_t queued_bytes_max = 4 * 1024 * 1024;
  /// A peer that takes nothing for so long has its stream reset.
  base::Duration write_timeout = std::chrono::seconds(30);
  std::size_t seen_entries_max = 128 * 1024;
  std::size_t cache_bytes_max = 32 * 1024 * 1024;
  std::size_t backoffs_max = 16 * 1024;
  /// Messages whose validator has not answered: of one peer, of all, and their bytes. Beyond that they are dropped as
  /// if they had not come.
  std::size_t validations_per_peer_max = 128;
  std::size_t validations_max = 1024;
  std::size_t validation_bytes_max = 16 * 1024 * 1024;
  /// Signatures that are checked for one peer: so many at once, then one an interval. Beyond that its messages are
  /// dropped as if they had not come.
  std::size_t verifications_burst = 1000;
  base::Duration verification_interval = std::chrono::milliseconds(2);
  /// The same for all peers together that are not in the mesh of the message's topic: of those there may be any number,
  /// while a mesh is small.
  std::size_t outsider_verifications_burst = 1000;
  base::Duration outsider_verification_interval = std::chrono::milliseconds(1);
  /// Bytes that are read from one peer: so many at once, then so many a second, more of one that is in a mesh. Beyond
  /// that the peer waits. An RPC counts as 256 bytes at least.
  std::size_t read_bytes_burst = 4 * 1024 * 1024;
  std::size_t read_bytes_per_s = 256 * 1024;
  std::size_t mesh_read_bytes_per_s = 4 * 1024 * 1024;
};

struct Config {
  /// The host's. Messages are signed with it.
  multiformats::PrivateKey key;
  MeshParams mesh = {};
  ScoreThresholds thresholds = {};
  ScoreParams score = {};
  Limits limits = {};
  /// The same for all peers of a topic: the defaults of other implementations differ.
  MessageIdFunction message_id = default_message_id;
  /// How signatures are checked. One process that runs many nodes need not check a message once for each.
  SignatureCheck verify = verify_message;
  /// Called at each heartbeat for each connected peer that is graylisted; may disconnect it. Nothing that it sends is
  /// looked at in any case.
  std::function<void(const multiformats::PeerId&)> on_graylisted = nullptr;
  /// Seeds every random choice: equal seeds and equal events make equal decisions.
  std::uint64_t seed = 0;
  /// Number of the first message published, which later ones count up from; greater in every run of a node, or its
  /// peers take its messages for old ones. Not set: the system's time in nanoseconds.
  std::optional<std::uint64_t> first_seqno = std::nullopt;
};

/// The first of kBadMeshParams, kBadLimits and the errors of the scores' parameters that applies.
base::Result<> validate(const Config& config);

}  // namespace libp2p::gossipsub
