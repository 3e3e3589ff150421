// The reader's side of the direct path on one thread of its own: it connects, imports and closes, and waits for all
// owners at once.
#pragma once

#include "base/signal.h"
#include "direct/owner_session.h"
#include "direct/waker.h"

#include <map>
#include <thread>

namespace kvp2p::direct {

/// A call of open() that waits. `done` and `outcome` belong to the node thread.
struct OpenCall {
  OpenCall(const base::Executor& executor, multiformats::PeerId to, DirectTicket with, base::TimePoint until)
      : peer(std::move(to)), ticket(std::move(with)), deadline(until), changed(executor) {}
  const multiformats::PeerId peer;
  const DirectTicket ticket;
  const base::TimePoint deadline;
  bool forgotten = false;  // under the lock of the client
  bool done = false;
  base::Result<> outcome;
  base::Signal changed;
};

/// The client thread's own view of an owner; `regions` and `why_not` are under the client's lock.
struct OwnerSession {
  multiformats::PeerId peer;
  std::shared_ptr<OwnerLink> owner;
  std::shared_ptr<OpenCall> call;  // until all that was there has been opened
  base::TimePoint deadline;
  bool welcomed = false;
  /// All that was there has been opened or closed, and the owner told so.
  bool all_sent = false;
  /// Messages of regions so far, in all.
  std::size_t regions_sent = 0;
  /// The region whose pieces are coming.
  std::optional<Region> coming;
  base::UniqueFd coming_generations;
  std::vector<ExportPiece> coming_pieces;

  std::map<std::uint64_t, std::shared_ptr<OpenRegion>> regions;
  std::map<std::uint64_t, std::string> why_not;
};

class ClientImpl final : public DirectClient {
 public:
  ClientImpl(const base::Executor& executor, base::Clock& clock, GpuConnector& connector);
  ~ClientImpl() override;

  base::Task<base::Result<>> open(multiformats::PeerId peer, DirectTicket ticket, base::TimePoint deadline) override;
  void set_why_not(const multiformats::PeerId& peer, std::string reason) override;
  std::shared_ptr<PeerRegion> find(const multiformats::PeerId& peer, std::uint64_t region) const override;
  bool has_session(const multiformats::PeerId& peer) const override;
  void on_session_ended(std::function<void()> call) override;
  std::string why_not(const multiformats::PeerId& peer, std::uint64_t region) const override;
  std::string why_not_opened(const multiformats::PeerId& peer) const override;
  void forget(const multiformats::PeerId& peer) override;
  base::Task<> close() override;

 private:
  // The client's thread
  void run();
  void wait_for_events();
  void begin_calls();
  void begin_call(const std::shared_ptr<OpenCall>& call);
  void serve(OwnerSession& session);
  /// An error ends the session.
  base::Result<> on_message(OwnerSession& session, const Message& message, std::vector<base::UniqueFd> descriptors);
  base::Result<> on_welcome(OwnerSession& session, std::vector<base::UniqueFd> descriptors);
  base::Result<> on_region(OwnerSession& session, const Region& region, std::vector<base::UniqueFd> descriptors);
  base::Result<> on_pieces(OwnerSession& session, const Pieces& pieces, std::vector<base::UniqueFd> descriptors);
  base::Result<> on_taken_back(OwnerSession& session, std::uint64_t region);
  void import_coming(OwnerSession& session);
  base::Result<std::shared_ptr<OpenRegion>> import(OwnerSession& session, const Region& region, RegionExport exported,
                                                   int generations);
  void end_session(OwnerSession& session, base::Error why, std::string detail = {});
  void tell_closed();
  void answer(std::shared_ptr<OpenCall>& call, base::Result<> outcome);

  void stop();
  void note_reason(const multiformats::PeerId& peer, std::string reason);

  base::Executor executor_;
  base::Clock& clock_;
  GpuConnector& connector_;
  std::shared_ptr<Waker> waker_ = std::make_shared<Waker>();
  std::shared_ptr<ImportCloser> closer_;

  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<OpenCall>> calls_;
  /// Changed by the client's thread only.
  std::map<multiformats::PeerId, std::shared_ptr<OwnerSession>> sessions_;
  std::map<multiformats::PeerId, std::string> reasons_;
  std::function<void()> on_session_ended_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace kvp2p::direct
