// Joins two network namespaces by a link of a given rate, delay, queue and loss, until it is told to stop. For tests
// and measurements where the kernel has no netem.
#include "tools/link/direction.h"
#include "tools/link/link_options.h"
#include "tools/link/namespaces.h"
#include "tools/link/packet.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <deque>
#include <iostream>

namespace {

using namespace kvp2p::link;
using nlohmann::ordered_json;

constexpr int kNotRun = 77;
/// What may be under way one way: memory.
constexpr std::uint64_t kUnderWayBytesMax = std::uint64_t{1} << 30;
/// Reads between two looks at the other direction and at what is due.
constexpr int kReadsPerTurn = 16;

base::TimePoint now() { return std::chrono::steady_clock::now(); }

void print_event(const char* event, ordered_json fields = ordered_json::object()) {
  fields["event"] = event;
  std::cout << fields.dump() << std::endl;
}

/// From one end's device to the other's.
class Carrier {
 public:
  Carrier(int from, int to, const DirectionShape& shape) : from_(from), to_(to), direction_(shape) {}

  int from() const { return from_; }
  std::uint64_t carried_bytes() const { return direction_.counts().bytes; }

  void take_in(bool is_out) {
    for (int i = 0; i < kReadsPerTurn; ++i) {
      const ssize_t count = ::read(from_, buffer_.data(), buffer_.size());
      if (count <= 0) return;
      const auto packet = Packet::parse({buffer_.data(), static_cast<std::size_t>(count)});
      packet ? admit(*packet, now(), is_out) : void(++unreadable_);
    }
  }

  /// Hands over what is due; when the next will be.
  std::optional<base::TimePoint> deliver() {
    while (!under_way_.empty() && under_way_.front().arrives <= now()) {
      const auto& bytes = under_way_.front().bytes;
      if (::write(to_, bytes.data(), bytes.size()) < 0) ++refused_;
      under_way_.pop_front();
    }
    if (under_way_.empty()) return std::nullopt;
    return under_way_.front().arrives;
  }

  ordered_json stats() const {
    const auto& counts = direction_.counts();
    return {{"packets", counts.packets}, {"bytes", counts.bytes},   {"dropped", counts.dropped},
            {"lost", counts.lost},       {"outage", counts.outage}, {"unreadable", unreadable_},
            {"refused", refused_}};
  }

 private:
  struct UnderWay {
    base::TimePoint arrives;
    std::vector<std::uint8_t> bytes;
  };

  /// Neighbours that are not lost stay together, and arrive when the last of them does.
  void admit(const Packet& packet, base::TimePoint when, bool is_out) {
    std::size_t first = 0, count = 0;
    base::TimePoint arrives;
    const auto send = [&] {
      if (count > 0) under_way_.push_back({arrives, packet.cut(first, count)});
      count = 0;
    };
    for (std::size_t i = 0; i < packet.segments(); ++i) {
      const auto arrival = direction_.admit(packet.segment_bytes(i), when, is_out);
      if (!arrival) {
        send();
        continue;
      }
      if (count++ == 0) first = i;
      arrives = *arrival;
    }
    send();
  }

  const int from_;
  const int to_;
  Direction direction_;
  std::array<std::uint8_t, kPacketBytesMax> buffer_;
  std::deque<UnderWay> under_way_;
  std::uint64_t unreadable_ = 0;
  std::uint64_t refused_ = 0;  // by the kernel
};

struct Options {
  std::string rate = "1gbit", delay = "20ms", jitter = "0", queue, loss = "0", outage;
  std::uint64_t seed = 1;
  int mtu = 1500;
  std::string left_address = "10.79.0.1", right_address = "10.79.0.2";
};

struct LinkShape {
  DirectionShape direction;
  std::optional<Outage> outage;
};

template <class T>
T value_or_exit(std::optional<T> value, const char* option, const std::string& text) {
  if (value) return *value;
  std::cerr << "link: " << option << "=" << text << " is not understood; see --help\n";
  std::exit(2);
}

LinkShape shape_of(const Options& options) {
  LinkShape shape;
  DirectionShape& direction = shape.direction;
  direction.rate_bits_per_s = value_or_exit(parse_rate(options.rate), "--rate", options.rate);
  direction.delay = value_or_exit(parse_duration(options.delay), "--delay", options.delay);
  direction.jitter = value_or_exit(parse_duration(options.jitter), "--jitter", options.jitter);
  direction.loss = value_or_exit(parse_probability(options.loss), "--loss", options.loss);
  direction.seed = options.seed;
  if (!options.outage.empty()) shape.outage = value_or_exit(parse_outage(options.outage), "--outage", options.outage);

  const double bytes_per_s = static_cast<double>(direction.rate_bits_per_s) / 8;
  const double seconds = std::chrono::duration<double>(direction.delay + direction.jitter).count();
  // By default what goes through in one round trip: what a router has by the old rule.
  const auto round_trip_bytes = static_cast<std::uint64_t>(2 * bytes_per_s * seconds);
  direction.queue_bytes = options.queue.empty() ? std::max<std::uint64_t>(round_trip_bytes, 64 * 1024)
                                                : value_or_exit(parse_bytes(options.queue), "--queue", options.queue);
  if (bytes_per_s * seconds + static_cast<double>(direction.queue_bytes) > static_cast<double>(kUnderWayBytesMax)) {
    std::cerr << "link: --rate, --delay and --queue together would hold more than 1 GiB\n";
    std::exit(2);
  }
  return shape;
}

ordered_json describe(const End& end, const std::string& address) {
  return {{"netns", "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(end.netns.get())},
          {"address", address}};
}

/// SIGINT and SIGTERM as something to poll.
base::UniqueFd make_signals() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  return base::UniqueFd(::signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK));
}

