#include "libp2p/testing/fault_stream.h"

#include "libp2p/core/error.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <optional>

namespace libp2p::testing {

namespace {

/// Turns of the event loop between the first byte of a short write and the rest.
constexpr int kShortWriteTurns = 3;

class FaultStream final : public Stream {
 public:
  FaultStream(const base::Executor& executor, std::unique_ptr<Stream> inner, std::shared_ptr<FaultPlan> plan)
      : executor_(executor), inner_(std::move(inner)), plan_(std::move(plan)) {
    ++plan_->streams;
  }
  ~FaultStream() override { --plan_->streams; }

  base::Task<base::Result<std::size_t>> read_some(base::MutableBytes into) override {
    const auto fault = next_fault();
    if (fault) break_reading(*fault);
    if (read_end_) co_return *read_end_;
    if (fault == FaultKind::kShort) into = into.first(1);
    auto inner = inner_;
    auto count = co_await inner->read_some(into);
    co_return count;
  }

  std::size_t read_available(base::MutableBytes into) override {
    const auto fault = next_fault();
    if (fault) break_reading(*fault);
    if (read_end_) return 0;
    return inner_->read_available(fault == FaultKind::kShort ? into.first(1) : into);
  }

  base::Task<> wait_readable() override {
    const auto fault = next_fault();
    if (fault) break_reading(*fault);
    if (read_end_ || fault == FaultKind::kShort) co_return;
    auto inner = inner_;
    co_await inner->wait_readable();
  }

  base::Task<base::Result<>> write(base::ConstBytes bytes) override {
    const std::span<const base::ConstBytes> one(&bytes, 1);
    auto written = co_await write_gather(one);
    co_return written;
  }

  base::Task<base::Result<>> write_gather(std::span<const base::ConstBytes> buffers) override {
    auto inner = inner_;
    if (write_error_) co_return *write_error_;
    const auto fault = next_fault();
    if (!fault) {
      auto written = co_await inner->write_gather(buffers);
      co_return written;
    }
    base::Bytes all;
    for (const base::ConstBytes buffer : buffers) base::append(all, buffer);
    const std::size_t first = *fault == FaultKind::kShort ? std::min<std::size_t>(1, all.size()) : all.size() / 2;
    const base::ConstBytes head = base::ConstBytes(all).first(first);
    const base::ConstBytes tail = base::ConstBytes(all).subspan(first);
    if (*fault == FaultKind::kCancel) reset_later();
    auto written = co_await inner->write(head);
    if (!written) co_return written;
    if (*fault == FaultKind::kError) {
      write_error_ = Error::kReset;
      co_return *write_error_;
    }
    if (*fault == FaultKind::kEnd) {
      write_error_ = Error::kConnectionClosed;
      (void)co_await inner->close_write();
      co_return *write_error_;
    }
    for (int i = 0; i < kShortWriteTurns; ++i) co_await base::yield_now();
    written = co_await inner->write(tail);
    co_return written;
  }

  base::Task<base::Result<>> close_write() override {
    auto inner = inner_;
    if (write_error_) co_return *write_error_;
    const auto fault = next_fault();
    if (fault == FaultKind::kError) {
      write_error_ = Error::kReset;
      co_return *write_error_;
    }
    if (fault == FaultKind::kCancel) reset_later();
    auto closed = co_await inner->close_write();
    co_return closed;
  }

  bool move_to(const base::Executor& executor) override {
    if (!inner_->move_to(executor)) return false;
    executor_ = executor;
    return true;
  }
  void reset() noexcept override { inner_->reset(); }

 private:
  std::optional<FaultKind> next_fault() {
    return plan_->operations++ == plan_->at ? std::optional(plan_->kind) : std::nullopt;
  }

  void break_reading(FaultKind fault) {
    if (fault == FaultKind::kError) read_end_ = Error::kReset;
    if (fault == FaultKind::kEnd) read_end_ = std::size_t{0};
    if (fault == FaultKind::kCancel) reset_later();
  }

  void reset_later() {
    boost::asio::post(executor_, [weak = std::weak_ptr<Stream>(inner_)] {
      if (const auto inner = weak.lock()) inner->reset();
    });
  }

  base::Executor executor_;
  std::shared_ptr<Stream> inner_;  // shared with operations under way, which may outlive this
  std::shared_ptr<FaultPlan> plan_;
  std::optional<base::Result<std::size_t>> read_end_;
  std::optional<base::Error> write_error_;
};

}  // namespace

std::unique_ptr<Stream> make_fault_stream(const base::Executor& executor, std::unique_ptr<Stream> inner,
                                          std::shared_ptr<FaultPlan> plan) {
  return std::make_unique<FaultStream>(executor, std::move(inner), std::move(plan));
}

}  // namespace libp2p::testing
