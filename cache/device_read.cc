#include "cache/device_read.h"

#include "base/signal.h"
#include "cache/error.h"
#include "exchange/exchange_error.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <atomic>
#include <map>

namespace kvp2p {

namespace {

/// One outcome that a callback on another thread brings to a coroutine of the node thread.
struct Arrival {
  explicit Arrival(const base::Executor& executor) : signal(executor) {}
  base::Signal signal;
  bool arrived = false;
  base::Result<> outcome;
};

void arrive(const base::Executor& executor, const std::shared_ptr<Arrival>& arrival, base::Result<> outcome) {
  boost::asio::post(executor, [arrival, outcome] {
    arrival->outcome = outcome;
    arrival->arrived = true;
    arrival->signal.notify_all();
  });
}

base::Task<base::Result<>> wait_for(std::shared_ptr<Arrival> arrival) {
  while (!arrival->arrived) co_await arrival->signal.wait();
  co_return arrival->outcome;
}

/// Counts readers out when a read ends, however it ends.
class Readers {
 public:
  bool add(const std::shared_ptr<Offer>& offer) {
    if (!offer->begin_read()) return false;
    offers_.push_back(offer);
    return true;
  }
  bool end() {
    bool good = true;
    for (auto& offer : offers_) good = offer->end_read() && good;
    offers_.clear();
    return good;
  }
  ~Readers() { end(); }

 private:
  std::vector<std::shared_ptr<Offer>> offers_;
};

/// A read under way: kept by the coroutine, by the copies and by the worker, whichever is the last.
struct DeviceSlices {
  std::vector<StagingLease> staging;
  /// Where each block's whole layer slice lies, layer after layer, and the part of it that was asked for.
  std::vector<std::uint8_t*> slices;
  std::vector<base::ConstBytes> parts;
  std::size_t head_slice_bytes = 0;
  std::uint32_t heads = 0;
  std::vector<ContentDigest> leaves;

  std::atomic<std::size_t> gathers_left{0};
  std::atomic<bool> failed{false};
  base::TimePoint digest_start{};
};

void compute_all_leaves(DeviceSlices& held) {
  held.digest_start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < held.parts.size(); ++i) {
    compute_leaves(held.parts[i], held.head_slice_bytes, std::span(held.leaves).subspan(i * held.heads, held.heads));
  }
}

/// All of it or nothing: whoever held some and waited for more could wait for ever. Whole slots, and part of a last
/// one.
std::vector<StagingLease> try_lease_all(StagingPool& pool, std::size_t slots, std::size_t last_bytes) {
  std::vector<StagingLease> leases;
  while (leases.size() < slots) {
    auto lease = leases.size() + 1 < slots ? pool.try_lease() : pool.try_lease_part(last_bytes);
    if (!lease) return {};
    leases.push_back(std::move(*lease));
  }
  return leases;
}

base::Task<base::Result<std::vector<StagingLease>>> lease_staging(DeviceReadParts parts, std::size_t slots,
                                                                  std::size_t last_bytes) {
  if (slots > parts.staging->slots()) co_return ExchangeError::kSliceTooLarge;
  const base::TimePoint deadline = parts.clock->now() + kStagingWaitMax;
  for (;;) {
    std::vector<StagingLease> leases = try_lease_all(*parts.staging, slots, last_bytes);
    if (!leases.empty()) co_return leases;
    if (*parts.stopped) co_return ExchangeError::kClosing;
    if (parts.clock->now() >= deadline) co_return ExchangeError::kBusy;
    auto freed = std::make_shared<Arrival>(parts.executor);
    const base::Executor executor = parts.executor;
    // Looks again from time to time even if nothing is freed, to see the deadline or that the node stops.
    auto timer = parts.clock->call_at(parts.clock->now() + std::chrono::milliseconds(20),
                                      [executor, freed] { arrive(executor, freed, {}); });
    if (parts.staging->free_slots() < slots) {
      parts.staging->when_free([executor, freed] { arrive(executor, freed, {}); });
    }
    co_await wait_for(freed);
  }
}

using Copies = std::map<RegionId, std::vector<SliceCopy>>;  // nearly always of one region

/// On a worker; false if a region cannot be read so.
bool gather_now(GpuConnector& connector, const Copies& copies) {
  return std::all_of(copies.begin(), copies.end(),
                     [&](const auto& one) { return connector.gather_now(one.first, one.second); });
}

/// One gather a region; whichever ends last gives the digests to a worker, without a way round by the node thread,
/// which may be busy sending.
void queue_gathers(const DeviceReadParts& parts, Copies copies, const std::shared_ptr<DeviceSlices>& held,
                   const std::shared_ptr<Arrival>& arrival) {
  held->gathers_left = copies.size();
  for (auto& [region, slices] : copies) {
    // `held` goes with the copy: the coroutine may be gone when it ends.
    auto done = [executor = parts.executor, workers = parts.workers, arrival, held](base::Result<> outcome) {
      if (!outcome) held->failed = true;
      if (held->gathers_left.fetch_sub(1) > 1) return;
      if (held->failed) return arrive(executor, arrival, ExchangeError::kBlockGone);
      workers->post([executor, arrival, held] {
        compute_all_leaves(*held);
        arrive(executor, arrival, {});
      });
    };
    parts.connector->gather(region, std::move(slices), ReadyEvent(), std::move(done));
  }
}

base::Task<base::Result<>> gather_and_digest(DeviceReadParts parts, const std::vector<OfferedBlock>& blocks,
                                             std::uint32_t first_layer, std::shared_ptr<DeviceSlices> held) {
  Copies copies;
  for (std::size_t i = 0; i < held->slices.size(); ++i) {
    const OfferedBlock& block = blocks[i % blocks.size()];
    const auto layer = static_cast<std::uint32_t>(first_layer + i / blocks.size());
    SliceCopy copy;
    copy.slot = block.offer->request().slots[block.index];
    copy.layer = layer - block.offer->format().shard.layer_begin;
    copy.host = held->slices[i];
    copies[block.offer->request().region].push_back(copy);
  }
  auto arrival = std::make_shared<Arrival>(parts.executor);
  if (parts.connector->is_device()) {
    queue_gathers(parts, std::move(copies), held, arrival);
  } else {
    // Digested while it is in the cache of the core that copied it.
    parts.workers->post([parts, arrival, held, copies = std::move(copies)]() mutable {
      if (!gather_now(*parts.connector, copies)) return queue_gathers(parts, std::move(copies), held, arrival);
      compute_all_leaves(*held);
      arrive(parts.executor, arrival, {});
    });
  }
  co_return co_await wait_for(arrival);
}

}  // namespace