/// A link does not slow down because the machine has other work. It sleeps most of the time, so it holds nobody up.
void be_on_time() {
  ::prctl(PR_SET_TIMERSLACK, 1);  // else every wait may be 50 us late
  const sched_param lowest{.sched_priority = ::sched_get_priority_min(SCHED_FIFO)};
  if (::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &lowest) != 0) {
    std::cerr << "link: no real-time priority; on a busy machine packets will be late\n";
  }
}

/// Waits for a packet, a signal or the time.
void wait(std::span<pollfd> files, std::optional<base::TimePoint> until) {
  timespec time{};
  if (until) {
    const auto ns = std::max<std::int64_t>((*until - now()).count(), 0);
    time.tv_sec = ns / 1'000'000'000;
    time.tv_nsec = ns % 1'000'000'000;
  }
  ::ppoll(files.data(), files.size(), until ? &time : nullptr, nullptr);
}

void run(Carrier& left_to_right, Carrier& right_to_left, OutageClock& outage, int signals) {
  std::array<pollfd, 3> files = {
      {{left_to_right.from(), POLLIN, 0}, {right_to_left.from(), POLLIN, 0}, {signals, POLLIN, 0}}};
  while ((files[2].revents & POLLIN) == 0) {
    const auto change = outage.advance(now(), left_to_right.carried_bytes() + right_to_left.carried_bytes());
    if (change == OutageClock::Change::kBegun) print_event("outage_begins");
    if (change == OutageClock::Change::kEnded) print_event("outage_ends");
    left_to_right.take_in(outage.is_out());
    right_to_left.take_in(outage.is_out());
    std::optional<base::TimePoint> until = outage.next();
    for (Carrier* carrier : {&left_to_right, &right_to_left}) {
      const auto next = carrier->deliver();
      if (next && (!until || *next < *until)) until = next;
    }
    wait(files, until);
  }
}

int run(const Options& options) {
  const LinkShape shape = shape_of(options);
  const base::UniqueFd signals = make_signals();
  be_on_time();
  std::string why_not;
  const auto left = make_end({options.left_address, options.mtu}, why_not);
  const auto right = left ? make_end({options.right_address, options.mtu}, why_not) : std::nullopt;
  if (!right) {
    std::cout << "not run: " << why_not << std::endl;
    return kNotRun;
  }
  DirectionShape back = shape.direction;
  ++back.seed;
  Carrier left_to_right(left->tun.get(), right->tun.get(), shape.direction);
  Carrier right_to_left(right->tun.get(), left->tun.get(), back);
  OutageClock outage(shape.outage, now());
  print_event("up", {{"left", describe(*left, options.left_address)},
                     {"right", describe(*right, options.right_address)},
                     {"rate_bits_per_s", shape.direction.rate_bits_per_s},
                     {"round_trip_ms", std::chrono::duration<double, std::milli>(2 * shape.direction.delay).count()},
                     {"queue_bytes", shape.direction.queue_bytes},
                     {"loss", shape.direction.loss},
                     {"mtu", options.mtu}});
  run(left_to_right, right_to_left, outage, signals.get());
  print_event("stats", {{"left_to_right", left_to_right.stats()}, {"right_to_left", right_to_left.stats()}});
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Two network namespaces joined by a link. Prints where they are (\"up\"), and what went through at the end\n"
      "(\"stats\"), as JSON. SIGTERM ends it, and the namespaces with it. Enter one: nsenter --net=<netns> <command>.\n"
      "Needs root, or `unshare -Ur` around it and every command, and /dev/net/tun.",
      "link");
  app.add_option("--rate", options.rate, "each way, of IP packets: 1gbit, 100mbit")->capture_default_str();
  app.add_option("--delay", options.delay, "one way: 20ms")->capture_default_str();
  app.add_option("--jitter", options.jitter, "at most so much more, packet by packet, in order")->capture_default_str();
  app.add_option("--queue", options.queue, "room before the bottleneck, each way: 4MiB (default: rate x round trip)");
  app.add_option("--loss", options.loss, "probability, each way: 0.01 or 1%")->capture_default_str();
  app.add_option("--seed", options.seed, "which packets are lost")->capture_default_str();
  app.add_option("--outage", options.outage, "once, after a time or so many bytes, for a time: 2s:5s or 32MiB:5s");
  app.add_option("--mtu", options.mtu, "bytes of an IP packet")->check(CLI::Range(576, 65'000))->capture_default_str();
  app.add_option("--left-address", options.left_address)->capture_default_str();
  app.add_option("--right-address", options.right_address)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return run(options);
}
