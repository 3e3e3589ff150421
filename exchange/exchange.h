// The KV protocol between nodes (docs/protocol.md): asks peers, serves peers.
#pragma once

#include "base/clock.h"
#include "exchange/cluster_policy.h"
#include "exchange/conduct.h"
#include "exchange/local_blocks.h"
#include "exchange/pack_mode.h"
#include "gpu/staging_pool.h"
#include "libp2p/host/host.h"
#include "wire/messages.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace base {
class NetworkThreads;
}

namespace kvp2p {

/// What data connections are for, as libp2p::HostConfig::data_protocol.
inline constexpr std::string_view kDataProtocol = "/kv-cache-p2p/bytes/1.0.0";

class AccessControl;
class BlockIndex;
class DirectClient;
class DirectServer;

struct PackConfig {
  PackMode mode = PackMode::kOff;
  /// Where packed frames wait to be sent. A frame that finds no room in it goes as it is.
  std::shared_ptr<StagingPool> room;
  /// Runs a call on another thread, soon; outlives the exchange. Bounded by `room`.
  std::function<void(std::function<void()>)> run_aside;

  bool packs() const { return mode != PackMode::kOff && room != nullptr && run_aside != nullptr; }
};

struct ExchangeConfig {
  /// Shared secret of the nodes that may read from and announce to each other. REQUIRES: 32 bytes, unless open.
  base::Bytes cluster_key;
  /// Serves anyone.
  bool open = false;
  /// Peers that may ask without the cluster key, by peer id.
  std::vector<multiformats::PeerId> trusted_peers;
  /// Who may do what, by a cluster file; null: whoever is authorised may do everything. REQUIRES: not with `open`.
  std::shared_ptr<AccessControl> access = nullptr;
  /// Bytes one peer may have in flight towards us, and we towards it.
  std::size_t bytes_in_flight_max = 64u << 20;
  /// Payload of one data frame; at most the staging pool's slot.
  std::size_t frame_bytes_max = 1u << 20;
  /// Peers that name the same tag hear of this node's blocks by gossip, and are not told again; none: this node does
  /// not gossip.
  std::optional<wire::GossipTag> gossip_tag = std::nullopt;
  /// The direct path between nodes of one host; null where it is off. They outlive the exchange.
  DirectServer* direct_server = nullptr;
  DirectClient* direct_client = nullptr;
  /// Where data connections' streams run; null: on the exchange's own executor. It outlives the exchange.
  base::NetworkThreads* network_threads = nullptr;
  /// Data connections to one peer that we open; 0: none.
  std::size_t data_connections_max = 8;
  PackConfig pack;
};

struct ReceivedFrame;

/// What was done with a frame where it came in.
class FrameWork {
 public:
  virtual ~FrameWork() = default;
};

/// Works on frames where they come in, while their bytes are in that core's cache. Thread-safe: the lanes' threads call
/// it, and may still do so after the fetch has ended; what is done then goes without anybody hearing of it.
class FrameWorker {
 public:
  virtual ~FrameWorker() = default;
  /// Nothing: leaves it all to the sink. May take the frame's staging and leaves.
  virtual std::shared_ptr<FrameWork> work(ReceivedFrame& frame) = 0;
};

/// Part of what a lease covers.
struct FetchRequest {
  multiformats::PeerId peer;
  LeaseToken lease;
  /// The format that the lookup asked for.
  ObjectFormat format;
  /// Indices into the keys of the lookup.
  std::uint32_t first_block = 0;
  std::uint32_t blocks = 0;
  /// Model layers, in the order in which they are to be sent.
  std::vector<std::uint32_t> layers;
  std::uint32_t head_begin = 0;
  std::uint32_t head_end = 0;
  /// May be null.
  std::shared_ptr<FrameWorker> worker;
};

/// Neighbouring layers of some neighbouring blocks, layer after layer. Not verified yet: the receiver unpacks the
/// payload, where that is needed, and checks `leaves` against it.
struct ReceivedFrame {
  std::uint32_t layer = 0;
  std::uint32_t layers = 1;
  std::uint32_t first_block = 0;
  std::uint32_t blocks = 0;
  StagingLease staging;
  base::MutableBytes payload;    // inside staging
  std::size_t packed_bytes = 0;  // not 0: the payload is to be made of its first bytes by unpack_frame()
  std::size_t wire_bytes() const { return packed_bytes > 0 ? packed_bytes : payload.size(); }
  std::vector<ContentDigest> leaves;
  std::shared_ptr<FrameWork> work;  // null: the worker has left it, or there is none
};

/// Takes what a fetch brings. Called on the node thread.
class FetchSink {
 public:
  virtual ~FetchSink() = default;
  virtual void on_frame(ReceivedFrame frame) = 0;
  /// The holder cannot serve these any more.
  virtual void on_gone(std::uint32_t first_block, std::uint32_t blocks) = 0;
  /// Called once, last: everything asked for has been delivered or reported gone, or why not.
  virtual void on_end(base::Result<> outcome) = 0;
};

/// A fetch under way. Destroying it cancels it: the sink is not called again, and the holder is told to stop.
class Fetch {
 public:
  virtual ~Fetch() = default;
};

/// A peer that speaks the KV protocol and has shown that it may.
struct KvPeer {
  multiformats::PeerId id;
  std::uint64_t epoch = 0;
  /// Moving averages of what was measured; 0 while nothing was.
  std::uint64_t bytes_per_second = 0;
  base::Duration round_trip{};
  /// Payload that has gone both ways in this session.
  std::uint64_t payload_bytes = 0;
};

struct ExchangeStats {
  std::uint64_t lookups_sent = 0, lookups_served = 0, lookups_refused = 0;
  std::uint64_t fetches = 0, fetches_failed = 0;
  /// Payload, as it was before it was packed.
  std::uint64_t bytes_received = 0, bytes_sent = 0;
  /// The same as it went over the network.
  std::uint64_t wire_bytes_received = 0, wire_bytes_sent = 0;
  /// Of bytes_received.
  std::uint64_t bytes_over_data_connections = 0;
  /// Opened by this node; and how many of them, or of streams, died or stalled while they were of use.
  std::uint64_t data_connections_opened = 0, lanes_lost = 0;
  std::uint64_t announcements_sent = 0, announcements_received = 0;
  /// Announcements beyond what a peer may announce; and peers banned for what they did.
  std::uint64_t announcements_dropped = 0, peers_banned = 0;
  /// Time spent encoding headers and reading blocks for the wire, and decoding headers: "serialise", "deserialise".
  base::Duration serialise_time{}, deserialise_time{};
};

/// Node thread only. Owns the protocol's streams on every connection of the host: says hello on each new one, indexes
/// what peers announce, answers what they ask. Destroy it only after close() has completed.
class Exchange {
 public:
  /// All references outlive the exchange.
  static std::unique_ptr<Exchange> create(const base::Executor& executor, base::Clock& clock, libp2p::Host& host,
                                          std::shared_ptr<StagingPool> staging, LocalBlocks& local, BlockIndex& index,
                                          ExchangeConfig config);
  virtual ~Exchange() = default;

