// Commands that move bytes on one stream.
#include "libp2p/core/error.h"
#include "tests/interop/peer/commands.h"
#include "tests/interop/peer/exchange.h"
#include "tests/interop/peer/servers.h"

namespace interop {

namespace {

constexpr std::size_t kLateRequestBytes = 1000;

base::Task<base::Result<Exchange>> exchange(Peer& peer, std::string_view protocol, std::string bytes) {
  const auto count = parse_count(bytes);
  if (!count) co_return count.error();
  auto stream = co_await peer.new_stream(protocol);
  if (!stream) co_return stream.error();
  auto done = co_await exchange_random(std::move(*stream), *count);
  co_return done;
}

/// Asks for `count` bytes, closes, and reads them; how many came.
base::Task<base::Result<std::uint64_t>> read_late(Peer& peer, std::uint64_t count) {
  auto stream = co_await peer.new_stream(kLateProtocol);
  if (!stream) co_return stream.error();
  base::Bytes request(kLateRequestBytes);
  base::store_be32(request.data(), static_cast<std::uint32_t>(count >> 32));
  base::store_be32(request.data() + 4, static_cast<std::uint32_t>(count));
  auto written = co_await (*stream)->write(request);
  if (!written) co_return written.error();
  auto closed = co_await (*stream)->close_write();
  if (!closed) co_return closed.error();
  auto received = co_await read_to_end(**stream);
  if (!received) co_return received.error();
  co_return received->bytes;
}

/// Writes after the other side has closed; the digest of what was written.
base::Task<base::Result<base::Bytes>> write_to_mute(Peer& peer, std::uint64_t count) {
  auto stream = co_await peer.new_stream(kMuteProtocol);
  if (!stream) co_return stream.error();
  auto end = co_await read_to_end(**stream);
  if (!end) co_return end.error();
  auto digest = co_await write_random(**stream, count);
  co_return digest;
}

}  // namespace

base::Task<Reply> echo(Peer& peer, Arguments arguments) {
  auto done = co_await exchange(peer, kEchoProtocol, arguments[0]);
  if (!done) co_return done.error();
  co_return Fields(ordered_json{{"bytes", done->received.bytes},
                                {"sent_sha256", base::to_hex(done->sent_digest)},
                                {"received_sha256", base::to_hex(done->received.digest)}});
}

base::Task<Reply> send(Peer& peer, Arguments arguments) {
  auto done = co_await exchange(peer, kDigestProtocol, arguments[0]);
  if (!done) co_return done.error();
  co_return Fields(ordered_json{{"sent_sha256", base::to_hex(done->sent_digest)},
                                {"peer_sha256", base::to_hex(done->received.head)}});
}

base::Task<Reply> half_close(Peer& peer, Arguments arguments) {
  const auto count = parse_count(arguments[0]);
  if (!count) co_return count.error();
  auto late_bytes = co_await read_late(peer, *count);
  if (!late_bytes) co_return late_bytes.error();
  auto digest = co_await write_to_mute(peer, *count);
  if (!digest) co_return digest.error();
  co_return Fields(ordered_json{{"late_bytes", *late_bytes}, {"sent_sha256", base::to_hex(*digest)}});
}

base::Task<Reply> reset(Peer& peer, Arguments) {
  auto stream = co_await peer.new_stream(kEchoProtocol);
  if (!stream) co_return stream.error();
  base::Bytes bytes(1024);
  auto written = co_await (*stream)->write(bytes);
  if (!written) co_return written.error();
  auto read = co_await libp2p::read_exact(**stream, bytes);
  if (!read) co_return read.error();
  (*stream)->reset();
  co_return Fields();
}

base::Task<Reply> be_reset(Peer& peer, Arguments) {
  auto stream = co_await peer.new_stream(kResetProtocol);
  if (!stream) co_return stream.error();
  base::Bytes byte(1);
  auto written = co_await (*stream)->write(byte);
  if (!written) co_return written.error();
  auto read = co_await (*stream)->read_some(byte);
  const bool is_reset = !read && read.error() == libp2p::Error::kReset;
  co_return Fields(ordered_json{{"reset", is_reset}});
}

}  // namespace interop
