#include "tests/sim/pipe.h"

#include "libp2p/core/error.h"

#include <algorithm>

namespace kvp2p::sim {

namespace {

constexpr base::TimePoint kNever = base::TimePoint::max();
/// What has been read is not kept longer than this.
constexpr std::size_t kKeptBytes = 512;

class PipeStream final : public libp2p::Stream {
 public:
  PipeStream(std::shared_ptr<Pipe> pipe, std::size_t end) : pipe_(std::move(pipe)), end_(end) {}
  ~PipeStream() override {
    if (!pipe_->is_done(end_)) pipe_->reset(end_);
  }

  base::Task<base::Result<std::size_t>> read_some(base::MutableBytes into) override {
    const std::shared_ptr<Pipe> pipe = pipe_;
    const std::size_t end = end_;
    while (!pipe->can_read(end)) co_await pipe->changed(end).wait();
    if (pipe->is_broken(end)) co_return libp2p::Error::kReset;
    co_return pipe->read(end, into);
  }
  std::size_t read_available(base::MutableBytes into) override {
    return pipe_->is_broken(end_) ? 0 : pipe_->read(end_, into);
  }
  base::Task<> wait_readable() override {
    const std::shared_ptr<Pipe> pipe = pipe_;
    const std::size_t end = end_;
    while (!pipe->can_read(end)) co_await pipe->changed(end).wait();
  }
  base::Task<base::Result<>> write(base::ConstBytes bytes) override {
    const std::shared_ptr<Pipe> pipe = pipe_;
    const std::size_t end = end_;
    while (!bytes.empty()) {
      while (!pipe->has_room(end)) co_await pipe->changed(end).wait();
      if (pipe->is_broken(end)) co_return libp2p::Error::kReset;
      if (pipe->has_ended(end)) co_return libp2p::Error::kConnectionClosed;
      bytes = bytes.subspan(pipe->write(end, bytes));
    }
    co_return base::Result<>();
  }
  /// One message, as one system call makes it.
  base::Task<base::Result<>> write_gather(std::span<const base::ConstBytes> buffers) override {
    base::Bytes all;
    for (base::ConstBytes buffer : buffers) base::append(all, buffer);
    co_return co_await write(all);
  }
  base::Task<base::Result<>> close_write() override {
    if (pipe_->is_broken(end_)) co_return libp2p::Error::kReset;
    pipe_->close_write(end_);
    co_return base::Result<>();
  }
  void reset() noexcept override { pipe_->reset(end_); }

