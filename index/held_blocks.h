// The blocks of one holder: a set of key prefixes that remembers in which order it heard of them.
#pragma once

#include "index/page_pool.h"
#include "kv/key_prefix.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace kvp2p {

/// Where prefixes lie in tables. Prefixes come from peers: without a secret, chosen ones could share one place.
class PrefixHash {
 public:
  /// A random secret.
  PrefixHash();
  std::uint64_t operator()(KeyPrefix prefix) const {
    const auto product = static_cast<unsigned __int128>(prefix ^ secret_[0]) * secret_[1];
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }

 private:
  std::array<std::uint64_t, 2> secret_{};
};

/// Extendible hashing: tables of at most 1,024 slots that split in two when they fill, so that no insertion moves more
/// than one table's worth. Slots name entries, which are linked from the oldest to the newest. About 31 bytes a block;
/// a few hundred bytes while there are few. Not thread-safe.
class HeldBlocks {
 public:
  /// Entries have numbers of 24 bits.
  static constexpr std::size_t kBlocksMax = (1u << 24) - 1;
  /// Finest division of the key space for sums().
  static constexpr unsigned kSumBitsMax = 12;

  /// Both outlive it.
  HeldBlocks(PagePool& pool, const PrefixHash& hash);
  HeldBlocks(const HeldBlocks&) = delete;
  HeldBlocks& operator=(const HeldBlocks&) = delete;
  ~HeldBlocks();

  /// True if it was not there; one that was there becomes the newest. At kBlocksMax the oldest goes first.
  bool insert(KeyPrefix prefix);
  /// True if it was there.
  bool erase(KeyPrefix prefix);
  /// REQUIRES: not empty.
  void drop_oldest();
  std::size_t size() const { return size_; }
  bool contains(KeyPrefix prefix) const;

  /// Looking up without waiting for memory: prepare() and, some time later, aim() have the place fetched, and hit(),
  /// some time later again, looks at it. `hash` is the prefix's. Compares 40 bits of the hash alone: wrong about once
  /// in 10^9 times. Good until the next insertion or removal.
  class View {
   public:
    struct Probe {
      const std::uint64_t* slots = nullptr;
      std::uint64_t hash = 0;
    };
    void prepare(std::uint64_t hash) const { __builtin_prefetch(&directory_[hash >> 1 >> shift_]); }
    Probe aim(std::uint64_t hash) const {
      const std::uint64_t* const line = directory_[hash >> 1 >> shift_] + home_of(hash, mask_);
      __builtin_prefetch(line);
      return {line, hash};
    }
    bool hit(const Probe& probe) const {
      // The whole line at once: one branch, and one that is mostly foreseen. Lines fill from their beginning.
      std::uint64_t equal = 0;
      for (std::size_t i = 0; i < kLineSlots; ++i)
        equal |= static_cast<std::uint64_t>(is_of(probe.slots[i], probe.hash));
      if (equal != 0) return true;
      return probe.slots[kLineSlots - 1] != kEmptySlot && hit_further_on(probe.hash);
    }

   private:
    friend class HeldBlocks;
    bool hit_further_on(std::uint64_t hash) const;

    const std::uint64_t* const* directory_;
    std::uint64_t mask_;
    unsigned shift_;
  };
  View view() const {
    View view;
    view.directory_ = directory_.data();
    view.mask_ = mask_;
    view.shift_ = 63 - depth_;
    return view;
  }

  /// Sums of summand_of() over 2^bits equal parts of the key space, by the prefixes' leading bits.
  std::vector<std::uint64_t> sums(unsigned bits) const;
  std::uint64_t sum() const { return sum_; }

  /// Every prefix, in no order.
  template <class Call>
  void for_each(Call&& call) const {
    for (std::uint32_t id = 0; id < entries_end_; ++id) {
      if (const Entry& e = entry(id); e.older != kFreeEntry) call(e.prefix);
    }
  }

