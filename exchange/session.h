// One control stream and everything that hangs on it: who the peer is, what it may, what is asked both ways.
#pragma once

#include "base/token_bucket.h"
#include "exchange/control_writer.h"
#include "exchange/exchange.h"
#include "exchange/fetch_client.h"
#include "exchange/fetch_server.h"
#include "exchange/handshake.h"
#include "exchange/lane_set.h"
#include "exchange/mailboxes.h"
#include "exchange/moving_average.h"
#include "exchange/node_context.h"
#include "exchange/put_server.h"
#include "exchange/session_link.h"
#include "kv/key_prefix.h"
#include "wire/codec.h"

#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

namespace kvp2p {

class Session;

/// The exchange, as its sessions see it.
class SessionOwner {
 public:
  virtual ~SessionOwner() = default;
  /// Hello has succeeded both ways: each may ask the other.
  virtual void on_session_up(const std::shared_ptr<Session>& session) = 0;
  virtual void on_session_ended(const std::shared_ptr<Session>& session) = 0;
  virtual void on_offence(const multiformats::PeerId& peer, Offence offence) = 0;
};

/// Node thread only. Lives in a shared_ptr: its coroutines hold it.
class Session final : public SessionLink, public LaneUser, public std::enable_shared_from_this<Session> {
 public:
  /// `owner` outlives the session's run().
  Session(std::shared_ptr<NodeContext> context, SessionOwner& owner, std::shared_ptr<libp2p::Connection> connection,
          std::unique_ptr<libp2p::Stream> control);
  ~Session() override;

  /// Says hello and serves until the control stream ends. `theirs`: the peer opened the stream and this was its hello.
  /// Whether hello succeeded both ways.
  base::Task<bool> run(std::optional<wire::Hello> theirs);
  /// A data stream that the peer opened in this session, on this or another connection, until it ends.
  base::Task<> serve_data_stream(std::shared_ptr<libp2p::Connection> connection, std::unique_ptr<libp2p::Stream> stream,
                                 std::uint32_t number);
  /// The same for a data connection; returns at once.
  void serve_data_connection(libp2p::DataConnection connection, std::uint32_t number);
  /// Ends everything; idempotent.
  void end(base::Error why);

  const std::shared_ptr<libp2p::Connection>& connection() const override { return connection_; }
  /// Hello has succeeded both ways.
  bool is_up() const { return up_ && !ended_; }
  bool was_up() const { return up_; }
  /// Hello has been said, whatever came of it.
  bool has_said_hello() const { return said_hello_ && !ended_; }
  /// Whether a stream_open of this peer names this session.
  bool is_opened_by(const multiformats::PeerId& peer, const wire::SessionId& id) const;
  KvPeer describe() const;

  base::Task<base::Result<LookupAnswer>> lookup(LookupRequest request, base::TimePoint deadline);
  std::unique_ptr<Fetch> fetch(FetchRequest request, FetchSink& sink, base::TimePoint deadline);
  base::Task<base::Result<std::size_t>> put(LookupRequest description, std::vector<Exchange::PutBlock> blocks,
                                            base::TimePoint deadline);
  void release(const LeaseToken& lease);
  void announce(wire::Announce message);
  void announce_all();
  base::Task<base::Result<base::Duration>> ping(base::TimePoint deadline) override;
  base::Task<base::Result<std::vector<std::pair<std::string, std::uint64_t>>>> stats(base::TimePoint deadline);

  /// The peer hands its memory to readers of its host.
  bool offers_direct() const { return (theirs_.capabilities & wire::kDirect) != 0; }
  std::uint64_t epoch_of_peer() const { return theirs_.epoch; }
  base::Task<base::Result<DirectTicket>> ask_direct_ticket(base::TimePoint deadline);

  /// Whether the peer may do this with blocks of that model and tenant.
  bool may(Right right, const Fingerprint& space) const;
  /// The peer learns by gossip what this node holds.
  bool hears_gossip() const;
  bool may_everywhere(Right right) const;

  // SessionLink
  const multiformats::PeerId& peer() const override { return connection_->remote_peer(); }
  void send(std::uint64_t id, wire::Body body) override;
  std::uint64_t next_id() override { return ++last_id_; }
  bool answers_counts() const override { return (theirs_.capabilities & wire::kCounts) != 0; }
  bool packs() const override { return (theirs_.capabilities & wire::kPacks) != 0; }
  bool joins_layers() const override { return (theirs_.capabilities & wire::kJoinsLayers) != 0; }
  std::shared_ptr<void> keep_alive() override { return shared_from_this(); }
  base::Task<base::Result<std::shared_ptr<Lane>>> acquire_stream() override;
  void release_stream(std::shared_ptr<Lane> stream) override;

