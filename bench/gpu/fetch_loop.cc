#include "bench/figures.h"
#include "bench/gpu/fetch_roles.h"

#include <condition_variable>
#include <deque>
#include <iostream>
#include <mutex>
#include <random>
#include <sstream>
#include <thread>

namespace kvp2p::bench {

namespace {

using namespace std::chrono_literals;

/// Where an abort may fall, in parts of an undisturbed copy.
constexpr double kAbortSpan = 1.3;
constexpr int kUndisturbedFetches = 21;
/// Fetches begun for each abort wanted: some have ended by the time that they are to be cancelled.
constexpr std::uint64_t kTriesPerAbort = 10;
constexpr base::Duration kGoodFetchPatience = 20s;

/// Lines of standard input, read on a thread of its own, so that a running loop can see that one has come.
class Commands {
 public:
  Commands() {
    std::thread([this] {
      for (std::string line; std::getline(std::cin, line);) add(line);
      add("quit");
    }).detach();
  }
  std::string next() {
    std::unique_lock lock(mutex_);
    added_.wait(lock, [this] { return !lines_.empty(); });
    std::string line = std::move(lines_.front());
    lines_.pop_front();
    return line;
  }
  bool any() {
    std::lock_guard lock(mutex_);
    return !lines_.empty();
  }

 private:
  void add(std::string line) {
    std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
    added_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable added_;
  std::deque<std::string> lines_;
};

struct Counts {
  std::uint64_t fetches = 0, good = 0, direct = 0, failed = 0, missed = 0, cancelled = 0, wrong = 0, written_late = 0;
  std::string first_wrong;
  std::string last_reason;
  std::map<std::string, std::uint64_t> reasons;

  void add(const FetchOutcome& outcome, std::size_t blocks) {
    ++fetches;
    if (outcome.good && !outcome.cancelled) {
      ++good;
      direct += path_of(outcome).direct ? 1 : 0;
      return;
    }
    if (outcome.cancelled) {
      ++cancelled;
    } else if (outcome.matched < blocks) {
      ++missed;
    } else {
      ++failed;
    }
    last_reason = outcome.reason;
    if (reasons.size() < 20 || reasons.contains(outcome.reason)) ++reasons[outcome.reason];
  }
  void add_wrong(const std::string& text) {
    if (wrong++ == 0) first_wrong = text;
  }
  nlohmann::json to_json() const {
    return {{"fetches", fetches},
            {"good", good},
            {"direct", direct},
            {"failed", failed},
            {"missed", missed},
            {"cancelled", cancelled},
            {"wrong", wrong},
            {"written_late", written_late},
            {"first_wrong", first_wrong},
            {"last_reason", last_reason},
            {"reasons", reasons}};
  }
};

class Loop {
 public:
  explicit Loop(const FetchOptions& options)
      : options_(options), node_(options.node), board_(open_board(options.board)), random_(options.seed) {
    node_.show_on(board_);
    print_event("ready", {{"device", node_.node().device_description()}});
  }

  void run() {
    for (std::string line = commands_.next(); line != "quit"; line = commands_.next()) {
      std::istringstream words(line);
      std::string command, argument;
      words >> command >> argument;
      if (command == "connect") connect(argument);
      if (command == "contact") contact(argument);
      if (command == "fetch") fetch(argument == "direct");
      if (command == "time") time_one();
      if (command == "run") run_until_told();
      if (command == "abort") abort_many(std::stoull(argument));
      if (command == "reuse") read_reused(std::stoull(argument));
      if (command == "stats") print_event("stats", node_.stats());
    }
  }

 private:
  void connect(const std::string& address) {
    auto connected = node_.connect(address);
    print_event("connected", {{"ok", connected.has_value()}, {"reason", connected ? "" : connected.error().message()}});
  }

  /// A node that knows nobody meets the owner: from dialling until it has all blocks.
  void contact(const std::string& address) {
    FetchNodeConfig config = options_.node;
    config.config_dir += "/contact";
    FetchNode fresh(config);
    FetchOutcome outcome;
    int tries = 0;
    double connect_s = 0;
    const auto until = std::chrono::steady_clock::now() + kGoodFetchPatience;
    const double total_s = seconds_of([&] {
      connect_s = seconds_of([&] {
        if (auto connected = fresh.connect(address); !connected) fail("connect", connected.error().message());
      });
      // What it holds is announced a moment after hello: an engine would ask again too.
      do {
        ++tries;
        outcome = fresh.fetch(1);
      } while (!outcome.good && std::chrono::steady_clock::now() < until);
    });
    const std::string wrong = outcome.good ? fresh.check(1) : outcome.reason;
    print_event("contacted",
                {{"total_us", total_s * 1e6}, {"connect_us", connect_s * 1e6}, {"tries", tries}, {"wrong", wrong}});
  }

