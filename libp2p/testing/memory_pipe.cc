#include "libp2p/testing/memory_pipe.h"

#include "base/signal.h"
#include "libp2p/core/error.h"

#include <algorithm>

namespace libp2p::testing {

namespace {

/// Bytes that wait to be read, in order.
class Queue {
 public:
  std::size_t size() const { return bytes_.size() - begin_; }
  bool empty() const { return size() == 0; }
  void push(base::ConstBytes more) { base::append(bytes_, more); }
  void pop(base::MutableBytes into) {
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(begin_), into.size(), into.begin());
    begin_ += into.size();
    if (begin_ < bytes_.size() / 2) return;  // moving the rest costs a constant time a byte
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }

 private:
  base::Bytes bytes_;
  std::size_t begin_ = 0;
};

struct Direction {
  explicit Direction(const base::Executor& executor) : changed(executor) {}
  base::Signal changed;
  Queue bytes;
  bool closed = false;
  bool reset = false;
};

class PipeEnd final : public Stream {
 public:
  PipeEnd(std::shared_ptr<Direction> in, std::shared_ptr<Direction> out, MemoryPipeOptions options)
      : in_(std::move(in)), out_(std::move(out)), options_(options) {}
  ~PipeEnd() override {
    if (!out_->closed || !in_->closed) reset();
  }

  base::Task<base::Result<std::size_t>> read_some(base::MutableBytes into) override {
    auto in = in_;
    while (in->bytes.empty() && !in->closed && !in->reset) co_await in->changed.wait();
    if (in->reset) co_return Error::kReset;
    co_return take(*in, into);
  }

  std::size_t read_available(base::MutableBytes into) override {
    if (!options_.offers_read_available || in_->reset) return 0;
    return take(*in_, into);
  }

  base::Task<> wait_readable() override {
    auto in = in_;
    if (!options_.offers_wait_readable) co_return;
    while (in->bytes.empty() && !in->closed && !in->reset) co_await in->changed.wait();
  }

  base::Task<base::Result<>> write(base::ConstBytes bytes) override {
    auto out = out_;
    while (!bytes.empty()) {
      while (out->bytes.size() >= options_.capacity_bytes && !out->reset) co_await out->changed.wait();
      if (out->reset) co_return Error::kReset;
      if (out->closed) co_return Error::kConnectionClosed;
      const std::size_t count = std::min(bytes.size(), options_.capacity_bytes - out->bytes.size());
      out->bytes.push(bytes.first(count));
      bytes = bytes.subspan(count);
      out->changed.notify_all();
    }
    co_return base::Result<>();
  }

  base::Task<base::Result<>> close_write() override {
    out_->closed = true;
    out_->changed.notify_all();
    co_return base::Result<>();
  }

  void reset() noexcept override {
    for (auto& direction : {in_, out_}) {
      direction->reset = true;
      direction->changed.notify_all();
    }
  }

 private:
  std::size_t take(Direction& in, base::MutableBytes into) const {
    const std::size_t count = std::min({into.size(), in.bytes.size(), options_.read_bytes_max});
    in.bytes.pop(into.first(count));
    in.changed.notify_all();
    return count;
  }

  std::shared_ptr<Direction> in_;
  std::shared_ptr<Direction> out_;
  MemoryPipeOptions options_;
};

}  // namespace

std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> make_memory_pipe(const base::Executor& executor,
                                                                             MemoryPipeOptions options) {
  auto left = std::make_shared<Direction>(executor);
  auto right = std::make_shared<Direction>(executor);
  return {std::make_unique<PipeEnd>(left, right, options), std::make_unique<PipeEnd>(right, left, options)};
}

}  // namespace libp2p::testing
