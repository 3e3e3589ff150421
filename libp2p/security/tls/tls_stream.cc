#include "libp2p/security/tls/tls_stream.h"

#include "base/log.h"
#include "libp2p/core/error.h"
#include "libp2p/core/turn.h"

#include <algorithm>
#include <cassert>

namespace libp2p::tls {

namespace {

/// Small records that are opened in a row before others run.
constexpr std::size_t kRecordsBetweenYields = 256;

/// A write under way, until it ends or is given up.
class Writing {
 public:
  Writing(GatherCursor*& slot, GatherCursor& rest) : slot_(slot) { slot_ = &rest; }
  ~Writing() { slot_ = nullptr; }
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;

 private:
  GatherCursor*& slot_;
};

}  // namespace

TlsStream::TlsStream(std::unique_ptr<Stream> raw, TrafficSecrets secrets)
    : raw_(std::move(raw)), sealer_(secrets.send, secrets.records_per_key), opener_(secrets.receive) {
  opener_.allow_records(kRecordsBetweenYields);
  if (secrets.received.empty()) return;
  const base::MutableBytes space = opener_.space();
  assert(secrets.received.size() <= space.size());
  std::ranges::copy(secrets.received, space.begin());
  opener_.received(secrets.received.size());
}

base::Result<std::size_t> TlsStream::open(base::MutableBytes into) {
  auto opened = opener_.read(into);
  if (opener_.take_key_request()) sealer_.update_key_soon();
  if (opened || told_of_failure_) return opened;
  told_of_failure_ = true;
  // Whoever uses the connection learns only that it has gone.
  if (opened.error() != Error::kReset) LOG_WARN("TLS: a record was damaged or forged on the way; its connection ends");
  raw_->reset();
  return opened;
}

base::Task<base::Result<std::size_t>> TlsStream::read_some(base::MutableBytes into) {
  for (;;) {
    if (!opener_.may_open_records()) co_await let_others_run();
    auto opened = open(into);
    if (!opened || *opened > 0) co_return opened;
    if (opener_.ended()) co_return 0U;
    if (!opener_.may_open_records()) continue;
    if (read_error_) co_return *read_error_;
    auto received = co_await receive();
    if (!received) co_return received;
  }
}

base::Task<base::Result<std::size_t>> TlsStream::receive() {
  auto received = co_await raw_->read_some(opener_.space());
  if (!received) co_return received;
  if (*received == 0) co_return Error::kUnexpectedEof;
  opener_.received(*received);
  co_return received;
}

base::Task<> TlsStream::let_others_run() {
  opener_.allow_records(kRecordsBetweenYields);
  return give_way();
}

base::Task<> TlsStream::wait_readable() {
  if (!opener_.may_open_records()) co_await let_others_run();
  while (!read_error_ && !opener_.is_readable()) {
    opener_.release_buffer();
    co_await raw_->wait_readable();
    auto received = co_await receive();
    if (!received) read_error_ = received.error();
  }
}

std::size_t TlsStream::read_available(base::MutableBytes into) {
  std::size_t done = 0;
  while (done < into.size() && opener_.may_open_records()) {
    const auto opened = open(into.subspan(done));
    if (!opened || opener_.ended()) return done + (opened ? *opened : 0);  // the next read_some() tells
    done += *opened;
    if (*opened > 0 || !opener_.may_open_records()) continue;
    const std::size_t received = raw_->read_available(opener_.space());
    if (received == 0) break;
    opener_.received(received);
  }
  return done;
}

base::Task<base::Result<>> TlsStream::write(base::ConstBytes bytes) {
  const std::span<const base::ConstBytes> one(&bytes, 1);
  auto written = co_await write_gather(one);
  co_return written;
}

base::Task<base::Result<>> TlsStream::write_gather(std::span<const base::ConstBytes> buffers) {
  if (write_closed_) co_return Error::kConnectionClosed;
  GatherCursor rest(buffers);
  if (rest.done()) co_return base::Result<>();
  const Writing writing(writing_, rest);
  const PooledBuffer buffer = PooledBuffer::take();
  while (!rest.done()) {
    const base::MutableBytes space(buffer.data(), RecordSealer::kBufferBytes);
    const base::ConstBytes records(buffer.data(), sealer_.seal_some(rest, space));
    auto written = co_await raw_->write(records);
    if (!written) co_return written;
  }
  co_return base::Result<>();
}

bool TlsStream::detach_buffers() {
  if (writing_ != nullptr) writing_->detach();
  return true;
}

base::Task<base::Result<>> TlsStream::close_write() {
  if (write_closed_) co_return base::Result<>();
  write_closed_ = true;
  const base::Bytes end = sealer_.seal_end();
  auto written = co_await raw_->write(end);
  if (!written) co_return written;
  co_return co_await raw_->close_write();
}

void TlsStream::reset() noexcept { raw_->reset(); }

}  // namespace libp2p::tls