base::Task<base::Result<SliceRead>> read_offered(DeviceReadParts parts, std::vector<OfferedBlock> blocks,
                                                 ShardRange part) {
  Readers readers;
  std::size_t slice_bytes = 0;
  for (const OfferedBlock& block : blocks) {
    const ObjectFormat& format = block.offer->format();
    if (!format.shard.covers(part)) co_return ExchangeError::kShardNotHeld;
    slice_bytes = std::max(slice_bytes, format.layer_slice_bytes());
    if (!readers.add(block.offer)) co_return ExchangeError::kBlockGone;
  }
  const std::size_t per_slot = parts.staging->slot_bytes() / slice_bytes;
  if (per_slot == 0) co_return ExchangeError::kSliceTooLarge;

  auto held = std::make_shared<DeviceSlices>();
  const std::size_t slices = part.layers() * blocks.size();
  const std::size_t slots = (slices + per_slot - 1) / per_slot;
  auto leased = co_await lease_staging(parts, slots, (slices - (slots - 1) * per_slot) * slice_bytes);
  if (!leased) co_return leased.error();
  held->staging = std::move(*leased);

  held->heads = part.heads();
  held->leaves.resize(slices * held->heads);
  for (std::size_t i = 0; i < slices; ++i) {
    const ObjectFormat& format = blocks[i % blocks.size()].offer->format();
    held->head_slice_bytes = format.head_slice_bytes();
    std::uint8_t* const slice = held->staging[i / per_slot].bytes().data() + i % per_slot * slice_bytes;
    held->slices.push_back(slice);
    held->parts.emplace_back(slice + (part.head_begin - format.shard.head_begin) * held->head_slice_bytes,
                             held->heads * held->head_slice_bytes);
  }
  const base::TimePoint gather_start = std::chrono::steady_clock::now();
  auto outcome = co_await gather_and_digest(parts, blocks, part.layer_begin, held);
  if (!outcome) co_return ExchangeError::kBlockGone;
  if (parts.counters != nullptr && !*parts.stopped) {
    const auto nanoseconds = [](base::Duration time) { return static_cast<std::uint64_t>(time.count()); };
    parts.counters->serve_gather_ns += nanoseconds(held->digest_start - gather_start);
    parts.counters->serve_digest_ns += nanoseconds(std::chrono::steady_clock::now() - held->digest_start);
  }

  if (!readers.end()) co_return ExchangeError::kBlockGone;
  SliceRead read;
  read.parts = held->parts;
  read.leaves = held->leaves;
  read.owner = held;
  co_return read;
}

}  // namespace kvp2p
