// An Exchange whose peers do what a test says. Nothing waits for real time.
#pragma once

#include "base/signal.h"
#include "exchange/exchange.h"

#include <map>
#include <set>

namespace kvp2p::testing {

multiformats::PeerId new_peer_id();

class ScriptedExchange final : public Exchange {
 public:
  ScriptedExchange(const base::Executor& executor, base::Clock& clock, std::shared_ptr<StagingPool> staging);

  /// What a connected peer holds and how it behaves.
  struct Peer {
    std::set<BlockKey> keys;
    /// Look-ups are not answered before the deadline.
    bool silent = false;
    bool roots = true;
    /// Its roots are another computation's.
    bool other_roots = false;
    /// Fails look-ups with this.
    base::Result<> lookup_outcome;
    std::string reason;
    std::uint64_t rate = 0;
    std::uint64_t epoch = 1;
    Tier tier = Tier::kHostMemory;
  };
  std::map<multiformats::PeerId, Peer> scripts;
  /// May change an answer on its way.
  std::function<void(const multiformats::PeerId&, const LookupRequest&, LookupAnswer&)> on_answer;

  struct FetchCall {
    FetchRequest request;
    std::vector<BlockKey> keys;  // of the look-up that the lease is for
    FetchSink* sink = nullptr;   // null once cancelled or ended
  };
  /// In the order in which they were asked for; never removed.
  std::vector<std::unique_ptr<FetchCall>> fetches;

  /// Sends one layer of blocks [first, first + count), numbered as in the look-up. `spoil` is called with the payload
  /// before it goes.
  void send(FetchCall& fetch, std::uint32_t layer, std::uint32_t first, std::uint32_t count,
            const std::function<void(ReceivedFrame&)>& spoil = {});
  /// The same of several layers, in one frame.
  void send_layers(FetchCall& fetch, std::uint32_t layer, std::uint32_t layers, std::uint32_t first,
                   std::uint32_t count, const std::function<void(ReceivedFrame&)>& spoil = {});
  /// All that was asked for, in the order asked for, and the end.
  void send_all(FetchCall& fetch);
  void end(FetchCall& fetch, base::Result<> outcome);
  /// Silent look-ups under way are answered now.
  void answer_silent();

  std::size_t lookups = 0;
  std::set<std::uint64_t> live_leases;
  std::vector<BlockKey> stored, evicted;
  std::vector<std::pair<multiformats::PeerId, Offence>> offences;
  std::set<multiformats::PeerId> praised;

  // Exchange
  std::uint64_t epoch() const override { return 1; }
  std::vector<KvPeer> peers() const override;
  std::optional<KvPeer> peer(const multiformats::PeerId& id) const override;
  void on_peer(std::function<void(const KvPeer&)>) override {}
  bool has_session(const multiformats::PeerId&) const override { return true; }
  bool may(const multiformats::PeerId&, Right, const Fingerprint&) const override { return true; }
  bool key_holder_may(const multiformats::PeerId&, Right, const Fingerprint&) const override { return true; }
  void policy_changed(const std::function<bool(const multiformats::PeerId&)>&) override {}
  base::Task<base::Result<LookupAnswer>> lookup(multiformats::PeerId peer, LookupRequest request,
                                                base::TimePoint deadline) override;
  std::unique_ptr<Fetch> fetch(FetchRequest request, FetchSink& sink, base::TimePoint deadline) override;
  base::Task<base::Result<std::size_t>> put(multiformats::PeerId peer, LookupRequest description,
                                            std::vector<PutBlock> blocks, base::TimePoint deadline) override;
  void release(const multiformats::PeerId& peer, const LeaseToken& lease) override;
  void note(const multiformats::PeerId& peer, Offence offence) override { offences.emplace_back(peer, offence); }
  void note_good(const multiformats::PeerId& peer) override { praised.insert(peer); }
  bool is_banned(const multiformats::PeerId&) const override { return false; }
  void announce_stored(const Fingerprint&, const ObjectFormat&, const BlockKey& key) override { stored.push_back(key); }
  void announce_evicted(const Fingerprint&, const BlockKey& key) override { evicted.push_back(key); }
  base::Task<base::Result<base::Duration>> ping(multiformats::PeerId peer, base::TimePoint deadline) override;
  base::Task<base::Result<std::vector<std::pair<std::string, std::uint64_t>>>> remote_stats(
      multiformats::PeerId peer, base::TimePoint deadline) override;
  bool is_opening_direct_paths() const override { return false; }
  const ExchangeStats& stats() const override { return stats_; }
  base::Task<> close() override;

 private:
  class ScriptedFetch;

  base::Clock& clock_;
  std::shared_ptr<StagingPool> staging_;
  base::Signal silent_changed_;
  std::map<std::uint64_t, std::vector<BlockKey>> leased_keys_;
  std::uint64_t last_lease_ = 0;
  ExchangeStats stats_;
};

}  // namespace kvp2p::testing
