// Kademlia's I/O: brings peers, their requests and time to the behaviour, and what it asks to the peers.
#pragma once

#include "base/signal.h"
#include "libp2p/core/rate_budget.h"
#include "libp2p/host/task_group.h"
#include "libp2p/protocols/kad/kademlia.h"

#include <map>
#include <optional>

namespace libp2p::kad {

/// How the peer is seen on the connection.
SeenAt seen_at(const Connection& connection);

/// Shared with its coroutines, which end with close().
class Kademlia::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(const base::Executor& executor, base::Clock& clock, Host& host, Config config);

  /// What cannot be done in the constructor: hands itself to the host's events.
  void start();
  void add_address(PeerEntry peer);
  void set_mode(Mode mode);
  bool is_server() const { return is_server_; }
  Stats stats() const;
  static base::Task<> close(std::shared_ptr<Impl> self);

  base::TimePoint now() const { return clock_.now(); }
  Behaviour& behaviour() { return behaviour_; }
  /// What others are told of us.
  void look_up_addresses();
  /// One that we are connected to and know the addresses of.
  std::optional<PeerEntry> connected_peer(const multiformats::PeerId& peer) const;
  /// Waits for the query that has been started.
  static base::Task<base::Result<QueryResult>> run(std::shared_ptr<Impl> self, base::Result<QueryId> query);

 private:
  using Self = std::shared_ptr<Impl>;
  using ConnectionPtr = std::shared_ptr<Connection>;

  /// Whoever waits for a query.
  struct Waiter {
    explicit Waiter(const base::Executor& executor) : ended(executor) {}
    base::Signal ended;
    std::optional<QueryResult> result;
  };
  /// A request on its way.
  struct Exchange {
    RequestId id = 0;
    std::shared_ptr<Stream> stream;
    bool is_over = false;
  };
  /// What a peer asks of us.
  struct Inbound {
    RateBudget budget;
    std::size_t streams = 0;
  };

  // Peers.
  void identified(const ConnectionPtr& connection);
  void connected(const ConnectionPtr& connection);
  void disconnected(const ConnectionPtr& connection);
  ConnectionPtr connection_to(const multiformats::PeerId& peer) const;
  static base::Task<> nothing() { co_return; }

  // What peers ask of us.
  void serve_protocol(bool serves);
  void accept(const ConnectionPtr& connection, std::unique_ptr<Stream> stream);
  static base::Task<> serve(Self self, Requester from, std::shared_ptr<Stream> stream);
  /// Whether there may be more.
  static base::Task<bool> serve_one(Self self, Requester from, std::shared_ptr<Stream> stream);
  base::Task<base::Result<std::optional<base::Bytes>>> read_request(std::shared_ptr<Stream> stream);
  static base::Task<> wait_for_turn(Self self, multiformats::PeerId peer);

  // What we ask of peers.
  static base::Task<> ask(Self self, Request request);
  static base::Task<base::Result<ConnectionPtr>> connect(Self self, PeerEntry peer);
  /// The answer; none where none is wanted.
  static base::Task<base::Result<std::optional<Message>>> talk(Self self, std::shared_ptr<Exchange> exchange,
                                                               ConnectionPtr connection, Request request);
  /// Once the answer is there: both sides end the stream in order.
  static base::Task<> end(Self self, std::shared_ptr<Stream> stream, base::TimePoint deadline);
  void expire(Exchange& exchange);

  /// Carries out what the behaviour has decided; after each call to it.
  void pump();
  void schedule_tick();
  void tick();

  base::Executor executor_;
  base::Clock& clock_;
  Host& host_;
  Behaviour behaviour_;
  TaskGroup tasks_;
  Mode mode_;
  bool is_server_ = false;
  std::map<QueryId, std::shared_ptr<Waiter>> waiters_;
  std::map<multiformats::PeerId, Inbound> inbound_;
  std::size_t inbound_streams_ = 0;
  /// All that are open, in the order in which they were opened.
  std::vector<std::shared_ptr<Stream>> streams_;
  /// Wakes those that wait for their turn, when it comes and when we close.
  base::Signal turn_;
  std::unique_ptr<base::Timer> tick_timer_;
  base::TimePoint tick_at_{};
  base::TimePoint addresses_at_{};
  bool closed_ = false;
};

}  // namespace libp2p::kad
