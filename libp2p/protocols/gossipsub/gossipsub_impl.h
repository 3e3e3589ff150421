// GossipSub's I/O: brings peers, their streams and time to the router, and what the router decides to the streams.
#pragma once

#include "libp2p/host/task_group.h"
#include "libp2p/protocols/gossipsub/gossipsub.h"
#include "libp2p/protocols/gossipsub/peer_link.h"

#include <map>

namespace libp2p::gossipsub {

/// Shared with its coroutines, which end with close().
class Gossipsub::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(const base::Executor& executor, base::Clock& clock, Host& host, Config config);

  /// What cannot be done in the constructor: hands itself to the host's events.
  void start();
  base::Result<> subscribe(const std::string& topic, Validator validator, MessageHandler handler);
  void unsubscribe(const std::string& topic);
  base::Result<> publish(const std::string& topic, base::ConstBytes data);
  Stats stats() const;
  const Router& router() const { return router_; }
  static base::Task<> close(std::shared_ptr<Impl> self);

 private:
  using Self = std::shared_ptr<Impl>;
  struct Topic {
    Validator validator;
    MessageHandler handler;
  };
  using ConnectionPtr = std::shared_ptr<Connection>;

  // Peers.
  void connected(const ConnectionPtr& connection);
  void disconnected(const ConnectionPtr& connection);
  /// The peer's link, made if it has none.
  PeerLinkPtr link_to(const Connection& connection);
  void remove_link(PeerLinkPtr link);
  ConnectionPtr connection_to(const multiformats::PeerId& peer) const;

  static base::Task<> nothing();

  // Our stream to a peer.
  void begin_outbound(const PeerLinkPtr& link);
  static base::Task<> run_outbound(Self self, PeerLinkPtr link);
  /// Opens the stream and writes to it until it fails. Whether it was opened.
  static base::Task<base::Result<WriteEnd>> run_outbound_once(Self self, PeerLinkPtr link);

  // A peer's stream to us.
  static base::Task<> serve(Self self, PeerLinkPtr link, std::shared_ptr<Stream> stream);
  /// When to read on.
  base::TimePoint count_read(PeerLink& link, std::size_t bytes) const;
  static base::Task<> receive(Self self, PeerLinkPtr link, base::Bytes bytes);
  void receive_message(const PeerLinkPtr& link, const RawMessage& raw);
  bool has_room_to_validate(const PeerLink& link, std::size_t bytes) const;
  static base::Task<> validate(Self self, PeerLinkPtr link, std::shared_ptr<const Topic> topic, MessagePtr message);
  /// Takes the topic by value: the handler may end the subscription.
  void deliver(const multiformats::PeerId& from, std::shared_ptr<const Topic> topic, const MessagePtr& message,
               Validation validation);

  // What the router decides.
  void heartbeat();
  void tell_of_graylisted();
  /// Gives up streams on connections that others have taken the place of, so that those can be closed.
  void leave_superseded();
  void begin_heartbeats(base::Duration first);
  /// Puts what is to be sent into the queues.
  void flush();
  void reset_stream(Stream* stream);
  void dial_suggested();
  static base::Task<> dial(Self self, multiformats::PeerId peer, std::vector<multiformats::Multiaddr> addresses);

  base::Executor executor_;
  base::Clock& clock_;
  Host& host_;
  Config config_;
  Router router_;
  TaskGroup tasks_;
  std::uint64_t next_seqno_;
  std::map<multiformats::PeerId, PeerLinkPtr> links_;
  std::map<std::string, std::shared_ptr<const Topic>> topics_;
  std::unique_ptr<base::Timer> heartbeat_timer_;
  std::size_t validating_ = 0;
  std::size_t validating_bytes_ = 0;
  std::size_t dials_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t streams_reset_ = 0;
  bool closed_ = false;
};

}  // namespace libp2p::gossipsub
