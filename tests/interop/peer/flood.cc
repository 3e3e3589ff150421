// Many streams at once, beside one that nobody reads.
#include "tests/interop/peer/commands.h"
#include "tests/interop/peer/exchange.h"
#include "tests/interop/peer/servers.h"

namespace interop {

namespace {

/// Small, so that what was written before the last write stuck is known exactly enough.
constexpr std::size_t kUnreadChunkBytes = 16 * 1024;

/// Shared by the coroutines of one flood; outlived by the command.
struct Flood {
  explicit Flood(const base::Executor& executor) : ended(executor) {}
  std::size_t under_way = 0;
  base::Signal ended;
  std::uint64_t completed = 0;
  std::uint64_t mismatched = 0;
  std::uint64_t unread_bytes = 0;
  base::Error failure;

  void end_one() {
    --under_way;
    ended.notify_all();
  }
};

/// Until the stream is reset.
base::Task<> fill(libp2p::Stream& stream, Flood& flood) {
  base::Bytes chunk(kUnreadChunkBytes);
  for (;;) {
    auto written = co_await stream.write(chunk);
    if (!written) break;
    flood.unread_bytes += chunk.size();
  }
  flood.end_one();
}

base::Task<base::Result<Exchange>> send_one(Peer& peer, std::uint64_t bytes) {
  auto stream = co_await peer.new_stream(kDigestProtocol);
  if (!stream) co_return stream.error();
  auto done = co_await exchange_random(std::move(*stream), bytes);
  co_return done;
}

base::Task<> run_one(Peer& peer, std::uint64_t bytes, Flood& flood) {
  auto done = co_await send_one(peer, bytes);
  if (!done) {
    flood.failure = done.error();
  } else {
    ++flood.completed;
    if (done->sent_digest != done->received.head) ++flood.mismatched;
  }
  flood.end_one();
}

}  // namespace

base::Task<Reply> flood(Peer& peer, Arguments arguments) {
  const auto count = parse_count(arguments[0]);
  if (!count) co_return count.error();
  const auto bytes = parse_count(arguments[1]);
  if (!bytes) co_return bytes.error();
  auto unread = co_await peer.new_stream(kUnreadProtocol);
  if (!unread) co_return unread.error();

  Flood flood(peer.executor());
  flood.under_way = *count + 1;
  base::spawn(peer.executor(), fill(**unread, flood));
  for (std::uint64_t i = 0; i < *count; ++i) base::spawn(peer.executor(), run_one(peer, *bytes, flood));
  while (flood.under_way > 1) co_await flood.ended.wait();
  (*unread)->reset();
  while (flood.under_way > 0) co_await flood.ended.wait();
  if (flood.failure) co_return flood.failure;
  co_return Fields(ordered_json{
      {"completed", flood.completed}, {"mismatched", flood.mismatched}, {"unread_bytes", flood.unread_bytes}});
}

}  // namespace interop