  /// This node's incarnation, random at every start.
  virtual std::uint64_t epoch() const = 0;
  /// Peers with which hello has succeeded.
  virtual std::vector<KvPeer> peers() const = 0;
  virtual std::optional<KvPeer> peer(const multiformats::PeerId& id) const = 0;
  virtual void on_peer(std::function<void(const KvPeer&)> call) = 0;
  /// Whether hello with the peer has succeeded; and whether it may, too, do this.
  virtual bool has_session(const multiformats::PeerId& peer) const = 0;
  virtual bool may(const multiformats::PeerId& peer, Right right, const Fingerprint& space) const = 0;
  /// The same of one that there need be no session with, but which has proved in another way that it holds the cluster
  /// key, or need not.
  virtual bool key_holder_may(const multiformats::PeerId& peer, Right right, const Fingerprint& space) const = 0;

  virtual base::Task<base::Result<LookupAnswer>> lookup(multiformats::PeerId peer, LookupRequest request,
                                                        base::TimePoint deadline) = 0;
  /// Starts to fetch; fails at the deadline. The sink outlives the Fetch.
  virtual std::unique_ptr<Fetch> fetch(FetchRequest request, FetchSink& sink, base::TimePoint deadline) = 0;
  /// Offers blocks to a peer and sends those that it wants; how many it took.
  struct PutBlock {
    BlockKey key;
    base::ConstBytes bytes;  // wire order; valid while `owner` lives
    std::vector<ContentDigest> leaves;
    std::shared_ptr<void> owner;
  };
  virtual base::Task<base::Result<std::size_t>> put(multiformats::PeerId peer, LookupRequest description,
                                                    std::vector<PutBlock> blocks, base::TimePoint deadline) = 0;
  /// Ends a lease early. Best effort.
  virtual void release(const multiformats::PeerId& peer, const LeaseToken& lease) = 0;

  /// A peer has done wrong, or has brought all that a get asked of it. Whoever does too much wrong is disconnected soon
  /// after, forgotten by the index, and kept away for a while (conduct.h).
  virtual void note(const multiformats::PeerId& peer, Offence offence) = 0;
  virtual void note_good(const multiformats::PeerId& peer) = 0;
  virtual bool is_banned(const multiformats::PeerId& peer) const = 0;

  /// Tells connected peers; batched, so that a burst is one message.
  virtual void announce_stored(const Fingerprint& fingerprint, const ObjectFormat& format, const BlockKey& key) = 0;
  virtual void announce_evicted(const Fingerprint& fingerprint, const BlockKey& key) = 0;

  /// Round trip of the protocol's own ping.
  virtual base::Task<base::Result<base::Duration>> ping(multiformats::PeerId peer, base::TimePoint deadline) = 0;
  /// The peer's own statistics, as it tells them: names and numbers.
  virtual base::Task<base::Result<std::vector<std::pair<std::string, std::uint64_t>>>> remote_stats(
      multiformats::PeerId peer, base::TimePoint deadline) = 0;

  /// Whether the memory of a peer of this host is being opened for the first time (direct_client): what is fetched
  /// before it is comes over the network.
  virtual bool is_opening_direct_paths() const = 0;

  /// The access control holds another policy now: sessions with peers of which it says something else begin anew.
  virtual void policy_changed(const std::function<bool(const multiformats::PeerId&)>& is_same) = 0;
  virtual const ExchangeStats& stats() const = 0;
  /// Ends all streams and waits for their coroutines.
  virtual base::Task<> close() = 0;
};

}  // namespace kvp2p
