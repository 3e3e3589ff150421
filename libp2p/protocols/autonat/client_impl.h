// The AutoNAT client's requests, one at a time.
#pragma once

#include "base/signal.h"
#include "libp2p/host/task_group.h"
#include "libp2p/protocols/autonat/autonat_message.h"
#include "libp2p/protocols/autonat/client.h"

#include <map>
#include <optional>
#include <random>
#include <stop_token>

namespace libp2p::autonat {

/// Shared with its coroutines, which end with close().
class Client::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(const base::Executor& executor, base::Clock& clock, Host& host, ClientConfig config);

  /// What cannot be done in the constructor: hands itself to the host.
  void start();
  Verdict verdict(const multiformats::Multiaddr& address) const;
  static base::Task<> close(std::shared_ptr<Impl> self);

 private:
  using Self = std::shared_ptr<Impl>;
  using ConnectionPtr = std::shared_ptr<Connection>;

  /// Whom to ask of what next.
  struct Question {
    ConnectionPtr server;
    multiformats::Multiaddr address;
  };
  std::optional<Question> next_question();
  /// Peers that serve and may be asked, in random order.
  std::vector<ConnectionPtr> servers();
  bool wants_answer(const multiformats::Multiaddr& address) const;

  static base::Task<> ask_all(Self self);
  /// Returns early when it is over, or if `or_changed`, when peers have come.
  static base::Task<> wait(Self self, base::Duration time, bool or_changed);
  /// Whether the address was reached or not; an error if the server does not say, or says what cannot be.
  static base::Task<base::Result<Verdict>> ask(Self self, Question question);
  static base::Task<base::Result<Message>> request(Self self, Stream& stream, DialRequest request,
                                                   base::TimePoint deadline);
  static base::Task<base::Result<>> send_dial_data(Self self, Stream& stream, std::uint64_t bytes,
                                                   base::TimePoint deadline);
  static base::Task<> serve_dial_back(Self self, std::unique_ptr<Stream> stream);

  base::Clock& clock_;
  Host& host_;
  ClientConfig config_;
  TaskGroup tasks_;
  ReachabilityTable table_;
  std::mt19937_64 random_;
  /// Servers that are not asked until then.
  std::map<multiformats::PeerId, base::TimePoint> paused_;
  /// Of the request under way, and whether it has come back.
  std::optional<std::uint64_t> nonce_;
  bool nonce_came_ = false;
  /// Peers have come, or it is over.
  base::Signal changed_;
  std::stop_source stop_;
  bool closed_ = false;
};

}  // namespace libp2p::autonat
