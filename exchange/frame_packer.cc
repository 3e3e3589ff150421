#include "exchange/frame_packer.h"

#include "codec/byte_planes.h"

#include <boost/asio/post.hpp>

#include <numeric>

namespace kvp2p {

namespace {

/// What the other thread works on, and where the coroutine waits for it.
struct Packing {
  explicit Packing(const base::Executor& node) : done_changed(node) {}
  std::vector<base::ConstBytes> raw;
  std::shared_ptr<void> owner;  // of raw
  std::size_t element_bytes = 1;
  PackedFrame packed;
  // Of the node thread.
  bool done = false;
  base::Signal done_changed;
};

/// A code's bytes are of one kind; only the engine's own elements have an exponent to be set apart.
std::size_t packed_as(const ObjectFormat& format) {
  return format.codec == Codec::kNone ? element_bytes(format.element) : 1;
}

PlaneScratch& scratch_of_this_thread() {
  thread_local PlaneScratch scratch;
  return scratch;
}

}  // namespace

base::Task<PackedFrame> pack_frame(std::shared_ptr<NodeContext> context, const SliceRead& read, ObjectFormat format) {
  const PackConfig& config = context->config.pack;
  const std::size_t bytes = std::accumulate(read.parts.begin(), read.parts.end(), std::size_t{0},
                                            [](std::size_t sum, base::ConstBytes part) { return sum + part.size(); });
  if (!config.packs() || bytes < 2 || bytes > config.room->slot_bytes()) co_return PackedFrame();
  if (config.room->free_slots() * 2 <= config.room->slots()) co_return PackedFrame();
  auto room = config.room->try_lease_part(bytes - 1);
  if (!room) co_return PackedFrame();
  auto packing = std::make_shared<Packing>(context->executor);
  packing->raw = read.parts;
  packing->owner = read.owner;
  packing->element_bytes = packed_as(format);
  packing->packed.staging = std::move(*room);
  config.run_aside([executor = context->executor, packing, bytes]() mutable {
    PackedFrame& packed = packing->packed;
    packed.bytes = pack_planes(packing->raw, packing->element_bytes, Compressor::kZstd,
                               packed.staging.bytes().first(bytes - 1), scratch_of_this_thread());
    // The node thread has the last word: what is read goes there.
    boost::asio::post(executor, [packing = std::move(packing)] {
      packing->done = true;
      packing->done_changed.notify_all();
    });
  });
  while (!packing->done) co_await packing->done_changed.wait();
  if (packing->packed.bytes == 0) co_return PackedFrame();
  co_return std::move(packing->packed);
}

bool unpack_frame(base::MutableBytes payload, std::size_t packed_bytes, const ObjectFormat& format) {
  return unpack_planes(payload, packed_bytes, packed_as(format), scratch_of_this_thread());
}

}  // namespace kvp2p
