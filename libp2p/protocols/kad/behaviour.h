// Kademlia's decisions: from what peers ask and answer and what time it is, to who is asked what and who is known
// (libp2p/specs kad-dht). No I/O, no coroutines, no clock.
#pragma once

#include "libp2p/protocols/kad/maintenance.h"
#include "libp2p/protocols/kad/query.h"
#include "libp2p/protocols/kad/responder.h"

#include <deque>
#include <map>
#include <optional>
#include <random>
#include <unordered_map>
#include <vector>

namespace libp2p::kad {

using RequestId = std::uint64_t;

/// To be brought to a peer. Ends with answered() or failed(), also if it `wants_answer` not: then answered_nothing().
struct Request {
  RequestId id = 0;
  PeerEntry to;
  Message message;
  bool wants_answer = true;
};

enum class Failure {
  kSilent,     ///< not reached, no answer in time, or one that makes no sense
  kNotServer,  ///< reached, but it does not speak the protocol
  kLocal,      ///< for reasons of our own
};

/// Counts since the beginning.
struct BehaviourStats {
  std::uint64_t requests_sent = 0;
  std::uint64_t requests_failed = 0;
  std::uint64_t requests_received = 0;
  std::uint64_t requests_refused = 0;
  std::uint64_t queries = 0;
  std::uint64_t maintenance_queries = 0;
  std::uint64_t republished = 0;
};

/// Pure state. After each call take_requests() and take_finished() yield what has come of it, and next_tick() when
/// tick() is due. Not thread-safe.
class Behaviour {
 public:
  /// REQUIRES: validate(config). `now` begins its life: maintenance is spread over time from there.
  Behaviour(const multiformats::PeerId& self, Config config, base::TimePoint now);
  Behaviour(const Behaviour&) = delete;
  Behaviour& operator=(const Behaviour&) = delete;

  /// What we tell others of ourselves.
  void set_addresses(std::vector<multiformats::Multiaddr> addresses);

  // Peers.

  /// Somebody to begin with (bootstrap); tried again whenever too few peers are known. The latest kBootstrapMax count.
  void add_bootstrap(PeerEntry peer, base::TimePoint now);
  /// A connected peer has told what it is. Called again when that changes.
  void identified(const PeerEntry& peer, const SeenAt& seen, bool is_server, base::TimePoint now);
  void disconnected(const multiformats::PeerId& peer);

  // What peers ask of us as a server. An error means that the request is none.

  base::Result<std::optional<Message>> receive(const Requester& from, const Message& request, base::TimePoint now);

  // What we ask of peers.

  std::vector<Request> take_requests();
  void answered(RequestId request, const SeenAt& seen, const Message& answer, base::TimePoint now);
  /// One that wants no answer has been sent.
  void answered_nothing(RequestId request, base::TimePoint now);
  void failed(RequestId request, Failure failure, base::TimePoint now);

  // Queries. kTooManyQueries; kNoPeers if there is nobody to ask.

  base::Result<QueryId> find_closest(base::Bytes key, base::TimePoint now);
  base::Result<QueryId> find_peer(const multiformats::PeerId& peer, base::TimePoint now);
  /// kBadKey.
  base::Result<QueryId> find_providers(base::Bytes key, std::size_t count, base::TimePoint now);
  /// From now on until stop_providing(), told anew by itself. kBadKey, kTooManyKept. Goes on to hold if this query
  /// fails, also with kNoPeers.
  base::Result<QueryId> provide(base::Bytes key, base::TimePoint now);
  void stop_providing(const base::Bytes& key);
  /// kBadKey, kNoValidator.
  base::Result<QueryId> get_value(base::Bytes key, base::TimePoint now);
  /// Stored here too, and put anew by itself while this node lives if `keep`. kBadKey, kValueTooLong, kNoValidator;
  /// kInvalidValue also where a better value is stored here; kTooManyKept.
  base::Result<QueryId> put_value(base::Bytes key, base::Bytes value, bool keep, base::TimePoint now);
  /// Its result is not wanted any more.
  void cancel(QueryId query);
  std::vector<QueryResult> take_finished() { return std::exchange(finished_, {}); }

  // Time.

  void tick(base::TimePoint now);
  base::TimePoint next_tick(base::TimePoint now) const;

  const RoutingTable& table() const { return table_; }
  const ProviderStore& providers() const { return known_.providers; }
  const RecordStore& records() const { return known_.records; }
  const BehaviourStats& stats() const { return stats_; }
  const Config& config() const { return config_; }
  /// Without those of maintenance.
  std::size_t query_count() const { return user_queries_; }
  std::size_t requests_under_way() const { return under_way_.size(); }

  static constexpr std::size_t kBootstrapMax = 64;

 private:
  struct Running {
    Query query;
    base::TimePoint deadline;
    bool is_maintenance = false;
  };
  struct UnderWay {
    multiformats::PeerId peer;
    std::vector<multiformats::Multiaddr> addresses;
    /// None for what is asked for no query.
    std::optional<QueryId> query;
    bool is_probe = false;
    bool wants_answer = true;
  };
  struct Waiting {
    Ask ask;
    std::optional<QueryId> query;
    bool is_probe = false;
  };

  base::Result<QueryId> start(QueryGoal goal, base::TimePoint now);
  /// Nothing if there is nobody to ask.
  std::optional<QueryId> start_query(QueryGoal goal, bool is_maintenance, base::TimePoint now);
  std::vector<PeerEntry> seeds(const Key& target) const;
  void advance(QueryId id, base::TimePoint now);
  void finish(QueryId id, bool timed_out);
  void send(Ask ask, std::optional<QueryId> query, bool is_probe);
  std::optional<UnderWay> end_request(RequestId request);
  /// With addresses that we know too, and without those that the sender can know nothing of.
  void make_usable(std::vector<PeerEntry>& peers, const SeenAt& from) const;
  bool are_few_known() const { return table_.size() < config_.params.k; }
  void run_maintenance(base::TimePoint now);
  void run(const MaintenanceTask& task, base::TimePoint now);

  Config config_;
  RoutingTable table_;
  Known known_;
  std::mt19937_64 random_;
  Maintenance maintenance_;
  /// Of values that are kept up.
  std::map<base::Bytes, base::Bytes> kept_values_;
  std::deque<PeerEntry> bootstrap_;

  std::map<QueryId, Running> queries_;
  QueryId next_query_ = 1;
  std::size_t user_queries_ = 0;
  std::vector<QueryResult> finished_;

  std::deque<Waiting> waiting_;
  std::unordered_map<RequestId, UnderWay> under_way_;
  RequestId next_request_ = 1;
  std::size_t probes_ = 0;
  base::TimePoint next_expiry_;
  BehaviourStats stats_;
};

}  // namespace libp2p::kad
