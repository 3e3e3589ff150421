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

/// From here on a read or write is worth another thread: some 10 µs of work for it.
constexpr std::size_t kLargeBytes = 128 * 1024;
/// What is sealed at a time while the records before go to the raw stream.
constexpr std::size_t kHalfBytes = RecordSealer::kBufferBytes / 2;
constexpr std::size_t kFirstBytes = 4 * kRecordMaxBytes;

/// What a large read takes from the raw stream without waiting before others run.
constexpr std::size_t kBytesBetweenYields = 1024 * 1024;

std::size_t bytes_of(std::span<const base::ConstBytes> buffers) {
  std::size_t bytes = 0;
  for (const base::ConstBytes buffer : buffers) bytes += buffer.size();
  return bytes;
}

/// Waits for what is done on another thread: it uses what goes now.
class AtEnd {
 public:
  explicit AtEnd(base::SideThreads::Loan& thread) : thread_(thread) {}
  ~AtEnd() { thread_.wait(); }
  AtEnd(const AtEnd&) = delete;
  AtEnd& operator=(const AtEnd&) = delete;

 private:
  base::SideThreads::Loan& thread_;
};

}  // namespace

/// A write under way.
class TlsStream::Writing {
 public:
  Writing(Writing*& slot, GatherCursor& rest) : slot_(slot), rest_(rest) { slot_ = this; }
  ~Writing() { slot_ = nullptr; }
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;

  void detach() {
    thread.wait();  // it may read the buffers just now
    rest_.detach();
  }
  base::SideThreads::Loan thread;

 private:
  Writing*& slot_;
  GatherCursor& rest_;
};

TlsStream::TlsStream(std::unique_ptr<Stream> raw, TrafficSecrets secrets)
    : raw_(std::move(raw)), sealer_(secrets.send, secrets.records_per_key), opener_(secrets.receive) {
  opener_.allow_records(kRecordsBetweenYields);
  if (secrets.received.empty()) return;
  const base::MutableBytes space = opener_.space();
  assert(secrets.received.size() <= space.size());
  std::ranges::copy(secrets.received, space.begin());
  opener_.received(secrets.received.size());
}

base::Result<std::size_t> TlsStream::open(base::MutableBytes into) { return look_at(opener_.read(into)); }

base::Result<std::size_t> TlsStream::open_aside(base::MutableBytes into) {
  base::SideThreads::Loan thread = side_threads_->borrow(reader_);
  if (!thread) return open(into);
  base::Result<std::size_t> opened = 0U;
  auto call = [this, into, &opened] { opened = opener_.read(into); };
  opener_.go_on();
  const base::MutableBytes space = opener_.space_ahead();
  thread.start(call);
  const std::size_t received = space.empty() ? 0 : raw_->read_available(space);
  thread.wait();
  opener_.received_ahead(received);
  unyielded_bytes_ += received;
  return look_at(opened);
}

base::Result<std::size_t> TlsStream::look_at(base::Result<std::size_t> opened) {
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
    if (unyielded_bytes_ >= kBytesBetweenYields) {
      unyielded_bytes_ = 0;
      co_await base::yield_now();
    }
    const bool is_large = into.size() >= kLargeBytes && opener_.unopened_bytes() >= kLargeBytes;
    auto opened = is_large ? open_aside(into) : open(into);
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
  const PooledBuffer buffer = PooledBuffer::take();
  Writing writing(writing_, rest);  // destroyed before the buffer, so that no thread writes there any more
  if (bytes_of(buffers) >= kLargeBytes) writing.thread = side_threads_->borrow(writer_);
  if (writing.thread) co_return co_await write_aside(rest, buffer.data(), writing.thread);
  co_return co_await write_plainly(rest, buffer.data());
}

base::Task<base::Result<>> TlsStream::write_plainly(GatherCursor& rest, std::uint8_t* buffer) {
  while (!rest.done()) {
    const base::MutableBytes space(buffer, RecordSealer::kBufferBytes);
    const base::ConstBytes records(buffer, sealer_.seal_some(rest, space));
    auto written = co_await raw_->write(records);
    if (!written) co_return written;
  }
  co_return base::Result<>();
}

base::Task<base::Result<>> TlsStream::write_aside(GatherCursor& rest, std::uint8_t* buffer,
                                                  base::SideThreads::Loan& thread) {
  std::uint8_t* here = buffer;
  std::uint8_t* there = buffer + kHalfBytes;
  // Little at first: nothing goes to the raw stream meanwhile.
  std::size_t size = sealer_.seal_some(rest, base::MutableBytes(here, kFirstBytes));
  while (size > 0) {
    std::size_t next = 0;
    auto seal = [this, &rest, &next, there] {
      if (!rest.done()) next = sealer_.seal_some(rest, base::MutableBytes(there, kHalfBytes));
    };
    thread.start(seal);
    const AtEnd wait_for(thread);  // also where the write is given up while it waits
    const base::ConstBytes records(here, size);
    auto written = co_await raw_->write(records);
    thread.wait();
    if (!written) co_return written;
    size = next;
    std::swap(here, there);
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
