// What a peer of a sybil test holds, or says that it does.
#pragma once

#include "exchange/local_blocks.h"
#include "multiformats/keys.h"
#include "tests/sybil/wares.h"

#include <atomic>

namespace kvp2p::sybil {

enum class Character {
  kHonest,      ///< holds what it announces
  kLiar,        ///< announces everything, and has nothing
  kRefuser,     ///< leases everything, and sends nothing
  kJunker,      ///< sends bytes that do not match their digests
  kForger,      ///< sends bytes with digests of their own, which do not make up the block's
  kFlooder,     ///< a liar that asks and announces as much as it can
  kFabricator,  ///< says of bytes of its own making that they are the block, root and all
};
const char* name_of(Character character);
/// The identity of one of them.
multiformats::PrivateKey key_of(Character character, std::uint64_t number);

/// One thread only. `wares` and `reads` outlive it.
class PeerBlocks final : public LocalBlocks {
 public:
  /// `reads` counts the blocks that are asked for.
  PeerBlocks(const Wares& wares, Character character, std::atomic<std::uint64_t>& reads);

  LookupAnswer lookup(const multiformats::PeerId& peer, const LookupRequest& request) override;
  base::Task<base::Result<SliceRead>> read(multiformats::PeerId peer, LeaseToken lease, std::uint32_t first,
                                           std::uint32_t count, ShardRange part) override;
  void release(const multiformats::PeerId&, const LeaseToken& lease) override { leases_.erase(lease.id); }
  void release_all(const multiformats::PeerId&) override { leases_.clear(); }
  std::vector<bool> wants(const multiformats::PeerId&, const LookupRequest& offered) override {
    return std::vector<bool>(offered.keys.size());
  }
  bool store(const multiformats::PeerId&, const Fingerprint&, const BlockKey&, const ObjectFormat&, base::ConstBytes,
             std::vector<ContentDigest>) override {
    return false;
  }
  std::vector<Held> snapshot(std::size_t keys_max) override;

 private:
  bool has(const BlockKey& key) const;
  ContentDigest root_of_block(const BlockKey& key) const;
  void append(SliceRead& read, const BlockKey& key, std::size_t first_leaf, std::size_t heads) const;

  const Wares& wares_;
  const Character character_;
  std::atomic<std::uint64_t>& reads_;
  base::Bytes junk_;
  std::vector<ContentDigest> junk_leaves_;
  std::map<std::uint64_t, std::vector<BlockKey>> leases_;
  std::uint64_t last_lease_ = 0;
};

}  // namespace kvp2p::sybil
