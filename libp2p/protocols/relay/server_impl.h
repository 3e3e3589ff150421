// The relay's I/O: brings requests to the table, and what it decides to the streams.
#pragma once

#include "libp2p/core/rate_budget.h"
#include "libp2p/host/task_group.h"
#include "libp2p/protocols/relay/relay_message.h"
#include "libp2p/protocols/relay/server.h"
#include "libp2p/protocols/relay/server_table.h"

#include <map>
#include <stop_token>

namespace libp2p::relay {

/// Shared with its coroutines, which end with close().
class Server::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(const base::Executor& executor, base::Clock& clock, Host& host, ServerConfig config);

  /// What cannot be done in the constructor: hands itself to the host.
  void start();
  ServerStats stats();
  static base::Task<> close(std::shared_ptr<Impl> self);

 private:
  using Self = std::shared_ptr<Impl>;
  using ConnectionPtr = std::shared_ptr<Connection>;
  using StreamPtr = std::unique_ptr<Stream>;

  static base::Task<> serve(Self self, ConnectionPtr connection, StreamPtr stream);
  /// Answers, and sees to it that the answer arrives.
  static base::Task<> answer(Self self, StreamPtr stream, HopMessage message);
  static base::Task<> serve_connect(Self self, ConnectionPtr connection, StreamPtr stream, multiformats::PeerId target);
  /// The stream to the target, once it has accepted.
  static base::Task<base::Result<StreamPtr>> reach(Self self, ConnectionPtr target, multiformats::PeerId from);
  static base::Task<> run_circuit(Self self, StreamPtr from, StreamPtr to, ServerTable::Permit permit);

  HopMessage reserve(const Connection& connection);
  /// Whether the peer may ask for anything at all.
  Status admit(const Connection& connection);
  ConnectionPtr connection_to(const multiformats::PeerId& peer) const;
  void disconnected(const Connection& connection);
  HopMessage refusal(Status status);
  base::TimePoint step_deadline() const { return clock_.now() + kServerStepTimeout; }

  base::Executor executor_;
  base::Clock& clock_;
  Host& host_;
  ServerConfig config_;
  Limit limit_;
  ServerTable table_;
  TaskGroup tasks_;
  std::map<const Connection*, RateBudget> budgets_;
  ServerStats stats_;
  std::stop_source stop_;
  bool closed_ = false;
};

}  // namespace libp2p::relay
