// The peer: a host, the latest connection, and the commands that come in.
#pragma once

#include "base/signal.h"
#include "libp2p/host/host.h"
#include "tests/interop/peer/kad.h"
#include "tests/interop/peer/pubsub.h"
#include "tests/interop/peer/reach.h"
#include "tests/interop/peer/rendezvous.h"
#include "tests/interop/peer/reply.h"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace interop {

/// Not thread-safe: lives on its executor, and outlives run().
class Peer {
 public:
  /// `on_listening` is called after each listen.
  Peer(const base::Executor& executor, base::Clock& clock, std::unique_ptr<libp2p::Host> host,
       std::function<void()> on_listening);

  /// Speaks gossipsub from now on, as the peer with the host's key.
  void start_pubsub(const multiformats::PrivateKey& key) {
    pubsub_ = std::make_unique<Pubsub>(executor_, clock_, *host_, key);
  }
  /// Speaks Kademlia from now on.
  void start_kad(const KadOptions& options) { kad_ = make_kad(executor_, clock_, *host_, options); }
  /// Uses relays, or is one.
  void start_reach(const multiformats::PrivateKey& key, const ReachOptions& options) {
    reach_ = std::make_unique<Reach>(executor_, clock_, *host_, key, options);
  }
  /// Is a rendezvous point, and registers at others'.
  void start_rendezvous(const multiformats::PrivateKey& key) {
    rendezvous_ = std::make_unique<Rendezvous>(clock_, *host_, key);
  }
  /// Carries out commands until the input ends or says quit, then closes the host.
  base::Task<> run();

  // For the commands.

  libp2p::Host& host() { return *host_; }
  base::Clock& clock() { return clock_; }
  const base::Executor& executor() const { return executor_; }
  void listening() { on_listening_(); }
  /// Null if it has not been started.
  Pubsub* pubsub() { return pubsub_.get(); }
  libp2p::kad::Kademlia* kad() { return kad_.get(); }
  Reach* reach() { return reach_.get(); }
  Rendezvous* rendezvous() { return rendezvous_.get(); }

  /// The latest connection, whoever dialled it; null if there is none.
  const std::shared_ptr<libp2p::Connection>& connection() const { return connection_; }
  void set_connection(std::shared_ptr<libp2p::Connection> connection) { connection_ = std::move(connection); }
  /// On the latest connection.
  base::Task<base::Result<std::unique_ptr<libp2p::Stream>>> new_stream(std::string_view protocol);

  /// Whether events of connections are printed.
  void set_quiet(bool quiet) { quiet_ = quiet; }
  /// Waits until the host has let go of all its connections.
  base::Task<> wait_until_disconnected();

 private:
  void on_connected(std::shared_ptr<libp2p::Connection> connection);
  void on_disconnected(const libp2p::Connection& connection);
  base::Task<std::optional<std::string>> read_line();
  base::Task<Reply> execute(const std::string& name, std::vector<std::string> arguments);

  base::Executor executor_;
  boost::asio::posix::stream_descriptor input_;
  std::string pending_input_;
  base::Clock& clock_;
  std::unique_ptr<libp2p::Host> host_;
  std::unique_ptr<Pubsub> pubsub_;
  std::unique_ptr<libp2p::kad::Kademlia> kad_;
  std::unique_ptr<Reach> reach_;
  std::unique_ptr<Rendezvous> rendezvous_;
  std::function<void()> on_listening_;
  std::shared_ptr<libp2p::Connection> connection_;
  std::size_t connections_ = 0;
  base::Signal disconnected_;
  bool quiet_ = false;
};

/// "handshake" or "multistream".
std::string_view muxer_by(const libp2p::Connection& connection);

}  // namespace interop
