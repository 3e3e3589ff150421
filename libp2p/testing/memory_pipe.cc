#include "libp2p/testing/memory_pipe.h"

#include "base/signal.h"
#include "libp2p/core/error.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <mutex>

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
  Queue bytes;
  bool closed = false;
  bool reset = false;
};

/// Wakes the coroutines of one end, on the executor where it lives.
struct Waker {
  explicit Waker(const base::Executor& on) : executor(on), changed(std::make_shared<base::Signal>(on)) {}
  base::Executor executor;
  std::shared_ptr<base::Signal> changed;
  bool is_gone = false;  ///< its end has been destroyed, and its executor may be
};

/// What both ends share. The ends may live on different threads once one has moved.
struct Pipe {
  explicit Pipe(const base::Executor& executor) : wakers{Waker(executor), Waker(executor)} {}

  std::mutex mutex;
  std::array<Direction, 2> directions;
  std::array<Waker, 2> wakers;
  bool has_moved = false;

  /// Both ends test their conditions again. With the mutex held.
  void notify() {
    for (const Waker& waker : wakers) {
      if (waker.is_gone) continue;
      if (has_moved) {
        boost::asio::post(waker.executor, [changed = waker.changed] { changed->notify_all(); });
      } else {
        waker.changed->notify_all();
      }
    }
  }
};

/// Reads from one direction and writes to the other.
class PipeEnd final : public Stream {
 public:
  PipeEnd(std::shared_ptr<Pipe> pipe, std::size_t in, MemoryPipeOptions options)
      : pipe_(std::move(pipe)), in_(in), changed_(pipe_->wakers[in].changed), options_(options) {}
  ~PipeEnd() override {
    bool is_closed = false;
    {
      const std::lock_guard lock(pipe_->mutex);
      is_closed = pipe_->directions[0].closed && pipe_->directions[1].closed;
    }
    if (!is_closed) reset();
    const std::lock_guard lock(pipe_->mutex);
    pipe_->wakers[in_].is_gone = true;
  }

  base::Task<base::Result<std::size_t>> read_some(base::MutableBytes into) override {
    auto pipe = pipe_;
    auto changed = changed_;
    Direction& in = pipe->directions[in_];
    const MemoryPipeOptions options = options_;
    std::unique_lock lock(pipe->mutex);
    while (in.bytes.empty() && !in.closed && !in.reset) {
      lock.unlock();
      co_await changed->wait();
      lock.lock();
    }
    if (in.reset) co_return Error::kReset;
    co_return take(*pipe, in, into, options);
  }

  std::size_t read_available(base::MutableBytes into) override {
    const std::lock_guard lock(pipe_->mutex);
    Direction& in = pipe_->directions[in_];
    if (!options_.offers_read_available || in.reset) return 0;
    return take(*pipe_, in, into, options_);
  }

  base::Task<> wait_readable() override {
    if (!options_.offers_wait_readable) co_return;
    auto pipe = pipe_;
    auto changed = changed_;
    const Direction& in = pipe->directions[in_];
    std::unique_lock lock(pipe->mutex);
    while (in.bytes.empty() && !in.closed && !in.reset) {
      lock.unlock();
      co_await changed->wait();
      lock.lock();
    }
  }

  base::Task<base::Result<>> write(base::ConstBytes bytes) override {
    auto pipe = pipe_;
    auto changed = changed_;
    Direction& out = pipe->directions[1 - in_];
    const std::size_t capacity = options_.capacity_bytes;
    std::unique_lock lock(pipe->mutex);
    while (!bytes.empty()) {
      while (out.bytes.size() >= capacity && !out.reset) {
        lock.unlock();
        co_await changed->wait();
        lock.lock();
      }
      if (out.reset) co_return Error::kReset;
      if (out.closed) co_return Error::kConnectionClosed;
      const std::size_t count = std::min(bytes.size(), capacity - out.bytes.size());
      out.bytes.push(bytes.first(count));
      bytes = bytes.subspan(count);
      pipe->notify();
    }
    co_return base::Result<>();
  }

  base::Task<base::Result<>> close_write() override {
    const std::lock_guard lock(pipe_->mutex);
    pipe_->directions[1 - in_].closed = true;
    pipe_->notify();
    co_return base::Result<>();
  }

  bool move_to(const base::Executor& executor) override {
    const std::lock_guard lock(pipe_->mutex);
    pipe_->wakers[in_] = Waker(executor);
    pipe_->has_moved = true;
    changed_ = pipe_->wakers[in_].changed;
    return true;
  }

  void reset() noexcept override {
    const std::lock_guard lock(pipe_->mutex);
    for (Direction& direction : pipe_->directions) direction.reset = true;
    pipe_->notify();
  }

 private:
  /// With the mutex held.
  static std::size_t take(Pipe& pipe, Direction& in, base::MutableBytes into, const MemoryPipeOptions& options) {
    const std::size_t count = std::min({into.size(), in.bytes.size(), options.read_bytes_max});
    in.bytes.pop(into.first(count));
    pipe.notify();
    return count;
  }

  std::shared_ptr<Pipe> pipe_;  // shared with operations under way, which may outlive this
  std::size_t in_;
  std::shared_ptr<base::Signal> changed_;  // of this end
  MemoryPipeOptions options_;
};

}  // namespace

std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> make_memory_pipe(const base::Executor& executor,
                                                                             MemoryPipeOptions options) {
  auto pipe = std::make_shared<Pipe>(executor);
  return {std::make_unique<PipeEnd>(pipe, 0, options), std::make_unique<PipeEnd>(pipe, 1, options)};
}

}  // namespace libp2p::testing