  /// What is allocated for it beside pages of the pool.
  std::size_t bytes_beside_pool() const;

 private:
  using EntryId = std::uint32_t;
  static constexpr unsigned kEntryBits = 24;
  static constexpr EntryId kNoEntry = (1u << kEntryBits) - 1;
  static constexpr EntryId kFreeEntry = UINT32_MAX;  // as `older`
  static constexpr std::uint64_t kEmptySlot = UINT64_MAX;
  static constexpr std::size_t kSlotsMin = 16;
  /// Of one cache line. Tables are probed from the beginning of a line on.
  static constexpr std::size_t kLineSlots = 8;
  static constexpr std::size_t kSlotsMax = PagePool::kPageBytes / sizeof(std::uint64_t);

  struct Entry {
    KeyPrefix prefix;
    EntryId older;
    EntryId newer;  // of a free one: the next free one
  };
  static constexpr unsigned kChunkBits = 9;
  static constexpr std::size_t kChunkEntries = std::size_t{1} << kChunkBits;
  static_assert(kChunkEntries * sizeof(Entry) == PagePool::kPageBytes);

  /// A table; several neighbouring places of the directory may name it.
  struct Table {
    std::uint64_t* slots;
    std::uint32_t used;
    std::uint32_t depth;  // leading bits that all its hashes share
  };

  static bool is_of(std::uint64_t slot, std::uint64_t hash) { return ((slot >> kEntryBits) ^ hash) << kEntryBits == 0; }
  static std::uint64_t slot_of(std::uint64_t hash, EntryId id) { return hash << kEntryBits | id; }
  static EntryId entry_of(std::uint64_t slot) { return slot & kNoEntry; }

  static std::size_t home_of(std::uint64_t hash, std::uint64_t mask) { return hash & mask & ~(kLineSlots - 1); }
  std::size_t directory_place(std::uint64_t hash) const { return hash >> 1 >> (63 - depth_); }
  std::size_t slots_in_table() const { return mask_ + 1; }
  Entry& entry(EntryId id) { return chunks_[id >> kChunkBits][id & (kChunkEntries - 1)]; }
  const Entry& entry(EntryId id) const { return chunks_[id >> kChunkBits][id & (kChunkEntries - 1)]; }

  static constexpr std::uint64_t kNowhere = UINT64_MAX;
  /// Its place in its table, or kNowhere.
  std::uint64_t find(const std::uint64_t* slots, KeyPrefix prefix, std::uint64_t hash) const;
  void put_slot(std::uint64_t* slots, std::uint64_t slot) const;
  void take_slot(std::uint64_t* slots, std::uint64_t at) const;
  void make_room(std::uint64_t hash);
  void double_table();
  void split(std::uint32_t table);
  void double_directory();

  EntryId take_entry();
  void grow_first_chunk();
  void link_newest(EntryId id);
  void unlink(EntryId id);
  void add_to_sums(KeyPrefix prefix, std::uint64_t summand);
  void start_sums();

  void* allocate(std::size_t bytes);
  void release(void* memory, std::size_t bytes);
  std::uint64_t* new_slots(std::size_t count);

  PagePool& pool_;
  const PrefixHash& hash_;

  std::vector<std::uint64_t*> directory_;       // 2^depth_ places
  std::vector<std::uint32_t> directory_table_;  // the same, as places in tables_
  std::vector<Table> tables_;
  unsigned depth_ = 0;
  std::uint64_t mask_ = 0;

  std::vector<Entry*> chunks_;
  std::size_t first_chunk_entries_ = 0;
  EntryId entries_end_ = 0;
  EntryId free_ = kNoEntry;
  EntryId oldest_ = kNoEntry;
  EntryId newest_ = kNoEntry;
  std::size_t size_ = 0;

  std::uint64_t sum_ = 0;
  /// 2^kSumBitsMax sums, once there are so many blocks that adding them up at each question would take long.
  std::unique_ptr<std::uint64_t[]> sums_;
};

}  // namespace kvp2p
