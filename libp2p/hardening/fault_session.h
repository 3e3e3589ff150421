// One session of two hosts in memory, of which one operation breaks.
#pragma once

#include "libp2p/host/host_impl.h"
#include "libp2p/testing/fault_stream.h"
#include "libp2p/testing/memory_transport.h"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <string>

namespace libp2p::hardening {

/// The streams that break: what is under the security, what is over it, or what the muxer hands out.
enum class FaultLayer { kRaw, kSecured, kMuxed };

struct FaultCase {
  FaultLayer layer = FaultLayer::kRaw;
  bool at_dialler = true;
  testing::FaultKind kind = testing::FaultKind::kShort;
  testing::MemoryPipeOptions network = {};
};

/// Connects, identifies, pushes, pings both ways, echoes on several streams, closes and resets some of them, and
/// closes, all at once where it can be, under a clock that moves only when nothing else can happen. Checks that
/// everything comes to an end: no time-out of the stack takes longer than a minute.
class FaultSession {
 public:
  /// The operation numbered `at` breaks.
  FaultSession(const FaultCase& fault, std::size_t at);
  ~FaultSession();

  /// Runs the session and closes both hosts. Whether the fault has struck.
  bool run();

 private:
  struct Outcome;

  std::unique_ptr<Host> make_host(const multiformats::PrivateKey& key, bool is_faulty);
  void spawn_step(const char* name, base::Task<bool> step);
  void start_steps();
  void expect_all_gone();
  void close_hosts();
  /// Runs what is ready.
  void settle();
  void run_until(const char* what, const std::function<bool()>& done);

  FaultCase fault_;
  std::shared_ptr<testing::FaultPlan> plan_ = std::make_shared<testing::FaultPlan>();
  boost::asio::io_context io_{1};
  base::ManualClock clock_;
  testing::MemoryNetwork network_;
  std::shared_ptr<Outcome> outcome_;
  std::unique_ptr<Host> dialler_;
  std::unique_ptr<Host> listener_;
};

}  // namespace libp2p::hardening
