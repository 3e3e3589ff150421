#include "libp2p/protocols/relay/carry.h"

#include "base/signal.h"
#include "libp2p/core/scoped_deadline.h"
#include "libp2p/core/turn.h"

#include <algorithm>
#include <optional>

namespace libp2p::relay {

namespace {

/// Before others of the thread have their turn.
constexpr std::size_t kTurnBytes = 256 * 1024;
constexpr std::size_t kTurnReads = 64;

/// Shared by its two directions.
struct Circuit {
  Circuit(const base::Executor& executor, std::unique_ptr<Stream> a, std::unique_ptr<Stream> b)
      : one(std::move(a)), other(std::move(b)), ended(executor) {}

  void reset() const {
    one->reset();
    other->reset();
  }

  std::unique_ptr<Stream> one, other;
  base::Signal ended;
  int running = 2;
  std::uint64_t bytes = 0;
};

/// True if `from` has come to its end.
base::Task<bool> copy(std::shared_ptr<Circuit> circuit, Stream& from, Stream& to, std::uint64_t bytes_max) {
  Turn turn(kTurnBytes, kTurnReads);
  std::uint64_t left = bytes_max == 0 ? UINT64_MAX : bytes_max;
  for (;;) {
    // No buffer is held while nothing comes.
    co_await from.wait_readable();
    base::Bytes buffer(kCarryBytes);
    auto count = co_await from.read_some(buffer);
    if (!count) co_return false;
    if (*count == 0) break;
    if (*count > left) co_return false;
    left -= *count;
    circuit->bytes += *count;
    auto written = co_await to.write(base::ConstBytes(buffer.data(), *count));
    if (!written) co_return false;
    turn.count_bytes(*count);
    turn.count_items(1);
    if (turn.is_over()) co_await turn.let_others_run();
  }
  auto closed = co_await to.close_write();
  co_return closed.has_value();
}

base::Task<> run(std::shared_ptr<Circuit> circuit, bool forward, std::uint64_t bytes_max) {
  Stream& from = forward ? *circuit->one : *circuit->other;
  Stream& to = forward ? *circuit->other : *circuit->one;
  const bool is_whole = co_await copy(circuit, from, to, bytes_max);
  if (!is_whole) circuit->reset();
  --circuit->running;
  circuit->ended.notify_all();
}

}  // namespace

base::Task<Carried> carry(base::Executor executor, base::Clock& clock, std::unique_ptr<Stream> one,
                          std::unique_ptr<Stream> other, Limit limit, std::stop_token stop) {
  auto circuit = std::make_shared<Circuit>(executor, std::move(one), std::move(other));
  const std::stop_callback on_stop(stop, [circuit] { circuit->reset(); });
  std::optional<ScopedDeadline> time_limit;
  if (limit.duration_s != 0) {
    const base::TimePoint end = clock.now() + std::chrono::seconds(limit.duration_s);
    time_limit.emplace(clock, end, [circuit] { circuit->reset(); });
  }
  base::spawn(executor, run(circuit, true, limit.data_bytes));
  base::spawn(executor, run(circuit, false, limit.data_bytes));
  while (circuit->running > 0) co_await circuit->ended.wait();
  co_return Carried{circuit->bytes};
}

}  // namespace libp2p::relay
