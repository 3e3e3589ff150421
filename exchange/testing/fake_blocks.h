// A LocalBlocks for tests: blocks with content that can be told from each other, leases, and failures on request.
#pragma once

#include "base/signal.h"
#include "exchange/local_blocks.h"

#include <map>
#include <set>

namespace kvp2p::testing {

/// Of 3 layers and 4 heads: 2 KiB a layer slice, 6 KiB a block.
ObjectFormat test_format();
ModelFields test_model(std::string weights = "aa");
BlockKey test_key(std::uint32_t number);
/// Content of a block, by its key; every byte depends on the key and on its place. Exponents repeat, as in real KV.
base::Bytes test_block(const BlockKey& key, const ObjectFormat& format);

class FakeBlocks final : public LocalBlocks {
 public:
  explicit FakeBlocks(const base::Executor& executor) : changed_(executor) {}

  void add(std::uint32_t number) { add(test_key(number), test_format()); }
  void add(const BlockKey& key, const ObjectFormat& format);
  void let_reads_go_on() {
    reads_wait = false;
    changed_.notify_all();
  }

  LookupAnswer lookup(const multiformats::PeerId& peer, const LookupRequest& request) override;
  base::Task<base::Result<SliceRead>> read(multiformats::PeerId peer, LeaseToken lease, std::uint32_t first,
                                           std::uint32_t count, ShardRange part) override;
  void release(const multiformats::PeerId& peer, const LeaseToken& lease) override;
  void release_all(const multiformats::PeerId& peer) override { given_up.push_back(peer); }
  std::vector<bool> wants(const multiformats::PeerId& peer, const LookupRequest& offered) override;
  bool store(const multiformats::PeerId& peer, const Fingerprint& fingerprint, const BlockKey& key,
             const ObjectFormat& format, base::ConstBytes bytes, std::vector<ContentDigest> leaves) override;
  std::vector<Held> snapshot(std::size_t keys_max) override;

  struct Block {
    ObjectFormat format;
    base::Bytes bytes;
    std::vector<ContentDigest> leaves;
  };
  ModelFields model = test_model();
  std::map<BlockKey, Block> blocks;
  std::map<std::uint64_t, LookupRequest> leases;
  /// Of blocks that are offered in place: in the device tier, there.
  std::map<BlockKey, DevicePlace> places;
  /// Asked for when reading, reported as gone.
  std::set<BlockKey> gone;
  /// Peers whose leases were all ended.
  std::vector<multiformats::PeerId> given_up;
  bool wants_puts = true;
  bool reads_wait = false;
  /// Each read lets others run first, as a read of a disk does.
  bool reads_yield = false;
  std::size_t calls = 0;  // of any kind by a peer
  std::size_t reads = 0;
  std::size_t reads_under_way_max = 0;

 private:
  std::uint64_t last_lease_ = 0;
  std::size_t reads_under_way_ = 0;
  base::Signal changed_;
};

}  // namespace kvp2p::testing
