#include "tests/interop/peer/test_protocols.h"

#include <openssl/evp.h>

#include <algorithm>

namespace interop {

namespace {

constexpr std::size_t kChunkBytes = 64 * 1024;
constexpr std::size_t kSha256Bytes = 32;

/// The sending half of an exchange, a coroutine of its own.
struct Sender {
  explicit Sender(const base::Executor& executor) : ended(executor) {}
  base::Result<> result;
  base::Bytes digest;
  bool has_ended = false;
  base::Signal ended;
};

base::Task<base::Result<base::Bytes>> write_random(libp2p::Stream& stream, std::uint64_t bytes) {
  Sha256 hash;
  base::Bytes chunk(kChunkBytes);
  while (bytes > 0) {
    const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, chunk.size()));
    const base::MutableBytes part(chunk.data(), size);
    base::random_bytes(part);
    hash.update(part);
    auto written = co_await stream.write(part);
    if (!written) co_return written.error();
    bytes -= size;
  }
  auto closed = co_await stream.close_write();
  if (!closed) co_return closed.error();
  co_return hash.finish();
}

base::Task<> run_sender(libp2p::Stream& stream, std::uint64_t bytes, Sender& sender) {
  auto digest = co_await write_random(stream, bytes);
  if (digest) {
    sender.digest = std::move(*digest);
  } else {
    sender.result = digest.error();
  }
  sender.has_ended = true;
  sender.ended.notify_all();
}

base::Task<base::Result<>> read_answer(libp2p::Stream& stream, Exchange& exchange) {
  Sha256 hash;
  base::Bytes chunk(kChunkBytes);
  for (;;) {
    auto count = co_await stream.read_some(chunk);
    if (!count) co_return count.error();
    if (*count == 0) break;
    const base::ConstBytes part(chunk.data(), *count);
    hash.update(part);
    exchange.bytes_received += *count;
    const std::size_t room = kSha256Bytes - exchange.received_head.size();
    base::append(exchange.received_head, part.first(std::min(room, part.size())));
  }
  exchange.received_digest = hash.finish();
  co_return base::Result<>();
}

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }

void Sha256::update(base::ConstBytes bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }

base::Bytes Sha256::finish() {
  base::Bytes digest(kSha256Bytes);
  EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr);
  return digest;
}

void Sha256::Deleter::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

base::Task<base::Result<>> serve_echo(std::unique_ptr<libp2p::Stream> stream) {
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

base::Task<base::Result<>> serve_digest(std::unique_ptr<libp2p::Stream> stream) {
  Exchange received;
  auto read = co_await read_answer(*stream, received);
  if (!read) co_return read.error();
  auto written = co_await stream->write(received.received_digest);
  if (!written) co_return written.error();
  auto closed = co_await stream->close_write();
  co_return closed;
}

base::Task<base::Result<Exchange>> exchange_random(std::unique_ptr<libp2p::Stream> stream, std::uint64_t bytes) {
  auto executor = co_await boost::asio::this_coro::executor;
  Sender sender(executor);
  Exchange exchange;
  base::spawn(executor, run_sender(*stream, bytes, sender));
  auto read = co_await read_answer(*stream, exchange);
  if (!read) stream->reset();
  while (!sender.has_ended) co_await sender.ended.wait();
  if (!read) co_return read.error();
  if (!sender.result) co_return sender.result.error();
  exchange.sent_digest = std::move(sender.digest);
  co_return std::move(exchange);
}

base::Task<base::Result<>> send_and_reset(std::unique_ptr<libp2p::Stream> stream) {
  base::Bytes bytes(1024);
  auto written = co_await stream->write(bytes);
  if (!written) co_return written.error();
  auto read = co_await libp2p::read_exact(*stream, bytes);
  if (!read) co_return read.error();
  stream->reset();
  co_return base::Result<>();
}

}  // namespace interop