  // LaneUser
  wire::StreamOpen next_stream_open() override;
  base::Duration round_trip() const override { return base::Duration(static_cast<std::int64_t>(round_trip_.value())); }
  FetchClient& fetches() override { return fetches_; }

 private:
  friend class Dispatcher;
  base::Task<base::Result<HelloOutcome>> hello(std::optional<wire::Hello> theirs);
  void on_hello(HelloOutcome outcome);
  base::Task<> write_loop();
  base::Task<> read_loop();
  base::Task<base::Result<base::Bytes>> read_message();
  /// Of a put: nothing comes over it, but its end does.
  base::Task<> watch_stream(std::shared_ptr<Lane> stream);
  base::Task<base::Result<wire::Body>> ask(wire::Body request, base::TimePoint deadline);

  // Conduct (session_conduct.cc)

  /// The peer has sent more than it may, which is noted where any node knows that: the message is dropped, undecoded.
  bool is_over_budget(const wire::Envelope& outside);
  /// Whether the peer's share allows for so many keys. It need not know its share of look-ups; of announcements none
  /// has more than its share.
  bool may_look_up(std::size_t keys);
  bool may_announce(std::size_t keys);
  /// It has not brought a good block yet.
  bool is_stranger() const;
  /// Waits until strangers may have so many of these, which all of them share.
  base::Task<> wait_for_turn(base::TokenBucket& turns, std::uint64_t count);
  /// Tells the index, at once or a stranger's in its turn. What may_announce() lets through is no more than may wait.
  void add_news(std::span<const BlockKey> stored, std::span<const BlockKey> evicted);
  struct News {
    bool are_evicted = false;
    std::vector<KeyPrefix> keys;
    std::size_t taken = 0;
    std::span<const KeyPrefix> slice() const;
  };
  void queue_news(std::span<const BlockKey> keys, bool are_evicted);
  base::Task<> take_news();
  void take_slice(News& news);
  void drop_news();
  void note_announced(const Fingerprint& fingerprint, const std::optional<ObjectFormat>& format);
  /// Looks whether the peer goes on announcing what it has just said that it does not have.
  void check_promises(const LookupRequest& request, const LookupAnswer& answer);
  bool announces(const BlockKey& key) const;
  base::Task<> watch_promise(BlockKey key);

  /// False: the session is to end.
  bool handle(const wire::Envelope& envelope);
  void end_broken();
  bool on_bad_body(const wire::Envelope& envelope, base::Error error);

  std::shared_ptr<NodeContext> context_;
  SessionOwner& owner_;
  std::shared_ptr<libp2p::Connection> connection_;
  std::unique_ptr<libp2p::Stream> control_;

  bool ended_ = false;
  bool said_hello_ = false;
  bool up_ = false;
  bool peer_authorised_ = false;
  bool peer_holds_key_ = false;
  wire::SessionId session_for_peer_{};
  wire::SessionId session_from_peer_{};
  wire::Hello theirs_;
  std::uint64_t announced_ = 0;       // sequence of the last announcement sent
  std::uint64_t last_announced_ = 0;  // and received
  bool missed_news_ = false;          // the peer, of this node
  std::size_t bad_messages_ = 0;
  std::uint64_t last_id_ = 0;
  std::uint32_t last_stream_ = 0;

  ControlWriter writer_;
  Mailboxes mailboxes_;
  LaneSet lanes_;
  FetchClient fetches_;
  FetchServer gets_;
  PutServer puts_;
  base::TokenBucket lookup_tokens_;
  base::TokenBucket announced_tokens_;
  base::TokenBucket flood_tokens_;
  base::TokenBucket asked_tokens_;  // of this node's look-ups there
  /// By model; none: in several formats, so that nobody can tell in which of them it has a block.
  std::unordered_map<Fingerprint, std::optional<ObjectFormat>> announced_formats_;
  bool watches_promise_ = false;
  std::deque<News> news_;  // announced, and not in the index yet
  std::size_t news_waiting_ = 0;
  bool takes_news_ = false;
  MovingAverage round_trip_;
  std::vector<std::shared_ptr<Lane>> idle_streams_;  // for puts, as are these
  std::vector<std::shared_ptr<Lane>> own_streams_;
  std::size_t peer_streams_ = 0;  // that the peer has opened, data connections not among them
  std::size_t peer_data_connections_ = 0;
};

}  // namespace kvp2p
