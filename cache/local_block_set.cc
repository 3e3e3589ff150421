#include "cache/local_block_set.h"

#include "cache/device_read.h"
#include "direct/direct_server.h"
#include "exchange/exchange_error.h"
#include "storage/block_arena.h"
#include "wire/limits.h"

#include <cstring>
#include <set>
#include <span>

namespace kvp2p {

namespace {

/// Leaves of `wanted`'s layers and heads, in wire order, out of those of a block in `held`.
std::vector<ContentDigest> leaves_of_part(const StoredBlock& block, const ShardRange& wanted) {
  const ShardRange& held = block.format.shard;
  std::vector<ContentDigest> leaves;
  for (std::uint32_t layer = wanted.layer_begin; layer < wanted.layer_end; ++layer) {
    const auto first =
        block.leaves.begin() + (layer - held.layer_begin) * held.heads() + (wanted.head_begin - held.head_begin);
    leaves.insert(leaves.end(), first, first + wanted.heads());
  }
  return leaves;
}

void append_part(const StoredBlock& block, const ShardRange& part, SliceRead& read) {
  const ObjectFormat& format = block.format;
  const std::uint8_t* first = block.bytes.get() +
                              (part.layer_begin - format.shard.layer_begin) * format.layer_slice_bytes() +
                              (part.head_begin - format.shard.head_begin) * format.head_slice_bytes();
  read.parts.emplace_back(first, part.heads() * format.head_slice_bytes());
  const auto leaves = leaves_of_part(block, part);
  read.leaves.insert(read.leaves.end(), leaves.begin(), leaves.end());
}

/// Stored and offered blocks may alternate: each takes its place in the run. `from_device` has the offered ones in
/// order.
SliceRead join_slices(std::span<const LeasedBlock> blocks, const ShardRange& part, const SliceRead& from_device) {
  SliceRead read;
  auto offered = from_device.parts.begin();
  auto leaves = from_device.leaves.begin();
  for (std::uint32_t layer = part.layer_begin; layer < part.layer_end; ++layer) {
    for (const LeasedBlock& block : blocks) {
      if (block.pin) {
        append_part(*block.pin, {layer, layer + 1, part.head_begin, part.head_end}, read);
        continue;
      }
      read.parts.push_back(*offered++);
      read.leaves.insert(read.leaves.end(), leaves, leaves + part.heads());
      leaves += part.heads();
    }
  }
  return read;
}

}  // namespace

LocalBlockSet::LocalBlockSet(Parts parts) : parts_(std::move(parts)), leases_(*parts_.clock) {
  MemoryStore::Observer observer;
  observer.stored = [this](const BlockKey& key, const ObjectFormat& format) { stored(key, format); };
  observer.evicted = [this](const BlockKey& key, const ObjectFormat& format) { evicted(key, format); };
  std::shared_ptr<BlockArena> arena;
  // Blocks that a GPU copies to and from are pinned; on the host nothing beats plain memory.
  if (GpuConnector* connector = parts_.connector; connector != nullptr && connector->is_device()) {
    arena = BlockArena::create(parts_.store_bytes_max,
                               [connector](std::size_t bytes) { return connector->allocate_host(bytes); });
  }
  store_ = MemoryStore::create(parts_.store_bytes_max, std::move(observer), std::move(arena));
}

void LocalBlockSet::commit(const Fingerprint& fingerprint, BlockReservation reservation, const BlockKey& key,
                           std::vector<ContentDigest> leaves) {
  committing_ = &fingerprint;
  store_->commit(std::move(reservation), key, std::move(leaves));
  committing_ = nullptr;
}

bool LocalBlockSet::is_served(const Known& known, const ObjectFormat& format) {
  return std::find(known.formats.begin(), known.formats.end(), format) != known.formats.end() ||
         std::any_of(known.offers.begin(), known.offers.end(),
                     [&](const auto& entry) { return entry.first->format() == format; });
}

void LocalBlockSet::stored(const BlockKey& key, const ObjectFormat& format) {
  if (committing_ == nullptr) return;
  Known& known = known_[key];
  known.fingerprint = *committing_;
  // A key with a foreign block stays foreign until that is evicted: find() could answer with it.
  known.foreign = committing_foreign_ || (known.foreign && !known.formats.empty());
  const bool told = is_served(known, format);
  known.formats.push_back(format);
  if (!known.foreign && !told && on_stored) on_stored(known.fingerprint, format, key);
}

void LocalBlockSet::evicted(const BlockKey& key, const ObjectFormat& format) {
  auto found = known_.find(key);
  if (found == known_.end()) return;
  auto& formats = found->second.formats;
  const auto gone = std::find(formats.begin(), formats.end(), format);
  if (gone != formats.end()) formats.erase(gone);
  forget_if_empty(key);
}

void LocalBlockSet::forget_if_empty(const BlockKey& key) {
  auto found = known_.find(key);
  if (found == known_.end() || !found->second.formats.empty() || !found->second.offers.empty()) return;
  const Known gone = std::move(found->second);
  known_.erase(found);
  if (!gone.foreign && on_evicted) on_evicted(gone.fingerprint, key);
}

void LocalBlockSet::add_offer(std::shared_ptr<Offer> offer) {
  const PutRequest& request = offer->request();
  for (std::uint32_t i = 0; i < request.keys.size(); ++i) {
    Known& known = known_[request.keys[i]];
    const bool told = !known.foreign && is_served(known, offer->format());
    known.fingerprint = request.fingerprint;
    known.offers.emplace_back(offer, i);
    if (on_stored && !told) on_stored(request.fingerprint, offer->format(), request.keys[i]);
  }
}

void LocalBlockSet::remove_offer(const Offer& offer) {
  for (const BlockKey& key : offer.request().keys) {
    auto found = known_.find(key);
    if (found == known_.end()) continue;
    std::erase_if(found->second.offers, [&](const auto& entry) { return entry.first.get() == &offer; });
    forget_if_empty(key);
  }
}

void LocalBlockSet::remove_offers_of(RegionId region) {
  std::set<std::shared_ptr<Offer>> offers;
  for (const auto& [key, known] : known_) {
    for (const auto& [offer, index] : known.offers) {
      if (offer->request().region == region) offers.insert(offer);
    }
  }
  for (const auto& offer : offers) {
    offer->revoke();
    remove_offer(*offer);
  }
}

void LocalBlockSet::stop() {
  *stopped_ = true;
  leases_.clear();
}

bool LocalBlockSet::reads_in_place(const multiformats::PeerId& peer, const Offer& offer) const {
  return parts_.direct != nullptr && parts_.direct->is_open_at(peer, offer.request().region);
}

LeasedBlock LocalBlockSet::lease_block(const multiformats::PeerId& peer, const BlockKey& key,
                                       const LookupRequest& request) {
  LeasedBlock block;
  auto found = known_.find(key);
  if (found == known_.end()) return block;
  const Known& known = found->second;
  if (known.fingerprint != request.fingerprint) return block;
  if (!known.foreign) block.pin = store_->find(key, request.format);
  for (const auto& [offer, index] : known.offers) {
    if (offer->revoked() || !format_difference(offer->format(), request.format).empty()) continue;
    // Who cannot read it in place is served the stored block.
    if (block.pin && !reads_in_place(peer, *offer)) continue;
    block.offer = offer;
    block.offer_index = index;
    break;
  }
  return block;
}

FoundBlock LocalBlockSet::describe(const multiformats::PeerId& peer, const LeasedBlock& block,
                                   const ObjectFormat& asked) const {
  FoundBlock found;
  if (block.pin) {
    found.present = true;
    found.tier = Tier::kHostMemory;
    found.root =
        block.pin->format.shard == asked.shard ? block.pin->root : root_of(leaves_of_part(*block.pin, asked.shard));
  }
  if (block.offer) {
    if (reads_in_place(peer, *block.offer)) found.place = block.offer->place(block.offer_index);
    if (found.place || !found.present) found.tier = Tier::kDevice;
    found.present = true;
  }
  return found;
}

LookupAnswer LocalBlockSet::lookup(const multiformats::PeerId& peer, const LookupRequest& request) {
  LookupAnswer answer;
  answer.blocks.resize(request.keys.size());
  if (!request.format.is_valid()) {
    answer.reason = "format is out of bounds";
    return answer;
  }
  auto lease = std::make_shared<Lease>();
  lease->peer = peer;
  lease->format = request.format;
  lease->blocks.resize(request.keys.size());
  bool any = false;
  // Last first, so that the store keeps the beginning of a prompt longest: without it the rest is of no use.
  for (std::size_t i = request.keys.size(); i-- > 0;) {
    lease->blocks[i] = lease_block(peer, request.keys[i], request);
    answer.blocks[i] = describe(peer, lease->blocks[i], request.format);
    any = any || answer.blocks[i].present;
  }
  if (!any) {
    answer.reason = why_nothing(request);
    return answer;
  }
  answer.lease_time = request.lease_time;
  auto token = leases_.grant(std::move(lease), answer.lease_time);
  if (!token) {
    answer.blocks.assign(request.keys.size(), FoundBlock{});
    answer.reason = "too many leases are held by this peer";
    return answer;
  }
  answer.lease = *token;
  return answer;
}

std::string LocalBlockSet::why_nothing(const LookupRequest& request) const {
  if (!parts_.models->knows(request.fingerprint)) return parts_.models->why_unknown(request.model_fields);
  for (const BlockKey& key : request.keys) {
    auto found = known_.find(key);
    if (found == known_.end() || found->second.foreign) continue;
    for (const ObjectFormat& held : found->second.formats) {
      std::string why = format_difference(held, request.format);
      if (!why.empty()) return why;
    }
    for (const auto& [offer, index] : found->second.offers) {
      std::string why = format_difference(offer->format(), request.format);
      if (!why.empty()) return why;
    }
  }
  return {};
}

base::Task<base::Result<SliceRead>> LocalBlockSet::read(multiformats::PeerId peer, LeaseToken token,
                                                        std::uint32_t first, std::uint32_t count, ShardRange part) {
  const std::shared_ptr<Lease> lease = leases_.find_to_read(peer, token);
  if (!lease) co_return ExchangeError::kLeaseUnknown;
  if (!part.is_valid() || !lease->format.shard.covers(part)) co_return ExchangeError::kShardNotHeld;
  if (count == 0 || first >= lease->blocks.size() || count > lease->blocks.size() - first) {
    co_return ExchangeError::kBadRequest;
  }
  const std::span<const LeasedBlock> blocks(lease->blocks.data() + first, count);
  std::vector<OfferedBlock> offered;
  for (const LeasedBlock& block : blocks) {
    if (!block.pin && !block.offer) co_return ExchangeError::kBlockGone;
    if (!block.pin) offered.push_back({block.offer, block.offer_index});
  }
  SliceRead from_device;
  if (!offered.empty()) {
    DeviceReadParts parts{parts_.executor, parts_.clock,    parts_.connector, parts_.staging,
                          parts_.workers,  parts_.counters, stopped_};
    auto read = co_await read_offered(std::move(parts), std::move(offered), part);
    if (!read) co_return read.error();
    from_device = std::move(*read);
  }
  SliceRead read = join_slices(blocks, part, from_device);
  read.owner = std::make_shared<std::pair<std::shared_ptr<Lease>, std::shared_ptr<void>>>(lease, from_device.owner);
  co_return read;
}

void LocalBlockSet::release(const multiformats::PeerId& peer, const LeaseToken& lease) { leases_.release(peer, lease); }

bool LocalBlockSet::has_free_room(const ObjectFormat& format) const {
  const MemoryStoreStats stats = store_->stats();
  return format.block_bytes() <= stats.bytes_max - std::min(stats.bytes, stats.bytes_max);
}

std::vector<bool> LocalBlockSet::wants(const multiformats::PeerId&, const LookupRequest& offered) {
  std::vector<bool> wanted(offered.keys.size(), false);
  if (!offered.format.is_valid() || !parts_.models->knows(offered.fingerprint)) return wanted;
  const MemoryStoreStats stats = store_->stats();
  std::size_t room = stats.bytes_max - std::min(stats.bytes, stats.bytes_max);
  // A peer fills only what is free: nobody else's blocks are evicted for it.
  for (std::size_t i = 0; i < wanted.size() && room >= offered.format.block_bytes(); ++i) {
    if (store_->contains(offered.keys[i], offered.format)) continue;
    wanted[i] = true;
    room -= offered.format.block_bytes();
  }
  return wanted;
}

bool LocalBlockSet::store(const multiformats::PeerId&, const Fingerprint& fingerprint, const BlockKey& key,
                          const ObjectFormat& format, base::ConstBytes bytes, std::vector<ContentDigest> leaves) {
  if (!format.is_valid() || bytes.size() != format.block_bytes() || leaves.size() != format.leaf_count()) return false;
  if (!parts_.models->knows(fingerprint) || store_->contains(key, format) || !has_free_room(format)) return false;
  auto known = known_.find(key);
  // Our own blocks and a peer's do not share a key: what is served is ours alone.
  if (known != known_.end() && !known->second.foreign) return false;
  auto reservation = store_->reserve(format);
  if (!reservation) return false;
  std::memcpy(reservation->bytes(), bytes.data(), bytes.size());
  committing_foreign_ = true;
  commit(fingerprint, std::move(*reservation), key, std::move(leaves));
  committing_foreign_ = false;
  return true;
}

std::vector<LocalBlocks::Held> LocalBlockSet::snapshot(std::size_t keys_max) {
  std::vector<Held> held;
  const auto add = [&](const Fingerprint& fingerprint, const ObjectFormat& format, const BlockKey& key) {
    for (Held& group : held) {
      if (group.fingerprint == fingerprint && group.format == format) {
        group.keys.push_back(key);
        return;
      }
    }
    held.push_back({fingerprint, format, {key}});
  };
  std::size_t keys = 0;
  for (const auto& [key, format] : store_->snapshot(keys_max)) {
    auto known = known_.find(key);
    if (known == known_.end() || known->second.foreign) continue;
    add(known->second.fingerprint, format, key);
    ++keys;
  }
  for (const auto& [key, known] : known_) {
    if (known.offers.empty() || !known.formats.empty()) continue;
    if (keys++ >= keys_max) break;
    add(known.fingerprint, known.offers.front().first->format(), key);
  }
  return held;
}

}  // namespace kvp2p