 private:
  std::shared_ptr<Pipe> pipe_;  // shared with the other end
  std::size_t end_;
};

}  // namespace

Pipe::Pipe(Network& network, NodeNumber from, NodeNumber to)
    : network_(network),
      nodes_{from, to},
      number_(network.add_pipe(*this)),
      changed_{base::Signal(network.world().executor()), base::Signal(network.world().executor())} {}

Pipe::~Pipe() { network_.remove_pipe(number_); }

bool Pipe::can_read(std::size_t end) const {
  const Direction& in = directions_[1 - end];
  return broken_[end] || in.ended || in.unread_begin < in.unread.size();
}

std::size_t Pipe::read(std::size_t end, base::MutableBytes into) {
  Direction& in = directions_[1 - end];
  const std::size_t count = std::min(into.size(), in.unread.size() - in.unread_begin);
  if (count == 0) return 0;
  std::copy_n(in.unread.begin() + static_cast<std::ptrdiff_t>(in.unread_begin), count, into.begin());
  in.unread_begin += count;
  if (in.unread_begin == in.unread.size()) {
    if (in.unread.capacity() > kKeptBytes) base::Bytes().swap(in.unread);
    in.unread.clear();
    in.unread_begin = 0;
  }
  const bool was_full = in.held >= kBufferBytes;
  in.held -= count;
  if (was_full) changed_[1 - end].notify_all();
  return count;
}

std::size_t Pipe::write(std::size_t end, base::ConstBytes bytes) {
  bytes = bytes.first(std::min(bytes.size(), kBufferBytes - directions_[end].held));
  send(end, Kind::kData, bytes);
  return bytes.size();
}

void Pipe::close_write(std::size_t end) {
  if (std::exchange(directions_[end].end_sent, true)) return;
  send(end, Kind::kEnd, {});
}

void Pipe::send(std::size_t end, Kind kind, base::ConstBytes bytes) {
  Direction& out = directions_[end];
  const auto arrives = network_.send(nodes_[end], nodes_[1 - end], bytes.size());
  out.last_arrival = std::max(out.last_arrival, arrives.value_or(kNever));
  out.held += bytes.size();
  out.under_way.push_back(Chunk{kind, false, base::to_bytes(bytes), network_.world().now(), out.last_arrival});
  arm(end);
}

void Pipe::arm(std::size_t end) {
  Direction& out = directions_[end];
  if (out.timer || out.under_way.empty() || out.under_way.front().arrives == kNever) return;
  out.timer = network_.world().clock().call_at(out.under_way.front().arrives, [this, end] { deliver(end); });
}

void Pipe::deliver(std::size_t end) {
  Direction& out = directions_[end];
  const base::TimePoint now = network_.world().now();
  out.timer.reset();
  while (!out.under_way.empty() && out.under_way.front().arrives <= now) {
    Chunk& chunk = out.under_way.front();
    if (!std::exchange(chunk.received, true)) {
      chunk.arrives = network_.receive(nodes_[1 - end], chunk.bytes.size());
      if (chunk.arrives > now) break;
    }
    const Chunk taken = std::move(chunk);
    out.under_way.pop_front();
    arrived(end, taken);
  }
  arm(end);
}

void Pipe::arrived(std::size_t end, const Chunk& chunk) {
  const std::size_t other = 1 - end;
  network_.world().trace().note('d', network_.world().now(), 2 * number_ + end, static_cast<std::uint64_t>(chunk.kind),
                                chunk.bytes);
  if (broken_[other]) return;
  if (chunk.kind == Kind::kReset) return breaks(other);
  if (chunk.kind == Kind::kEnd) directions_[end].ended = true;
  base::append(directions_[end].unread, chunk.bytes);
  changed_[other].notify_all();
}

void Pipe::breaks(std::size_t end) {
  broken_[end] = true;
  Direction& in = directions_[1 - end];
  base::Bytes().swap(in.unread);
  in.unread_begin = 0;
  for (base::Signal& changed : changed_) changed.notify_all();
}

void Pipe::reset(std::size_t end) {
  if (broken_[end]) return;
  breaks(end);
  // What it has sent still arrives; then the other end breaks, too.
  send(end, Kind::kReset, {});
}

void Pipe::break_both() {
  network_.world().trace().note('b', network_.world().now(), number_, 0);
  for (std::size_t end : {0, 1}) breaks(end);
}

void Pipe::reachable_again() {
  for (std::size_t end : {0, 1}) {
    Direction& out = directions_[end];
    if (out.last_arrival != kNever || !network_.can_reach(nodes_[end], nodes_[1 - end])) continue;
    out.last_arrival = base::TimePoint::min();
    for (Chunk& chunk : out.under_way) {
      if (chunk.arrives == kNever) {
        const auto arrives = network_.send(nodes_[end], nodes_[1 - end], chunk.bytes.size());
        chunk.arrives = std::max(*arrives, network_.send_again(nodes_[end], nodes_[1 - end], chunk.sent));
      }
      chunk.arrives = out.last_arrival = std::max(out.last_arrival, chunk.arrives);
    }
    arm(end);
  }
}

std::unique_ptr<libp2p::Stream> make_stream(std::shared_ptr<Pipe> pipe, std::size_t end) {
  return std::make_unique<PipeStream>(std::move(pipe), end);
}

}  // namespace kvp2p::sim
