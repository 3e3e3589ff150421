#include "tests/interop/peer/servers.h"

#include "libp2p/core/error.h"
#include "tests/interop/peer/exchange.h"
#include "tests/interop/peer/reply.h"

#include <algorithm>

namespace interop {

namespace {

using StreamPtr = std::unique_ptr<libp2p::Stream>;
using ConnectionPtr = std::shared_ptr<libp2p::Connection>;

constexpr std::uint64_t kLateMaxBytes = 64 * 1024 * 1024;

base::Task<base::Result<>> echo(StreamPtr stream) {
  base::Bytes chunk(kChunkBytes);
  for (;;) {
    auto count = co_await stream->read_some(chunk);
    if (!count) co_return count.error();
    if (*count == 0) break;
    const base::ConstBytes part(chunk.data(), *count);
    auto written = co_await stream->write(part);
    if (!written) co_return written.error();
  }
  auto closed = co_await stream->close_write();
  co_return closed;
}

base::Task<base::Result<>> digest(StreamPtr stream) {
  auto received = co_await read_to_end(*stream);
  if (!received) co_return received.error();
  auto written = co_await stream->write(received->digest);
  if (!written) co_return written.error();
  auto closed = co_await stream->close_write();
  co_return closed;
}

base::Task<base::Result<>> late(StreamPtr stream) {
  auto request = co_await read_to_end(*stream);
  if (!request) co_return request.error();
  if (request->head.size() < 8) co_return libp2p::Error::kMalformedMessage;
  const std::uint64_t bytes =
      std::uint64_t{base::load_be32(request->head.data())} << 32 | base::load_be32(request->head.data() + 4);
  auto written = co_await write_zeros(*stream, std::min(bytes, kLateMaxBytes));
  co_return written;
}

base::Task<base::Result<Received>> read_mutely(StreamPtr stream) {
  auto closed = co_await stream->close_write();
  if (!closed) co_return closed.error();
  auto received = co_await read_to_end(*stream);
  co_return received;
}

base::Task<> mute(ConnectionPtr, StreamPtr stream) {
  auto received = co_await read_mutely(std::move(stream));
  ordered_json event{{"event", "stream_ended"}, {"protocol", kMuteProtocol}, {"clean", received.has_value()}};
  if (received) {
    event["bytes"] = received->bytes;
    event["sha256"] = base::to_hex(received->digest);
  }
  print(event);
}

/// Streams that nobody reads, as long as the host serves.
using Unread = std::vector<StreamPtr>;

base::Task<> keep_unread(std::shared_ptr<Unread> unread, StreamPtr stream) {
  unread->push_back(std::move(stream));
  co_return;
}

base::Task<> reset_after_a_byte(ConnectionPtr, StreamPtr stream) {
  base::Bytes byte(1);
  (void)co_await stream->read_some(byte);
  stream->reset();
}

using Serve = base::Task<base::Result<>> (*)(StreamPtr);

base::Task<> serve_stream(std::string protocol, Serve serve, StreamPtr stream) {
  auto ended = co_await serve(std::move(stream));
  print({{"event", "stream_ended"}, {"protocol", protocol}, {"clean", ended.has_value()}});
}

void add(libp2p::Host& host, std::string protocol, Serve serve) {
  host.set_stream_handler(protocol, [protocol, serve](ConnectionPtr, StreamPtr stream) {
    return serve_stream(protocol, serve, std::move(stream));
  });
}

}  // namespace

void serve_tests(libp2p::Host& host) {
  add(host, std::string(kEchoProtocol), &echo);
  add(host, std::string(kDigestProtocol), &digest);
  add(host, std::string(kLateProtocol), &late);
  host.set_stream_handler(std::string(kMuteProtocol), &mute);
  host.set_stream_handler(std::string(kResetProtocol), &reset_after_a_byte);
  host.set_stream_handler(std::string(kUnreadProtocol),
                          [unread = std::make_shared<Unread>()](ConnectionPtr, StreamPtr stream) {
                            return keep_unread(unread, std::move(stream));
                          });
}

void serve_digest_as(libp2p::Host& host, std::string protocol) { add(host, std::move(protocol), &digest); }

}  // namespace interop
