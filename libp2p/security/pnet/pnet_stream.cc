#include "libp2p/security/pnet/pnet_stream.h"

#include "libp2p/core/buffer_pool.h"
#include "libp2p/core/error.h"
#include "libp2p/core/gather_cursor.h"

#include <algorithm>

namespace libp2p::pnet {

namespace {

/// Encrypts as many of the bytes as `space` holds; how many.
std::size_t encrypt_some(XSalsa20& cipher, GatherCursor& rest, base::MutableBytes space) {
  std::size_t done = 0;
  while (done < space.size() && !rest.done()) {
    const base::ConstBytes front = rest.front().first(std::min(rest.front().size(), space.size() - done));
    cipher.apply(front, space.data() + done);
    done += front.size();
    rest.take(front.size());
  }
  return done;
}

}  // namespace

PnetStream::PnetStream(std::unique_ptr<Stream> raw, const PreSharedKey& key, const Nonce& nonce,
                       base::ConstBytes opening)
    : raw_(std::move(raw)), key_(key), send_(key, nonce), opening_(opening) {}

base::Task<base::Result<>> PnetStream::read_nonce() {
  Nonce nonce;
  auto read = co_await read_exact(*raw_, nonce);
  if (!read) co_return read;
  // Whoever has no key begins with what should come after the nonce.
  const std::size_t compared = std::min(opening_.size(), nonce.size());
  if (compared > 0 &&
      std::equal(opening_.begin(), opening_.begin() + static_cast<std::ptrdiff_t>(compared), nonce.begin())) {
    co_return not_ours();
  }
  receive_.emplace(key_, nonce);
  co_return base::Result<>();
}

base::Task<base::Result<std::size_t>> PnetStream::read_some(base::MutableBytes into) {
  if (is_not_ours_) co_return not_ours();
  base::Result<std::size_t> count = 0U;
  if (!receive_) {
    auto nonce = co_await read_nonce();
    if (!nonce) count = nonce.error();
  }
  if (count) count = co_await raw_->read_some(into);
  if (count && *count > 0) {
    const base::MutableBytes bytes = into.first(*count);
    receive_->apply(bytes, bytes.data());
    if (!check_opening(bytes)) co_return not_ours();
    co_return count;
  }
  const bool has_gone = count ? *count == 0 : count.error() == Error::kReset || count.error() == Error::kUnexpectedEof;
  // It could make nothing of our first bytes, or had nothing to say to them.
  if (has_gone && !opening_.empty()) co_return not_ours();
  co_return count;
}

std::size_t PnetStream::read_available(base::MutableBytes into) {
  if (!receive_ || is_not_ours_) return 0;
  const base::MutableBytes bytes = into.first(raw_->read_available(into));
  receive_->apply(bytes, bytes.data());
  if (check_opening(bytes)) return bytes.size();
  not_ours();  // the next read_some() tells
  return 0;
}

base::Task<> PnetStream::wait_readable() { return raw_->wait_readable(); }

bool PnetStream::check_opening(base::ConstBytes bytes) {
  const std::size_t count = std::min(bytes.size(), opening_.size());
  if (!std::ranges::equal(bytes.first(count), opening_.first(count))) return false;
  opening_ = opening_.subspan(count);
  return true;
}

base::Error PnetStream::not_ours() {
  is_not_ours_ = true;
  raw_->reset();
  return Error::kNotInPrivateNetwork;
}

base::Task<base::Result<>> PnetStream::write(base::ConstBytes bytes) {
  const std::span<const base::ConstBytes> one(&bytes, 1);
  auto written = co_await write_gather(one);
  co_return written;
}

base::Task<base::Result<>> PnetStream::write_gather(std::span<const base::ConstBytes> buffers) {
  GatherCursor rest(buffers);
  if (rest.done()) co_return base::Result<>();
  const PooledBuffer buffer = PooledBuffer::take();
  while (!rest.done()) {
    const base::MutableBytes space(buffer.data(), PooledBuffer::kBytes);
    const base::ConstBytes encrypted(buffer.data(), encrypt_some(send_, rest, space));
    auto written = co_await raw_->write(encrypted);
    if (!written && written.error() == Error::kReset && !opening_.empty()) co_return not_ours();
    if (!written) co_return written;
  }
  co_return base::Result<>();
}

base::Task<base::Result<std::unique_ptr<Stream>>> protect(std::unique_ptr<Stream> raw, PreSharedKey key,
                                                          base::ConstBytes opening) {
  Nonce nonce;
  base::random_bytes(nonce);
  auto written = co_await raw->write(nonce);
  if (!written) co_return written.error();
  co_return std::make_unique<PnetStream>(std::move(raw), key, nonce, opening);
}

}  // namespace libp2p::pnet
