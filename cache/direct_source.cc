#include "cache/direct_source.h"

#include "cache/model_registry.h"
#include "cache/transfer_operation.h"

namespace kvp2p {

namespace {

/// Why a region that is open cannot serve what is wanted; empty if it can. Layers may be part of it, for they are
/// copied one by one; heads may not, for a slot's are copied as a whole.
std::string why_unfit(const ObjectFormat& held, const ObjectFormat& wanted) {
  if (held.shard.head_begin != wanted.shard.head_begin || held.shard.head_end != wanted.shard.head_end) {
    return "head range differs";
  }
  return format_difference(held, wanted);
}

std::string why_no_place(const DirectPath& direct, const PeerAnswer& answer) {
  const multiformats::PeerId& peer = answer.lease->peer();
  // No region has the number 0: the answer is about the peer.
  if (!direct.client->has_session(peer)) return direct.client->why_not(peer, 0);
  const bool offered = std::any_of(answer.blocks.begin(), answer.blocks.end(),
                                   [](const FoundBlock& block) { return block.tier == Tier::kDevice; });
  if (std::string failed = direct.client->why_not_opened(peer); !failed.empty()) return failed;
  return offered ? "the peer's memory was not open here yet" : "the peer holds the blocks in host memory only";
}

}  // namespace

DirectRun find_direct_run(const DirectPath& direct, const TransferPlan& plan, const PeerAnswer& answer,
                          std::size_t first, std::size_t end) {
  const auto place_of = [&](std::size_t block) -> const std::optional<DevicePlace>& {
    return answer.blocks[plan.first_block + block - answer.holding.first].place;
  };
  DirectRun run;
  run.end = end;
  if (direct.client == nullptr) {
    run.why_not = "the direct path is off";
    return run;
  }
  const auto& begin = place_of(first);
  run.end = first + 1;
  if (!begin) {
    while (run.end < end && !place_of(run.end)) ++run.end;
    run.why_not = why_no_place(direct, answer);
    return run;
  }
  while (run.end < end && place_of(run.end) && place_of(run.end)->region == begin->region) ++run.end;
  auto region = direct.client->find(answer.lease->peer(), begin->region);
  if (!region) {
    run.why_not = direct.client->why_not(answer.lease->peer(), begin->region);
    if (run.why_not.empty()) run.why_not = "the peer's memory is not open here";
    return run;
  }
  run.why_not = why_unfit(region->layout().format, plan.format);
  for (std::size_t block = first; block < run.end && run.why_not.empty(); ++block) {
    if (place_of(block)->slot >= region->layout().slots()) run.why_not = "the peer named a slot that is not there";
  }
  if (run.why_not.empty()) run.region = std::move(region);
  return run;
}

DirectCopy::Plan plan_direct_copy(CacheContext& context, const TransferPlan& plan, std::shared_ptr<TransferState> state,
                                  const PeerAnswer& answer, std::shared_ptr<PeerRegion> region, std::size_t first,
                                  std::size_t end) {
  DirectCopy::Plan copy;
  copy.connector = context.connector;
  copy.to = plan.region;
  copy.state = std::move(state);
  copy.first = first;
  copy.from_slots.reserve(end - first);
  copy.to_slots.assign(plan.slots.begin() + static_cast<std::ptrdiff_t>(first),
                       plan.slots.begin() + static_cast<std::ptrdiff_t>(end));
  for (std::size_t block = first; block < end; ++block) {
    const DevicePlace& place = *answer.blocks[plan.first_block + block - answer.holding.first].place;
    copy.from_slots.push_back({place.slot, place.generation});
  }
  const std::uint32_t offset = plan.format.shard.layer_begin - region->layout().format.shard.layer_begin;
  copy.layers.reserve(plan.layer_order.size());
  for (const std::uint32_t layer : plan.layer_order) copy.layers.push_back({layer + offset, layer});
  copy.layer_slice_bytes = plan.format.engine_layer_slice_bytes();
  copy.ready = plan.ready.device;
  copy.step_bytes = context.direct.step_bytes;
  copy.from = std::move(region);
  return copy;
}

bool has_direct_blocks(const DirectPath& direct, const multiformats::PeerId& peer,
                       const std::vector<FoundBlock>& blocks) {
  if (direct.client == nullptr) return false;
  return std::any_of(blocks.begin(), blocks.end(), [&](const FoundBlock& block) {
    return block.place && direct.client->find(peer, block.place->region);
  });
}

}  // namespace kvp2p
