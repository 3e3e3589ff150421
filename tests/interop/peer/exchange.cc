#include "tests/interop/peer/exchange.h"

#include "base/signal.h"
#include "tests/interop/peer/sha256.h"

#include <boost/asio/this_coro.hpp>

#include <algorithm>

namespace interop {

namespace {

/// The sending half of an exchange, a coroutine of its own.
struct Sender {
  explicit Sender(const base::Executor& executor) : ended(executor) {}
  base::Result<base::Bytes> digest = base::Bytes();
  bool has_ended = false;
  base::Signal ended;
};

base::Task<> run_sender(libp2p::Stream& stream, std::uint64_t bytes, Sender& sender) {
  sender.digest = co_await write_random(stream, bytes);
  sender.has_ended = true;
  sender.ended.notify_all();
}

/// Calls fill(chunk) and writes the chunk until `bytes` are written, then closes our direction.
template <class Fill>
base::Task<base::Result<>> write_chunks(libp2p::Stream& stream, std::uint64_t bytes, Fill& fill) {
  base::Bytes chunk(kChunkBytes);
  while (bytes > 0) {
    const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, chunk.size()));
    const base::MutableBytes part(chunk.data(), size);
    fill(part);
    auto written = co_await stream.write(part);
    if (!written) co_return written.error();
    bytes -= size;
  }
  auto closed = co_await stream.close_write();
  co_return closed;
}

}  // namespace

base::Task<base::Result<Received>> read_to_end(libp2p::Stream& stream) {
  Received received;
  Sha256 hash;
  base::Bytes chunk(kChunkBytes);
  for (;;) {
    auto count = co_await stream.read_some(chunk);
    if (!count) co_return count.error();
    if (*count == 0) break;
    const base::ConstBytes part(chunk.data(), *count);
    hash.update(part);
    received.bytes += *count;
    const std::size_t room = kSha256Bytes - received.head.size();
    base::append(received.head, part.first(std::min(room, part.size())));
  }
  received.digest = hash.finish();
  co_return std::move(received);
}

base::Task<base::Result<base::Bytes>> write_random(libp2p::Stream& stream, std::uint64_t bytes) {
  Sha256 hash;
  auto fill = [&hash](base::MutableBytes part) {
    base::random_bytes(part);
    hash.update(part);
  };
  auto written = co_await write_chunks(stream, bytes, fill);
  if (!written) co_return written.error();
  co_return hash.finish();
}

base::Task<base::Result<>> write_zeros(libp2p::Stream& stream, std::uint64_t bytes) {
  auto keep = [](base::MutableBytes) {};
  auto written = co_await write_chunks(stream, bytes, keep);
  co_return written;
}

base::Task<base::Result<Exchange>> exchange_random(std::unique_ptr<libp2p::Stream> stream, std::uint64_t bytes) {
  auto executor = co_await boost::asio::this_coro::executor;
  Sender sender(executor);
  base::spawn(executor, run_sender(*stream, bytes, sender));
  auto received = co_await read_to_end(*stream);
  if (!received) stream->reset();
  while (!sender.has_ended) co_await sender.ended.wait();
  if (!received) co_return received.error();
  if (!sender.digest) co_return sender.digest.error();
  co_return Exchange{std::move(*sender.digest), std::move(*received)};
}

}  // namespace interop
