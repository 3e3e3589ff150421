// Commands that bench/libp2p times.
#include "libp2p/core/error.h"
#include "libp2p/protocols/perf/perf.h"
#include "libp2p/protocols/ping/ping.h"
#include "tests/interop/peer/commands.h"
#include "tests/interop/peer/servers.h"

#include <sys/resource.h>

namespace interop {

namespace {

constexpr base::Duration kPingTimeout = std::chrono::seconds(10);

std::int64_t microseconds(base::Duration time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

std::int64_t microseconds(const timeval& time) { return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_usec; }

Reply total(base::Duration time) { return Fields(ordered_json{{"total_us", microseconds(time)}}); }

base::Task<base::Result<base::Duration>> time_dials(Peer& peer, std::uint64_t n, multiformats::Multiaddr address) {
  base::Duration time{};
  for (std::uint64_t i = 0; i < n; ++i) {
    const auto begin = peer.clock().now();
    auto connection = co_await peer.host().connect(address);
    time += peer.clock().now() - begin;
    if (!connection) co_return connection.error();
    (*connection)->close();
    co_await peer.wait_until_disconnected();
  }
  co_return time;
}

base::Task<base::Result<>> one_byte_there_and_back(Peer& peer) {
  auto stream = co_await peer.new_stream(kEchoProtocol);
  if (!stream) co_return stream.error();
  base::Bytes byte(1);
  auto written = co_await (*stream)->write(byte);
  if (!written) co_return written.error();
  auto read = co_await libp2p::read_exact(**stream, byte);
  if (!read) co_return read.error();
  auto closed = co_await (*stream)->close_write();
  if (!closed) co_return closed.error();
  // To the end: a stream that is dropped before that is reset.
  auto end = co_await (*stream)->read_some(byte);
  if (!end) co_return end.error();
  co_return base::Result<>();
}

}  // namespace

base::Task<Reply> perf(Peer& peer, Arguments arguments) {
  const auto up = parse_count(arguments[0]);
  if (!up) co_return up.error();
  const auto down = parse_count(arguments[1]);
  if (!down) co_return down.error();
  auto stream = co_await peer.new_stream(libp2p::kPerfProtocol);
  if (!stream) co_return stream.error();
  auto times = co_await libp2p::measure_perf(peer.clock(), std::move(*stream), *up, *down);
  if (!times) co_return times.error();
  co_return Fields(ordered_json{{"up_us", microseconds(times->upload)}, {"down_us", microseconds(times->download)}});
}

base::Task<Reply> bench_connect(Peer& peer, Arguments arguments) {
  const auto n = parse_count(arguments[0]);
  if (!n) co_return n.error();
  const auto address = multiformats::Multiaddr::from_text(arguments[1]);
  if (!address) co_return address.error();
  peer.set_quiet(true);
  auto time = co_await time_dials(peer, *n, *address);
  peer.set_quiet(false);
  if (!time) co_return time.error();
  co_return total(*time);
}

base::Task<Reply> bench_streams(Peer& peer, Arguments arguments) {
  const auto n = parse_count(arguments[0]);
  if (!n) co_return n.error();
  const auto begin = peer.clock().now();
  for (std::uint64_t i = 0; i < *n; ++i) {
    auto done = co_await one_byte_there_and_back(peer);
    if (!done) co_return done.error();
  }
  co_return total(peer.clock().now() - begin);
}

base::Task<Reply> bench_ping(Peer& peer, Arguments arguments) {
  const auto n = parse_count(arguments[0]);
  if (!n) co_return n.error();
  auto stream = co_await peer.new_stream(libp2p::kPingProtocol);
  if (!stream) co_return stream.error();
  const auto begin = peer.clock().now();
  for (std::uint64_t i = 0; i < *n; ++i) {
    auto round_trip = co_await libp2p::ping_round_trip(peer.clock(), **stream, kPingTimeout);
    if (!round_trip) co_return round_trip.error();
  }
  co_return total(peer.clock().now() - begin);
}

base::Task<Reply> cpu(Peer&, Arguments) {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  co_return Fields(
      ordered_json{{"user_us", microseconds(usage.ru_utime)}, {"system_us", microseconds(usage.ru_stime)}});
}

}  // namespace interop
