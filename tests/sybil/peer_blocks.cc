#include "tests/sybil/peer_blocks.h"

#include "exchange/exchange_error.h"

namespace kvp2p::sybil {

namespace {

/// Hostile peers claim to be the fastest.
constexpr std::uint64_t kClaimedBytesPerSecond = 1'000'000'000;

}  // namespace

const char* name_of(Character character) {
  constexpr std::array kNames = {"honest", "liars", "refusers", "junkers", "forgers", "flooders", "fabricators"};
  return kNames[static_cast<std::size_t>(character)];
}

multiformats::PrivateKey key_of(Character character, std::uint64_t number) {
  std::array<std::uint8_t, multiformats::kEd25519SeedBytes> seed{static_cast<std::uint8_t>(character)};
  base::store_le64(&seed[8], number);
  return multiformats::PrivateKey::from_ed25519_seed(seed);
}

PeerBlocks::PeerBlocks(const Wares& wares, Character character, std::atomic<std::uint64_t>& reads)
    : wares_(wares),
      character_(character),
      reads_(reads),
      junk_(wares.format.block_bytes(), 0x5a),
      junk_leaves_(wares.format.leaf_count()) {
  compute_leaves(junk_, wares_.format.head_slice_bytes(), junk_leaves_);
}

bool PeerBlocks::has(const BlockKey& key) const {
  if (character_ == Character::kLiar || character_ == Character::kFlooder) return false;
  return character_ != Character::kHonest || wares_.blocks.contains(key);
}

ContentDigest PeerBlocks::root_of_block(const BlockKey& key) const {
  const auto real = wares_.blocks.find(key);
  if (real != wares_.blocks.end() && character_ != Character::kFabricator) return root_of(real->second.leaves);
  ContentDigest root = root_of(junk_leaves_);
  // Of what nobody has: no bytes fit it.
  if (character_ != Character::kFabricator) root.bytes[0] ^= 1;
  return root;
}

LookupAnswer PeerBlocks::lookup(const multiformats::PeerId&, const LookupRequest& request) {
  LookupAnswer answer;
  bool any = false;
  for (const BlockKey& key : request.keys) {
    FoundBlock block;
    block.present = has(key);
    if (block.present) block.root = root_of_block(key);
    any = any || block.present;
    answer.blocks.push_back(block);
  }
  if (!any) return answer;
  answer.lease.epoch = 1;
  answer.lease.id = ++last_lease_;
  answer.lease_time = request.lease_time;
  answer.expected_bytes_per_second = character_ == Character::kHonest ? 0 : kClaimedBytesPerSecond;
  leases_[answer.lease.id] = request.keys;
  return answer;
}

base::Task<base::Result<SliceRead>> PeerBlocks::read(multiformats::PeerId, LeaseToken lease, std::uint32_t first,
                                                     std::uint32_t count, ShardRange part) {
  const auto leased = leases_.find(lease.id);
  if (leased == leases_.end()) co_return ExchangeError::kLeaseUnknown;
  if (first + count > leased->second.size()) co_return ExchangeError::kBadRequest;
  reads_ += count;
  if (character_ == Character::kRefuser) co_return ExchangeError::kBlockGone;
  SliceRead read;
  for (std::uint32_t layer = part.layer_begin; layer < part.layer_end; ++layer) {
    const std::size_t first_leaf = std::size_t{layer} * wares_.format.shard.heads() + part.head_begin;
    for (std::uint32_t i = first; i < first + count; ++i) append(read, leased->second[i], first_leaf, part.heads());
  }
  co_return read;
}

void PeerBlocks::append(SliceRead& read, const BlockKey& key, std::size_t first_leaf, std::size_t heads) const {
  const std::size_t head_bytes = wares_.format.head_slice_bytes();
  const auto real = wares_.blocks.find(key);
  const bool is_good = character_ == Character::kHonest && real != wares_.blocks.end();
  const base::ConstBytes bytes = is_good ? base::ConstBytes(real->second.bytes) : base::ConstBytes(junk_);
  read.parts.push_back(bytes.subspan(first_leaf * head_bytes, heads * head_bytes));
  const auto& leaves = is_good ? real->second.leaves : junk_leaves_;
  for (std::size_t i = first_leaf; i < first_leaf + heads; ++i) {
    read.leaves.push_back(leaves[i]);
    if (character_ == Character::kJunker) read.leaves.back().bytes[0] ^= 1;
  }
}

std::vector<LocalBlocks::Held> PeerBlocks::snapshot(std::size_t keys_max) {
  Held held{fingerprint_of(wares_.model), wares_.format, {}};
  for (const auto& prompt : wares_.prompts) {
    const std::size_t count = character_ == Character::kHonest ? wares_.honest_blocks : prompt.size();
    for (std::size_t i = 0; i < count && held.keys.size() < keys_max; ++i) held.keys.push_back(prompt[i]);
  }
  return {held};
}

}  // namespace kvp2p::sybil
