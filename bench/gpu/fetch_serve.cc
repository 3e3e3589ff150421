#include "bench/gpu/fetch_roles.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <iostream>
#include <random>
#include <thread>

namespace kvp2p::bench {

namespace {

using namespace std::chrono_literals;

constexpr base::Duration kRevokePatience = 10s;
/// Whoever has found blocks gone does not ask for the next ones before it hears of them, 10 ms after they are offered.
constexpr auto kAnnouncedAfter = 12ms;

/// Offers one version after the other in the same memory, as fast as readers let go of it.
class Reuse {
 public:
  Reuse(FetchNode& node, BoardWords& board, const FetchOptions& options)
      : node_(node), board_(board), offered_us_max_(options.offered_us_max), random_(options.seed), thread_([this] {
          run();
        }) {}
  ~Reuse() { stop(); }

  void stop() {
    stopped_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::uint64_t versions() const { return version_; }
  std::uint64_t late() const { return late_; }

 private:
  void run() {
    while (!stopped_) {
      node_.fill(++version_);
      node_.offer(version_);
      board_.version = version_.load();
      const auto time = std::chrono::microseconds(random_() % offered_us_max_);
      const auto until = std::chrono::steady_clock::now() + kAnnouncedAfter + time;
      // The moment matters, to the microsecond: sleeping would favour some.
      while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
      if (!node_.revoke(kRevokePatience)) ++late_;
      node_.poison();
    }
    board_.version = 0;
  }

  FetchNode& node_;
  BoardWords& board_;
  const std::uint64_t offered_us_max_;
  std::minstd_rand random_;
  std::atomic<bool> stopped_{false};
  std::atomic<std::uint64_t> version_{0}, late_{0};
  std::thread thread_;
};

/// Of SIGTERM, which all threads block.
void wait_for_the_end() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  int which = 0;
  sigwait(&ends, &which);
}

}  // namespace

int run_serve(const FetchOptions& options) {
  if (!options.commands) {
    // Before there are threads, which inherit it.
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  }
  FetchNodeConfig config = options.node;
  config.store = options.put;
  FetchNode node(config);
  if (options.node.engine_blocks > 0) {
    node.put_in_parts(1);
  } else if (!options.reuse) {
    node.fill(1);
    options.put ? node.put(1) : node.offer(1);
  }
  print_event("serving", {{"address", node.address()},
                          {"device", node.node().device_description()},
                          {"bytes", options.node.shape.bytes()},
                          {"shared", options.node.engine_blocks > 0 ? nlohmann::json() : node.memory().share()},
                          {"pid", ::getpid()}});
  std::optional<Reuse> reuse;
  if (options.reuse) reuse.emplace(node, open_board(options.board), options);
  if (!options.commands) {
    wait_for_the_end();
    print_event("stats", node.stats());
    return 0;
  }
  std::string line;
  while (std::getline(std::cin, line) && line != "quit") {
    if (line == "stats") print_event("stats", node.stats());
    if (line == "stop" && reuse) {
      reuse->stop();
      print_event("reused", {{"versions", reuse->versions()}, {"late", reuse->late()}});
    }
  }
  return 0;
}

}  // namespace kvp2p::bench
