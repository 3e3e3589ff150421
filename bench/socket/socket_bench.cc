// What one loopback TCP connection carries, unencrypted, by how its system calls are made: ratios to blocking calls of
// the same run, and processor time of both ends together. docs/decisions/0018-data-connections.md has figures.
#include "base/event_loop.h"
#include "base/network_threads.h"
#include "bench/figures.h"
#include "bench/process_use.h"
#include "bench/socket/tcp_pair.h"
#include "bench/socket/uring.h"
#include "libp2p/transports/tcp/tcp_stream.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <CLI/CLI.hpp>

#include <linux/errqueue.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdio>
#include <functional>
#include <future>
#include <string>
#include <thread>

namespace {

using namespace kvp2p::bench;

constexpr std::size_t kCallBytes = 1 << 20;

/// What the sender sends from and the receiver receives into: larger than a processor's caches, as KV is.
struct Memory {
  base::Bytes from = base::Bytes(64 << 20, 1);
  base::Bytes into = base::Bytes(64 << 20, 2);
  std::uint8_t* source(std::size_t done) { return from.data() + done % from.size(); }
  std::uint8_t* target(std::size_t done) { return into.data() + done % into.size(); }
};

/// Calls `step(done)`, which returns how far it came, until `total` bytes are done; false if it fails.
bool repeat(std::size_t total, const std::function<std::int64_t(std::size_t done, std::size_t bytes)>& step) {
  for (std::size_t done = 0; done < total;) {
    const std::int64_t count = step(done, std::min(kCallBytes - done % kCallBytes, total - done));
    if (count <= 0) return false;
    done += static_cast<std::size_t>(count);
  }
  return true;
}

bool both(const std::function<bool()>& sends, const std::function<bool()>& receives) {
  auto sent = std::async(std::launch::async, sends);
  const bool received = receives();
  return sent.get() && received;
}

bool receive_blocking(int socket, Memory& memory, std::size_t total) {
  return repeat(total, [&](std::size_t done, std::size_t bytes) {
    return ::recv(socket, memory.target(done), bytes, MSG_WAITALL);
  });
}

bool blocking(TcpPair& pair, Memory& memory, std::size_t total) {
  const auto sends = [&] {
    return repeat(total, [&](std::size_t done, std::size_t bytes) {
      return ::send(pair.sender.get(), memory.source(done), bytes, MSG_NOSIGNAL);
    });
  };
  return both(sends, [&] { return receive_blocking(pair.receiver.get(), memory, total); });
}

/// Takes the kernel's word that it needs earlier buffers no more; whether there was any.
bool take_notification(int socket) {
  std::array<std::uint8_t, 256> control;
  msghdr message{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  return ::recvmsg(socket, &message, MSG_ERRQUEUE) >= 0;
}

bool zero_copy(TcpPair& pair, Memory& memory, std::size_t total) {
  const int on = 1;
  const int socket = pair.sender.get();
  if (::setsockopt(socket, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)) != 0) return false;
  const auto sends = [&] {
    return repeat(total, [&](std::size_t done, std::size_t bytes) {
      std::int64_t count = -1;
      while ((count = ::send(socket, memory.source(done), bytes, MSG_NOSIGNAL | MSG_ZEROCOPY)) < 0) {
        if (errno != ENOBUFS) return count;
        pollfd waiting{socket, 0, 0};  // its memory for notifications is used up
        ::poll(&waiting, 1, -1);
        take_notification(socket);
      }
      take_notification(socket);
      return count;
    });
  };
  return both(sends, [&] { return receive_blocking(pair.receiver.get(), memory, total); });
}

bool io_uring_calls(TcpPair& pair, Memory& memory, std::size_t total) {
  const auto sending = Uring::create();
  const auto receiving = Uring::create();
  if (!sending || !receiving) return false;
  const auto sends = [&] {
    return repeat(total, [&](std::size_t done, std::size_t bytes) {
      return sending->send(pair.sender.get(), memory.source(done), bytes);
    });
  };
  return both(sends, [&] {
    return repeat(total, [&](std::size_t done, std::size_t bytes) {
      return receiving->receive(pair.receiver.get(), memory.target(done), bytes);
    });
  });
}

std::unique_ptr<libp2p::Stream> stream_of(base::UniqueFd socket, const base::Executor& executor) {
  return std::make_unique<libp2p::TcpStream>(
      boost::asio::ip::tcp::socket(executor, boost::asio::ip::tcp::v4(), socket.release()));
}

base::Task<> send_on(libp2p::Stream& stream, Memory& memory, std::size_t total, std::promise<bool>& done) {
  bool good = true;
  for (std::size_t sent = 0; good && sent < total; sent += kCallBytes) {
    auto written = co_await stream.write(base::ConstBytes(memory.source(sent), std::min(kCallBytes, total - sent)));
    good = written.has_value();
  }
  done.set_value(good);
}

base::Task<> receive_on(libp2p::Stream& stream, Memory& memory, std::size_t total, std::promise<bool>& done) {
  std::size_t received = 0;
  while (received < total) {
    const std::size_t room = std::min(kCallBytes - received % kCallBytes, total - received);
    auto count = co_await stream.read_some(base::MutableBytes(memory.target(received), room));
    if (!count || *count == 0) break;
    received += *count;
  }
  done.set_value(received == total);
}

/// A network of 1 Gbit/s: the sender sends a little, and waits.
bool send_paced(int socket, Memory& memory, std::size_t total) {
  constexpr std::size_t kBytesPerTick = 32 * 1024;
  constexpr std::chrono::nanoseconds kTick(kBytesPerTick * 8);
  auto next = std::chrono::steady_clock::now();
  return repeat(total, [&](std::size_t done, std::size_t bytes) {
    std::this_thread::sleep_until(next += kTick);
    return ::send(socket, memory.source(done), std::min(bytes, kBytesPerTick), MSG_NOSIGNAL);
  });
}

bool paced_blocking(TcpPair& pair, Memory& memory, std::size_t total) {
  return both([&] { return send_paced(pair.sender.get(), memory, total); },
              [&] { return receive_blocking(pair.receiver.get(), memory, total); });
}

bool paced_to(TcpPair& pair, Memory& memory, std::size_t total, const base::Executor& loop) {
  auto receiver = stream_of(std::move(pair.receiver), loop);
  std::promise<bool> received;
  base::spawn(loop, receive_on(*receiver, memory, total, received));
  const bool sent = send_paced(pair.sender.get(), memory, total);
  const bool good = received.get_future().get() && sent;
  std::promise<void> ended;
  boost::asio::post(loop, [&] {
    receiver.reset();
    ended.set_value();
  });
  ended.get_future().get();
  return good;
}

bool paced_polling(TcpPair& pair, Memory& memory, std::size_t total) {
  boost::asio::io_context context;
  std::thread thread([&context] {
    const auto work = boost::asio::make_work_guard(context);
    base::run_event_loop(context);
  });
  const bool good = paced_to(pair, memory, total, context.get_executor());
  context.stop();
  thread.join();
  return good;
}

bool paced_network_threads(TcpPair& pair, Memory& memory, std::size_t total) {
  base::NetworkThreads threads(1);
  return paced_to(pair, memory, total, threads.next().executor());
}

/// TcpStreams on the loops given; moved there first if `moves`.
bool on_loops(TcpPair& pair, Memory& memory, std::size_t total, const base::Executor& first,
              const base::Executor& second, bool moves) {
  boost::asio::io_context here;
  auto sender = stream_of(std::move(pair.sender), moves ? here.get_executor() : first);
  auto receiver = stream_of(std::move(pair.receiver), moves ? here.get_executor() : second);
  if (moves && !(sender->move_to(first) && receiver->move_to(second))) return false;
  std::promise<bool> sent;
  std::promise<bool> received;
  base::spawn(first, send_on(*sender, memory, total, sent));
  base::spawn(second, receive_on(*receiver, memory, total, received));
  const bool good = sent.get_future().get() && received.get_future().get();
  // A stream ends where it lives.
  std::promise<void> ended;
  boost::asio::post(first, [&] { sender.reset(); });
  boost::asio::post(second, [&] {
    receiver.reset();
    ended.set_value();
  });
  ended.get_future().get();
  std::promise<void> first_ended;
  boost::asio::post(first, [&] { first_ended.set_value(); });
  first_ended.get_future().get();
  return good;
}

bool network_threads(TcpPair& pair, Memory& memory, std::size_t total) {
  base::NetworkThreads threads(2);
  const auto first = threads.next();
  const auto second = threads.next();
  return on_loops(pair, memory, total, first.executor(), second.executor(), true);
}

/// Loops that look for work before they sleep, and streams that take turns as on the node thread.
bool polling_loops(TcpPair& pair, Memory& memory, std::size_t total, bool moves) {
  std::array<boost::asio::io_context, 2> contexts;
  std::array<std::thread, 2> threads;
  for (std::size_t i = 0; i < 2; ++i) {
    threads[i] = std::thread([&context = contexts[i]] {
      const auto work = boost::asio::make_work_guard(context);
      base::run_event_loop(context);
    });
  }
  const bool good = on_loops(pair, memory, total, contexts[0].get_executor(), contexts[1].get_executor(), moves);
  for (auto& context : contexts) context.stop();
  for (auto& thread : threads) thread.join();
  return good;
}

struct Case {
  const char* name;
  std::function<bool(TcpPair&, Memory&, std::size_t total)> run;
  std::vector<double> rates = {};
  std::vector<double> cpu = {};
  bool failed = false;
};

void print(const std::vector<Case>& cases) {
  std::printf("%-44s %8s %8s %10s\n", "", "GB/s", "ratio", "CPU s/GB");
  for (const Case& each : cases) {
    if (each.failed) {
      std::printf("%-44s not run: the system refuses it\n", each.name);
      continue;
    }
    const double rate = median(each.rates);
    std::printf("%-44s %8.2f %8.2f %10.3f\n", each.name, rate, rate / median(cases.front().rates), median(each.cpu));
  }
}

bool measure(std::vector<Case>& cases, int runs, std::size_t bytes) {
  Memory memory;
  for (int run = 0; run < runs; ++run) {
    for (Case& each : cases) {
      auto pair = connect_tcp_pair();
      if (!pair) return false;
      const double cpu_before = cpu_seconds();
      bool good = false;
      const double seconds = seconds_of([&] { good = each.run(*pair, memory, bytes); });
      each.failed |= !good;
      const double gigabytes = static_cast<double>(bytes) / 1e9;
      each.rates.push_back(gigabytes / seconds);
      each.cpu.push_back((cpu_seconds() - cpu_before) / gigabytes);
    }
  }
  print(cases);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t mib = 1024;
  int runs = 5;
  CLI::App app("what one loopback TCP connection carries, by how its system calls are made");
  app.add_option("--mib", mib, "a run")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--runs", runs, "of each, interleaved; medians are told")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  std::vector<Case> fast{
      {"blocking calls of 1 MiB", blocking},
      {"MSG_ZEROCOPY", zero_copy},
      {"io_uring", io_uring_calls},
      {"TcpStream, turns of 256 KiB, polling", [](auto&&... all) { return polling_loops(all..., false); }},
      {"TcpStream, moved: turns of 2 MiB, polling", [](auto&&... all) { return polling_loops(all..., true); }},
      {"TcpStream, moved to network threads", network_threads},
  };
  std::vector<Case> paced{
      {"at 1 Gbit/s: blocking calls", paced_blocking},
      {"at 1 Gbit/s: TcpStream, polling", paced_polling},
      {"at 1 Gbit/s: TcpStream, network thread", paced_network_threads},
  };
  constexpr std::size_t kPacedShare = 16;
  if (measure(fast, runs, mib << 20) && measure(paced, runs, (mib << 20) / kPacedShare)) return 0;
  std::fprintf(stderr, "socket_bench: no loopback connection\n");
  return 1;
}
