// Blocks that came in place in part. The owner's offered and its stored copy of one key may be two computations, whose
// roundings differ; no layers of both may make up one block. So the layers that came in place are fetched as well and
// compared with what the engine has, and the others only after them, under the stored copy's root. What the engine may
// have seen already is never written again.
#include "cache/transfer_fetch.h"
#include "cache/worker_pool.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstring>

namespace kvp2p {

void TransferOperation::reopen(const PeerAnswer& answer, const DirectCopy& copy) {
  const std::uint32_t layers = plan_.format.shard.layers();
  std::vector<std::uint8_t> missing(layers * blocks(), 0);
  std::vector<std::uint32_t> missing_of_block(blocks(), 0);
  for (const DirectCopy::Missing& one : copy.missing()) {
    missing[one.layer * blocks() + one.block] = 1;
    ++missing_of_block[one.block];
  }
  for (std::size_t block = copy.first(); block < copy.first() + copy.blocks(); ++block) {
    if (missing_of_block[block] == 0) continue;
    not_in_place_[block] = 1;
    const bool untouched = missing_of_block[block] == layers;
    if (untouched) inbox_->forget_version(block);
    // With no root there is no stored copy: the rest comes out of the same offer, or not at all.
    const bool compares = !untouched && answer.root_of_block(plan_.first_block + block).has_value();
    if (compares && in_place_.empty()) {
      inbox_->only_check();
      in_place_.assign(layers * blocks(), 0);
      to_compare_.assign(blocks(), 0);
    }
    for (std::uint32_t layer = 0; layer < layers; ++layer) {
      const bool is_missing = missing[layer * blocks() + block] != 0;
      if (is_missing != compares) want(layer, block);
      if (!compares || is_missing) continue;
      in_place_[layer * blocks() + block] = 1;
      ++to_compare_[block];
    }
  }
}

void TransferOperation::compare(const std::shared_ptr<Delivery>& delivery, std::size_t first_index, std::size_t count) {
  const std::size_t first = delivery->block_of(first_index);
  // As for a write: whoever cancels waits it out before the memory is used again.
  const std::size_t readable = state_->begin_write(first, count);
  if (readable == 0) return;
  const std::size_t slice_bytes = plan_.format.layer_slice_bytes();
  auto placed = std::make_shared<std::vector<std::uint8_t>>(readable * slice_bytes);
  std::vector<SliceCopy> copies;
  copies.reserve(readable);
  for (std::size_t i = 0; i < readable; ++i) {
    copies.push_back({plan_.slots[first + i], delivery->layer_of(first_index), placed->data() + i * slice_bytes});
  }
  auto done = [self = shared_from_this(), executor = context_.executor, delivery, first_index, readable,
               placed](base::Result<> outcome) mutable {
    self->state_->end_write({}, delivery->block_of(first_index), std::vector<std::uint8_t>(readable, 0));
    if (!outcome) placed->clear();
    boost::asio::post(executor, [self = std::move(self), delivery = std::move(delivery), first_index, readable,
                                 placed = std::move(placed)]() mutable {
      self->on_read_back(delivery, first_index, readable, std::move(placed));
    });
  };
  context_.connector->gather(plan_.region, std::move(copies), ReadyEvent(), std::move(done));
}

void TransferOperation::on_read_back(const std::shared_ptr<Delivery>& delivery, std::size_t first_index,
                                     std::size_t count, std::shared_ptr<std::vector<std::uint8_t>> placed) {
  if (ended_ || state_->ended()) return;
  if (placed->empty()) {
    fail_from(delivery->block_of(first_index), "copy from the engine's memory failed");
    return;
  }
  context_.workers->post([self = shared_from_this(), executor = context_.executor, delivery, first_index, count, placed,
                          slice_bytes = plan_.format.layer_slice_bytes()]() mutable {
    std::vector<std::uint8_t> equal(count, 0);
    for (std::size_t i = 0; i < count; ++i) {
      equal[i] = std::memcmp(delivery->slices[first_index + i], placed->data() + i * slice_bytes, slice_bytes) == 0;
    }
    boost::asio::post(executor, [self = std::move(self), delivery = std::move(delivery), first_index,
                                 equal = std::move(equal)] { self->on_compared(*delivery, first_index, equal); });
  });
}

void TransferOperation::on_compared(const Delivery& delivery, std::size_t first_index,
                                    const std::vector<std::uint8_t>& equal) {
  if (ended_ || state_->ended()) return;
  const std::size_t first = delivery.block_of(first_index);
  const std::size_t differs = static_cast<std::size_t>(std::find(equal.begin(), equal.end(), 0) - equal.begin());
  if (differs < equal.size()) {
    fail_from(first + differs, name_of_source(delivery) + " took back a block of which it has another computation");
  }
  for (std::size_t block = first; block < first + differs; ++block) {
    if (--to_compare_[block] == 0) reopen_rest(block);
  }
  pump_peers();
}

void TransferOperation::reopen_rest(std::size_t block) {
  for (std::uint32_t layer = 0; layer < plan_.format.shard.layers(); ++layer) {
    if (!in_place(layer, block)) want(layer, block);
  }
}

}  // namespace kvp2p
