// The exchange of one node: sessions with its peers, one a connection.
#pragma once

#include "exchange/announcer.h"
#include "exchange/direct_paths.h"
#include "exchange/exchange.h"
#include "exchange/node_context.h"
#include "exchange/session.h"

#include <memory>
#include <set>
#include <vector>

namespace kvp2p {

class ExchangeImpl final : public Exchange, public SessionOwner {
 public:
  explicit ExchangeImpl(std::shared_ptr<NodeContext> context);
  ~ExchangeImpl() override;
  /// Serves the protocol and opens control streams on connections that are there and that come.
  void start();

  std::uint64_t epoch() const override { return context_->epoch; }
  std::vector<KvPeer> peers() const override;
  std::optional<KvPeer> peer(const multiformats::PeerId& id) const override;
  void on_peer(std::function<void(const KvPeer&)> call) override { on_peer_.push_back(std::move(call)); }
  bool has_session(const multiformats::PeerId& peer) const override { return session_with(peer) != nullptr; }
  bool may(const multiformats::PeerId& peer, Right right, const Fingerprint& space) const override;
  bool key_holder_may(const multiformats::PeerId& peer, Right right, const Fingerprint& space) const override;
  base::Task<base::Result<LookupAnswer>> lookup(multiformats::PeerId peer, LookupRequest request,
                                                base::TimePoint deadline) override;
  std::unique_ptr<Fetch> fetch(FetchRequest request, FetchSink& sink, base::TimePoint deadline) override;
  base::Task<base::Result<std::size_t>> put(multiformats::PeerId peer, LookupRequest description,
                                            std::vector<PutBlock> blocks, base::TimePoint deadline) override;
  void release(const multiformats::PeerId& peer, const LeaseToken& lease) override;
  void note(const multiformats::PeerId& peer, Offence offence) override;
  void note_good(const multiformats::PeerId& peer) override;
  bool is_banned(const multiformats::PeerId& peer) const override;
  void announce_stored(const Fingerprint& fingerprint, const ObjectFormat& format, const BlockKey& key) override;
  void announce_evicted(const Fingerprint& fingerprint, const BlockKey& key) override;
  base::Task<base::Result<base::Duration>> ping(multiformats::PeerId peer, base::TimePoint deadline) override;
  base::Task<base::Result<std::vector<std::pair<std::string, std::uint64_t>>>> remote_stats(
      multiformats::PeerId peer, base::TimePoint deadline) override;
  bool is_opening_direct_paths() const override { return direct_paths_.is_opening(); }
  void policy_changed(const std::function<bool(const multiformats::PeerId&)>& is_same) override;
  const ExchangeStats& stats() const override { return context_->stats; }
  base::Task<> close() override;

  void on_session_up(const std::shared_ptr<Session>& session) override;
  void on_session_ended(const std::shared_ptr<Session>& session) override;
  void on_offence(const multiformats::PeerId& peer, Offence offence) override { note(peer, offence); }

 private:
  /// What the host's callbacks hold: the host may outlive the exchange.
  struct Anchor {
    ExchangeImpl* exchange;
  };

  static base::Task<> serve(std::shared_ptr<Anchor> anchor, std::shared_ptr<libp2p::Connection> connection,
                            std::unique_ptr<libp2p::Stream> stream);
  static base::Task<> serve_data(std::shared_ptr<Anchor> anchor, libp2p::DataConnection connection);
  base::Task<> serve_data_connection(libp2p::DataConnection connection);
  base::Task<> serve_stream(std::shared_ptr<libp2p::Connection> connection, std::unique_ptr<libp2p::Stream> stream);
  base::Task<base::Result<wire::Message>> first_message(libp2p::Stream& stream);
  base::Task<> keep_session(std::shared_ptr<libp2p::Connection> connection);
  /// True if hello succeeded both ways.
  base::Task<bool> run_session(std::shared_ptr<libp2p::Connection> connection, std::unique_ptr<libp2p::Stream> stream,
                               std::optional<wire::Hello> theirs);
  void open_to(const std::shared_ptr<libp2p::Connection>& connection);
  /// Ends the sessions on connections to the peer in whose place another one serves, once what was asked over them has
  /// had its time: with no stream left, such a connection closes.
  /// A peer that was killed cannot release its leases.
  static base::Task<> give_up_leases_later(std::shared_ptr<NodeContext> context, std::shared_ptr<Anchor> anchor,
                                           multiformats::PeerId peer);
  static base::Task<> end_superseded_later(std::shared_ptr<NodeContext> context, std::shared_ptr<Anchor> anchor,
                                           multiformats::PeerId peer);
  void end_superseded(const multiformats::PeerId& peer);
  bool has_superseded(const multiformats::PeerId& peer) const;
  void drop(const multiformats::PeerId& peer);
  /// The one that a stream_open of this peer names.
  std::shared_ptr<Session> session_named(const multiformats::PeerId& peer, const wire::SessionId& id) const;
  /// Nothing: no session in which each may ask the other.
  std::shared_ptr<Session> session_with(const multiformats::PeerId& peer) const;
  /// Any session, for a ping.
  std::shared_ptr<Session> any_session_with(const multiformats::PeerId& peer) const;
  base::Error why_no_session(const multiformats::PeerId& peer) const;

  std::shared_ptr<NodeContext> context_;
  std::shared_ptr<Anchor> anchor_;
  std::vector<std::shared_ptr<Session>> sessions_;
  /// Streams that have not said yet what they are.
  std::set<libp2p::Stream*> new_streams_;
  std::vector<std::function<void(const KvPeer&)>> on_peer_;
  Announcer announcer_;
  DirectPaths direct_paths_;
};

}  // namespace kvp2p
