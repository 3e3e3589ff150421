// The owner's side of the direct path on one thread of its own, which waits for all its sockets at once.
#pragma once

#include "base/signal.h"
#include "direct/direct_server.h"
#include "direct/generations.h"
#include "direct/limits.h"
#include "direct/packet_link.h"
#include "direct/read_marks.h"
#include "direct/ticket_table.h"
#include "direct/waker.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

namespace kvp2p::direct {

/// A region of this node.
struct OwnedRegion {
  RegionId id{};
  GenerationTable generations;
  /// Nothing until the server's thread has exported it, or for good if it cannot be.
  std::shared_ptr<const RegionExport> exported;
};

/// A connection: a stranger until it has shown its nonce. The link is the server thread's but for end() and
/// has_ended(); the rest is under the server's lock.
struct ReaderSession {
  explicit ReaderSession(base::UniqueFd fd) : link(std::move(fd)) {}
  PacketLink link;
  base::TimePoint hello_until;
  bool welcomed = false;
  bool settled = false;
  multiformats::PeerId peer;
  MarkWatch marks;
  /// Sent and not closed; those that are open.
  std::set<RegionId> sent;
  std::set<RegionId> opened;
};

class ServerImpl final : public DirectServer {
 public:
  static base::Result<std::unique_ptr<DirectServer>> start(const base::Executor& executor, base::Clock& clock,
                                                           GpuConnector& connector);
  ServerImpl(const base::Executor& executor, base::Clock& clock, GpuConnector& connector, std::string name,
             base::UniqueFd listener);
  ~ServerImpl() override;

  void add_region(RegionId region, std::uint32_t slots) override;
  void remove_region(RegionId region) override;
  std::uint64_t generation(RegionId region, Slot slot) const override;
  void raise(RegionId region, std::span<const Slot> slots) override;
  bool has_old_reads() const override;
  bool wait_readers(base::TimePoint deadline) override;
  DirectTicket issue_ticket(const multiformats::PeerId& peer) override;
  bool is_open_at(const multiformats::PeerId& peer, RegionId region) const override;
  base::Task<> close() override;

 private:
  using Sessions = std::vector<std::shared_ptr<ReaderSession>>;

  // The server's thread
  void run();
  /// Waits for something to do.
  void wait_for_events(const Sessions& sessions);
  void accept_all();
  /// Empty: welcome.
  std::string why_refused(int fd) const;
  void export_new_regions();
  void take_back_removed();
  void serve(const std::shared_ptr<ReaderSession>& session);
  bool on_message(ReaderSession& session, const Message& message);
  bool welcome(ReaderSession& session, const Hello& hello);
  /// REQUIRES: locked.
  void send_region(ReaderSession& session, const OwnedRegion& region);
  void drop_ended();

  Sessions sessions() const;
  bool has_old_reads_locked() const;
  void remember_reads_locked();
  void stop();

  base::Executor executor_;
  base::Clock& clock_;
  GpuConnector& connector_;
  const std::string name_;
  base::UniqueFd listener_;
  Waker waker_;

  mutable std::mutex mutex_;
  /// A session has closed a region or has ended.
  std::condition_variable closed_;
  std::map<RegionId, std::shared_ptr<OwnedRegion>> regions_;
  std::vector<RegionId> to_export_;
  std::vector<RegionId> to_take_back_;
  Sessions sessions_;
  TicketTable tickets_;
  bool stopping_ = false;
  bool stopped_ = false;
  bool refusal_logged_ = false;  // the server's thread
  std::thread thread_;
};

}  // namespace kvp2p::direct