  /// A whole fetch by the clock, nothing checked but what the node checks.
  void time_one() {
    const FetchOutcome outcome = node_.fetch(1);
    const PathTaken path = path_of(outcome);
    print_event("timed", {{"good", outcome.good},
                          {"reason", outcome.reason},
                          {"path", path.path},
                          {"direct", path.direct},
                          {"total_us", outcome.total() * 1e6},
                          {"match_us", outcome.match_s * 1e6},
                          {"copy_us", outcome.copy_s * 1e6},
                          {"release_us", outcome.release_s * 1e6}});
  }

  FetchNode::Sample random_sample() {
    return {static_cast<std::uint32_t>(random_() % node_.shape().blocks),
            static_cast<std::uint32_t>(random_() % node_.shape().layers)};
  }

  /// A good fetch, every byte checked; tried until it comes by the path wanted, which takes a moment after connecting.
  void fetch(bool direct) {
    const auto until = std::chrono::steady_clock::now() + kGoodFetchPatience;
    FetchOutcome outcome;
    std::string wrong;
    do {
      node_.poison();
      outcome = node_.fetch(1);
      if (outcome.good) wrong = node_.check(1);
    } while (!(outcome.good && (!direct || path_of(outcome).direct)) && wrong.empty() &&
             std::chrono::steady_clock::now() < until);
    const PathTaken path = path_of(outcome);
    print_event("fetched", {{"good", outcome.good},
                            {"wrong", wrong},
                            {"path", path.path},
                            {"path_reason", path.reason},
                            {"direct", path.direct},
                            {"copy_us", outcome.copy_s * 1e6},
                            {"reason", outcome.reason}});
  }

  /// Fetches, and checks a piece of each good one, until a command comes or a fetch is not good.
  void run_until_told() {
    Counts counts;
    print_event("running", {});
    for (bool good = true; good && !commands_.any();) {
      const auto sample = random_sample();
      node_.poison(sample);
      const FetchOutcome outcome = node_.fetch(1);
      counts.add(outcome, node_.shape().blocks);
      good = outcome.good;
      if (!good) break;
      if (const auto wrong = node_.check(1, sample); !wrong.empty()) counts.add_wrong(wrong);
    }
    print_event("ran", counts.to_json());
  }

  /// Until so many fetches have been cancelled under way, at random moments. What is poisoned once cancel() has
  /// returned stays poisoned.
  void abort_many(std::uint64_t wanted) {
    Counts counts;
    const double copy_s = undisturbed_copy_s(counts);
    for (std::uint64_t i = 0; counts.cancelled < wanted && i < wanted * kTriesPerAbort; ++i) {
      const double part = static_cast<double>(random_() % 10000) / 10000;
      const FetchOutcome outcome = node_.fetch(1, part * kAbortSpan * copy_s);
      counts.add(outcome, node_.shape().blocks);
      if (!outcome.cancelled) continue;
      const auto sample = random_sample();
      node_.poison(sample);
      // A look-up's time later: a copy that was still queued would have been done by now.
      const FetchOutcome whole = node_.match_only(1);
      if (!node_.is_poisoned(sample)) ++counts.written_late;
      if (whole.matched < node_.shape().blocks) ++counts.missed;
    }
    print_event("aborted", counts.to_json());
  }

  double undisturbed_copy_s(Counts& counts) {
    std::vector<double> seconds;
    for (int i = 0; i < kUndisturbedFetches; ++i) {
      const FetchOutcome outcome = node_.fetch(1);
      counts.add(outcome, node_.shape().blocks);
      seconds.push_back(outcome.copy_s);
    }
    return median(seconds);
  }

  /// Fetches what the board says is offered, while the owner takes it back and reuses it all the time. Look-ups that
  /// come too late do not count.
  void read_reused(std::uint64_t count) {
    Counts counts;
    while (counts.good + counts.failed < count && !commands_.any()) {
      const std::uint64_t version = board_.version;
      if (version == 0) continue;
      const FetchOutcome outcome = node_.fetch(version);
      counts.add(outcome, node_.shape().blocks);
      if (!outcome.good) continue;
      if (const auto wrong = node_.check(version); !wrong.empty()) counts.add_wrong(wrong);
    }
    print_event("read", counts.to_json());
  }

  const FetchOptions options_;
  FetchNode node_;
  BoardWords& board_;
  std::minstd_rand random_;
  Commands commands_;
};

}  // namespace

int run_loop(const FetchOptions& options) {
  Loop(options).run();
  return 0;
}

}  // namespace kvp2p::bench
