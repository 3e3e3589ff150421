// The AutoNAT server's requests.
#pragma once

#include "libp2p/core/rate_budget.h"
#include "libp2p/host/task_group.h"
#include "libp2p/protocols/autonat/autonat_message.h"
#include "libp2p/protocols/autonat/server.h"

#include <map>
#include <random>

namespace libp2p::autonat {

/// Shared with its coroutines, which end with close().
class Server::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(const base::Executor& executor, base::Clock& clock, Host& host, std::unique_ptr<Host> dial_back,
       ServerConfig config);

  /// What cannot be done in the constructor: hands itself to the host.
  void start();
  ServerStats stats() const { return stats_; }
  static base::Task<> close(std::shared_ptr<Impl> self);

 private:
  using Self = std::shared_ptr<Impl>;
  using ConnectionPtr = std::shared_ptr<Connection>;

  /// A connected peer that has asked. Kept until it has gone, with what it may ask.
  struct Asker {
    RateBudget budget;
    std::size_t under_way = 0;
  };
  /// One request's place.
  class Place;

  static base::Task<> serve(Self self, ConnectionPtr connection, std::unique_ptr<Stream> stream);
  static base::Task<base::Result<DialResponse>> answer_to(Self self, ConnectionPtr connection, Stream& stream);
  /// Has the peer send bytes, more than a dial costs.
  static base::Task<base::Result<>> take_dial_data(Self self, Stream& stream, std::uint32_t index);
  static base::Task<DialStatus> dial_back(Self self, multiformats::PeerId peer, multiformats::Multiaddr address,
                                          std::uint64_t nonce);
  static base::Task<base::Result<>> send_nonce(Self self, ConnectionPtr connection, std::uint64_t nonce);

  bool may_serve(const Connection& connection);
  /// The place of the first address that is dialled; nothing if none is.
  std::optional<std::uint32_t> choose(const DialRequest& request) const;
  void disconnected(const Connection& connection);
  /// What a peer may ask is kept while it is connected.
  void forget_if_gone(const multiformats::PeerId& peer);
  base::TimePoint step_deadline() const { return clock_.now() + kServerStepTimeout; }

  base::Clock& clock_;
  Host& host_;
  std::unique_ptr<Host> dialler_;
  ServerConfig config_;
  TaskGroup tasks_;
  RateBudget budget_;
  std::map<multiformats::PeerId, Asker> askers_;
  std::size_t under_way_ = 0;
  std::mt19937_64 random_;
  ServerStats stats_;
  bool closed_ = false;
};

}  // namespace libp2p::autonat
