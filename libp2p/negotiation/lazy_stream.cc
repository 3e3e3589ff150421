#include "libp2p/negotiation/lazy_stream.h"

#include "base/signal.h"
#include "libp2p/core/error.h"
#include "libp2p/core/scoped_deadline.h"
#include "libp2p/negotiation/negotiate.h"

#include <boost/asio/this_coro.hpp>

#include <optional>
#include <vector>

namespace libp2p {

namespace {

class LazyStream final : public Stream {
 public:
  LazyStream(std::unique_ptr<Stream> stream, std::string protocol, base::Clock& clock, base::Duration timeout)
      : stream_(std::move(stream)), protocol_(std::move(protocol)), clock_(clock), timeout_(timeout) {}

  // Once the answer has been read, every call is the stream's own: no coroutine in between.
  base::Task<base::Result<std::size_t>> read_some(base::MutableBytes into) override {
    return is_agreed_ ? stream_->read_some(into) : read_first(into);
  }
  std::size_t read_available(base::MutableBytes into) override {
    return is_agreed_ ? stream_->read_available(into) : 0;
  }
  base::Task<> wait_readable() override { return is_agreed_ ? stream_->wait_readable() : Stream::wait_readable(); }
  base::Task<base::Result<>> write(base::ConstBytes bytes) override {
    return proposal_ == Proposal::kSent ? stream_->write(bytes) : write_one_first(bytes);
  }
  base::Task<base::Result<>> write_gather(std::span<const base::ConstBytes> buffers) override {
    return proposal_ == Proposal::kSent ? stream_->write_gather(buffers) : write_first(buffers);
  }
  base::Task<base::Result<>> close_write() override {
    return proposal_ == Proposal::kSent ? stream_->close_write() : propose_and_close();
  }
  bool detach_buffers() override { return proposal_ == Proposal::kSent && stream_->detach_buffers(); }
  /// The clock and the time-out are the old executor's, and needed until the other side has agreed.
  bool move_to(const base::Executor& executor) override { return is_agreed_ && stream_->move_to(executor); }
  void reset() noexcept override { stream_->reset(); }

 private:
  enum class Proposal { kUnsent, kUnderWay, kSent };

  base::Task<base::Result<std::size_t>> read_first(base::MutableBytes into) {
    auto agreed = co_await agree();
    if (!agreed) {
      stream_->reset();
      co_return agreed.error();
    }
    is_agreed_ = true;
    co_return co_await stream_->read_some(into);
  }

  base::Task<base::Result<>> agree() {
    ScopedDeadline deadline(clock_, clock_.now() + timeout_, [this] { stream_->reset(); });
    auto proposed = co_await write_first({});
    if (proposed) proposed = co_await read_agreement(*stream_, protocol_);
    // Who has not shown the network's key in all that time: that says more than that time is up.
    const bool is_stranger = !proposed && proposed.error() == Error::kNotInPrivateNetwork;
    if (deadline.expired() && !is_stranger) co_return Error::kTimeout;
    co_return proposed;
  }

  base::Task<base::Result<>> write_one_first(base::ConstBytes bytes) {
    const std::array<base::ConstBytes, 1> buffers{bytes};
    co_return co_await write_first(buffers);
  }

  /// Writes the proposal, if it is unsent, and `buffers` after it. A read and a write may come here at the same time,
  /// and the stream below takes one write at a time: whoever is second waits for the first.
  base::Task<base::Result<>> write_first(std::span<const base::ConstBytes> buffers) {
    if (proposal_ == Proposal::kUnderWay) {
      if (!sent_) sent_.emplace(co_await boost::asio::this_coro::executor);
      while (proposal_ == Proposal::kUnderWay) co_await sent_->wait();
    }
    if (proposal_ == Proposal::kSent) {
      if (buffers.empty()) co_return base::Result<>();
      co_return co_await stream_->write_gather(buffers);
    }
    proposal_ = Proposal::kUnderWay;
    const base::Bytes proposal = encode_proposal(protocol_);
    std::vector<base::ConstBytes> all{proposal};
    all.insert(all.end(), buffers.begin(), buffers.end());
    auto written = co_await stream_->write_gather(all);
    proposal_ = Proposal::kSent;
    if (sent_) sent_->notify_all();
    co_return written;
  }

  base::Task<base::Result<>> propose_and_close() {
    auto proposed = co_await write_first({});
    if (!proposed) co_return proposed;
    co_return co_await stream_->close_write();
  }

  std::unique_ptr<Stream> stream_;
  std::string protocol_;
  base::Clock& clock_;
  base::Duration timeout_;
  Proposal proposal_ = Proposal::kUnsent;
  bool is_agreed_ = false;
  std::optional<base::Signal> sent_;
};

}  // namespace

std::unique_ptr<Stream> negotiate_lazily(std::unique_ptr<Stream> stream, std::string protocol, base::Clock& clock,
                                         base::Duration timeout) {
  return std::make_unique<LazyStream>(std::move(stream), std::move(protocol), clock, timeout);
}

}  // namespace libp2p
