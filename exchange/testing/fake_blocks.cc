#include "exchange/testing/fake_blocks.h"

#include "exchange/exchange_error.h"

#include <algorithm>

namespace kvp2p::testing {

ObjectFormat test_format() {
  ObjectFormat format;
  format.element = ElementType::kBf16;
  format.head_dim = 8;
  format.shard = {0, 3, 0, 4};
  return format;
}

ModelFields test_model(std::string weights) {
  return {{"architecture", "llama"}, {"weights_digest", std::move(weights)}};
}

BlockKey test_key(std::uint32_t number) {
  BlockKey key;
  base::store_le32(key.bytes.data(), number);
  base::store_le32(key.bytes.data() + 28, ~number);
  return key;
}

base::Bytes test_block(const BlockKey& key, const ObjectFormat& format) {
  base::Bytes bytes(format.block_bytes());
  std::uint32_t state = base::load_be32(key.bytes.data()) * 2654435761u + 1;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    state = state * 1664525u + 1013904223u;
    bytes[i] = static_cast<std::uint8_t>(state >> 24);
    if (i % 2 == 1) bytes[i] = static_cast<std::uint8_t>((bytes[i] & 0x83) | 0x3c);
  }
  return bytes;
}

void FakeBlocks::add(const BlockKey& key, const ObjectFormat& format) {
  Block block{format, test_block(key, format), std::vector<ContentDigest>(format.leaf_count())};
  compute_leaves(block.bytes, format.head_slice_bytes(), block.leaves);
  blocks[key] = std::move(block);
}

LookupAnswer FakeBlocks::lookup(const multiformats::PeerId&, const LookupRequest& request) {
  ++calls;
  LookupAnswer answer;
  answer.blocks.resize(request.keys.size());
  if (request.fingerprint != fingerprint_of(model)) {
    answer.reason = "model differs";
    for (const auto& field : differences(model, request.model_fields)) {
      answer.reason += ": " + field.name + " ours " + field.ours + ", theirs " + field.theirs;
    }
    return answer;
  }
  bool any = false;
  for (std::size_t i = 0; i < request.keys.size(); ++i) {
    auto at = blocks.find(request.keys[i]);
    if (at == blocks.end() || !at->second.format.shard.covers(request.format.shard)) continue;
    any = true;
    answer.blocks[i].present = true;
    if (auto place = places.find(request.keys[i]); place != places.end()) {
      answer.blocks[i].tier = Tier::kDevice;
      answer.blocks[i].place = place->second;
    }
    if (i % 2 == 0) answer.blocks[i].root = root_of(at->second.leaves);
  }
  if (any) {
    answer.lease.epoch = 1;
    answer.lease.id = ++last_lease_;
    answer.lease_time = request.lease_time;
    answer.expected_bytes_per_second = 1000;
    leases[answer.lease.id] = request;
  }
  return answer;
}

base::Task<base::Result<SliceRead>> FakeBlocks::read(multiformats::PeerId, LeaseToken lease, std::uint32_t first,
                                                     std::uint32_t count, ShardRange part) {
  ++calls;
  ++reads;
  reads_under_way_max = std::max(reads_under_way_max, ++reads_under_way_);
  while (reads_wait) co_await changed_.wait();
  if (reads_yield) co_await base::yield_now();
  --reads_under_way_;
  auto leased = leases.find(lease.id);
  if (leased == leases.end()) co_return ExchangeError::kLeaseUnknown;
  SliceRead read;
  for (std::uint32_t n = 0; n < part.layers() * count; ++n) {
    const std::uint32_t layer = part.layer_begin + n / count;
    const std::uint32_t i = first + n % count;
    if (i >= leased->second.keys.size()) co_return ExchangeError::kBadRequest;
    auto at = blocks.find(leased->second.keys[i]);
    if (at == blocks.end() || gone.contains(leased->second.keys[i])) co_return ExchangeError::kBlockGone;
    const Block& block = at->second;
    const std::size_t head = block.format.head_slice_bytes();
    const std::size_t skipped = std::size_t{layer} * block.format.shard.heads() + part.head_begin;
    read.parts.push_back(base::ConstBytes(block.bytes).subspan(skipped * head, part.heads() * head));
    read.leaves.insert(read.leaves.end(), block.leaves.begin() + static_cast<std::ptrdiff_t>(skipped),
                       block.leaves.begin() + static_cast<std::ptrdiff_t>(skipped + part.heads()));
  }
  co_return read;
}

void FakeBlocks::release(const multiformats::PeerId&, const LeaseToken& lease) {
  ++calls;
  leases.erase(lease.id);
}

std::vector<bool> FakeBlocks::wants(const multiformats::PeerId&, const LookupRequest& offered) {
  ++calls;
  std::vector<bool> wanted;
  for (const auto& key : offered.keys) wanted.push_back(wants_puts && !blocks.contains(key));
  return wanted;
}

bool FakeBlocks::store(const multiformats::PeerId&, const Fingerprint&, const BlockKey& key, const ObjectFormat& format,
                       base::ConstBytes bytes, std::vector<ContentDigest> leaves) {
  ++calls;
  blocks[key] = {format, base::to_bytes(bytes), std::move(leaves)};
  return true;
}

std::vector<LocalBlocks::Held> FakeBlocks::snapshot(std::size_t keys_max) {
  Held held{fingerprint_of(model), test_format(), {}};
  for (const auto& [key, block] : blocks) {
    if (held.keys.size() < keys_max) held.keys.push_back(key);
  }
  if (held.keys.empty()) return {};
  return {held};
}

}  // namespace kvp2p::testing
