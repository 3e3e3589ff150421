#include "index/held_blocks.h"

#include "base/bytes.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <new>

namespace kvp2p {

namespace {

constexpr std::size_t kFirstEntries = 8;
/// From here on sums are kept, 32 KiB of them.
constexpr std::size_t kSumsFrom = 16'384;
/// A table is enlarged or split when so many of 16 slots are used. Fuller ones are smaller, but then more lines are
/// full, and each full line that a look-up meets costs it a wait for the next one.
constexpr std::size_t kUsedOf16Max = 10;

}  // namespace

PrefixHash::PrefixHash() {
  base::random_bytes({reinterpret_cast<std::uint8_t*>(secret_.data()), sizeof secret_});
  secret_[1] |= 1;
}

HeldBlocks::HeldBlocks(PagePool& pool, const PrefixHash& hash) : pool_(pool), hash_(hash) {
  mask_ = kSlotsMin - 1;
  tables_.push_back({new_slots(kSlotsMin), 0, 0});
  directory_.push_back(tables_.front().slots);
  directory_table_.push_back(0);
}

HeldBlocks::~HeldBlocks() {
  for (const Table& table : tables_) release(table.slots, slots_in_table() * sizeof(std::uint64_t));
  for (std::size_t i = 0; i < chunks_.size(); ++i) {
    release(chunks_[i], (i == 0 ? first_chunk_entries_ : kChunkEntries) * sizeof(Entry));
  }
}

void* HeldBlocks::allocate(std::size_t bytes) {
  return bytes == PagePool::kPageBytes ? pool_.take() : ::operator new(bytes);
}

void HeldBlocks::release(void* memory, std::size_t bytes) {
  if (bytes == PagePool::kPageBytes)
    pool_.give_back(memory);
  else
    ::operator delete(memory);
}

std::uint64_t* HeldBlocks::new_slots(std::size_t count) {
  auto* slots = static_cast<std::uint64_t*>(allocate(count * sizeof(std::uint64_t)));
  std::fill_n(slots, count, kEmptySlot);
  return slots;
}

std::uint64_t HeldBlocks::find(const std::uint64_t* slots, KeyPrefix prefix, std::uint64_t hash) const {
  for (std::uint64_t at = home_of(hash, mask_); slots[at] != kEmptySlot; at = (at + 1) & mask_) {
    if (is_of(slots[at], hash) && entry(entry_of(slots[at])).prefix == prefix) return at;
  }
  return kNowhere;
}

bool HeldBlocks::contains(KeyPrefix prefix) const {
  const std::uint64_t hash = hash_(prefix);
  return find(directory_[directory_place(hash)], prefix, hash) != kNowhere;
}

bool HeldBlocks::insert(KeyPrefix prefix) {
  const std::uint64_t hash = hash_(prefix);
  const std::uint64_t* const slots = directory_[directory_place(hash)];
  if (const auto at = find(slots, prefix, hash); at != kNowhere) {
    const EntryId known = entry_of(slots[at]);
    unlink(known);
    link_newest(known);
    return false;
  }
  if (size_ == kBlocksMax) drop_oldest();
  make_room(hash);
  Table& table = tables_[directory_table_[directory_place(hash)]];
  const EntryId id = take_entry();
  entry(id).prefix = prefix;
  link_newest(id);
  put_slot(table.slots, slot_of(hash, id));
  ++table.used;
  ++size_;
  add_to_sums(prefix, summand_of(prefix));
  if (size_ == kSumsFrom && !sums_) start_sums();
  return true;
}

bool HeldBlocks::erase(KeyPrefix prefix) {
  const std::uint64_t hash = hash_(prefix);
  Table& table = tables_[directory_table_[directory_place(hash)]];
  const auto at = find(table.slots, prefix, hash);
  if (at == kNowhere) return false;
  const EntryId id = entry_of(table.slots[at]);
  take_slot(table.slots, at);
  --table.used;
  unlink(id);
  entry(id).older = kFreeEntry;
  entry(id).newer = free_;
  free_ = id;
  --size_;
  add_to_sums(prefix, 0 - summand_of(prefix));
  return true;
}

bool HeldBlocks::View::hit_further_on(std::uint64_t hash) const {
  const std::uint64_t* const slots = directory_[hash >> 1 >> shift_];
  for (std::uint64_t at = home_of(hash, mask_); slots[at] != kEmptySlot; at = (at + 1) & mask_) {
    if (is_of(slots[at], hash)) return true;
  }
  return false;
}

void HeldBlocks::drop_oldest() {
  assert(oldest_ != kNoEntry);
  erase(entry(oldest_).prefix);
}

void HeldBlocks::put_slot(std::uint64_t* slots, std::uint64_t slot) const {
  std::uint64_t at = home_of(slot >> kEntryBits, mask_);
  while (slots[at] != kEmptySlot) at = (at + 1) & mask_;
  slots[at] = slot;
}

/// Moves what follows back into the gap where it may stand there, so that no look-up finds an empty slot too early.
void HeldBlocks::take_slot(std::uint64_t* slots, std::uint64_t at) const {
  for (std::uint64_t next = (at + 1) & mask_; slots[next] != kEmptySlot; next = (next + 1) & mask_) {
    const std::uint64_t home = home_of(slots[next] >> kEntryBits, mask_);
    if (((next - home) & mask_) < ((next - at) & mask_)) continue;
    slots[at] = slots[next];
    at = next;
  }
  slots[at] = kEmptySlot;
}

void HeldBlocks::make_room(std::uint64_t hash) {
  for (;;) {
    const std::uint32_t number = directory_table_[directory_place(hash)];
    if (tables_[number].used * 16 < slots_in_table() * kUsedOf16Max) return;
    if (slots_in_table() < kSlotsMax)
      double_table();
    else
      split(number);
  }
}

/// While there is one table alone.
void HeldBlocks::double_table() {
  Table& table = tables_.front();
  const std::size_t before = slots_in_table();
  std::uint64_t* const old = table.slots;
  table.slots = new_slots(2 * before);
  mask_ = 2 * before - 1;
  for (std::size_t i = 0; i < before; ++i) {
    if (old[i] != kEmptySlot) put_slot(table.slots, old[i]);
  }
  directory_.front() = table.slots;
  release(old, before * sizeof(std::uint64_t));
}

void HeldBlocks::split(std::uint32_t number) {
  if (tables_[number].depth == depth_) double_directory();
  const std::uint32_t depth = ++tables_[number].depth;
  const auto other = static_cast<std::uint32_t>(tables_.size());
  tables_.push_back({new_slots(kSlotsMax), 0, depth});
  Table& low = tables_[number];
  Table& high = tables_[other];
  // A slot has no leading bits of its hash; its entry, somewhere in memory, has them.
  std::array<std::uint64_t, kSlotsMax> old;
  std::copy_n(low.slots, kSlotsMax, old.begin());
  for (std::uint64_t slot : old) {
    if (slot != kEmptySlot) __builtin_prefetch(&entry(entry_of(slot)));
  }
  std::fill_n(low.slots, kSlotsMax, kEmptySlot);
  low.used = 0;
  for (std::uint64_t slot : old) {
    if (slot == kEmptySlot) continue;
    const std::uint64_t hash = hash_(entry(entry_of(slot)).prefix);
    Table& side = (hash >> (64 - depth) & 1) != 0 ? high : low;
    put_slot(side.slots, slot);
    ++side.used;
  }
  // The upper half of the places that named the table.
  const auto first = static_cast<std::size_t>(std::find(directory_table_.begin(), directory_table_.end(), number) -
                                              directory_table_.begin());
  const std::size_t places = std::size_t{1} << (depth_ - depth);
  std::fill_n(directory_table_.begin() + static_cast<std::ptrdiff_t>(first + places), places, other);
  std::fill_n(directory_.begin() + static_cast<std::ptrdiff_t>(first + places), places, high.slots);
}

void HeldBlocks::double_directory() {
  const std::size_t before = directory_.size();
  directory_.resize(2 * before);
  directory_table_.resize(2 * before);
  for (std::size_t i = before; i-- > 0;) {
    directory_[2 * i] = directory_[2 * i + 1] = directory_[i];
    directory_table_[2 * i] = directory_table_[2 * i + 1] = directory_table_[i];
  }
  ++depth_;
}

HeldBlocks::EntryId HeldBlocks::take_entry() {
  if (free_ != kNoEntry) {
    const EntryId id = free_;
    free_ = entry(id).newer;
    return id;
  }
  if (entries_end_ < kChunkEntries) {
    if (entries_end_ == first_chunk_entries_) grow_first_chunk();
  } else if (entries_end_ % kChunkEntries == 0) {
    chunks_.push_back(static_cast<Entry*>(allocate(PagePool::kPageBytes)));
  }
  return entries_end_++;
}

void HeldBlocks::grow_first_chunk() {
  const std::size_t larger = std::max(kFirstEntries, 2 * first_chunk_entries_);
  auto* const memory = static_cast<Entry*>(allocate(larger * sizeof(Entry)));
  if (chunks_.empty()) {
    chunks_.push_back(memory);
  } else {
    std::copy_n(chunks_.front(), first_chunk_entries_, memory);
    release(chunks_.front(), first_chunk_entries_ * sizeof(Entry));
    chunks_.front() = memory;
  }
  first_chunk_entries_ = larger;
}

void HeldBlocks::link_newest(EntryId id) {
  Entry& e = entry(id);
  e.older = newest_;
  e.newer = kNoEntry;
  (newest_ == kNoEntry ? oldest_ : entry(newest_).newer) = id;
  newest_ = id;
}

void HeldBlocks::unlink(EntryId id) {
  const Entry& e = entry(id);
  (e.older == kNoEntry ? oldest_ : entry(e.older).newer) = e.newer;
  (e.newer == kNoEntry ? newest_ : entry(e.newer).older) = e.older;
}

void HeldBlocks::add_to_sums(KeyPrefix prefix, std::uint64_t summand) {
  sum_ += summand;
  if (sums_) sums_[prefix >> (64 - kSumBitsMax)] += summand;
}

void HeldBlocks::start_sums() {
  sums_ = std::make_unique<std::uint64_t[]>(std::size_t{1} << kSumBitsMax);
  for_each([this](KeyPrefix prefix) { sums_[prefix >> (64 - kSumBitsMax)] += summand_of(prefix); });
}

std::vector<std::uint64_t> HeldBlocks::sums(unsigned bits) const {
  assert(bits <= kSumBitsMax);
  std::vector<std::uint64_t> parts(std::size_t{1} << bits);
  if (sums_) {
    for (std::size_t i = 0; i < std::size_t{1} << kSumBitsMax; ++i) parts[i >> (kSumBitsMax - bits)] += sums_[i];
  } else {
    for_each([&](KeyPrefix prefix) { parts[prefix >> 1 >> (63 - bits)] += summand_of(prefix); });
  }
  return parts;
}

std::size_t HeldBlocks::bytes_beside_pool() const {
  std::size_t all = sizeof *this;
  if (slots_in_table() < kSlotsMax) all += slots_in_table() * sizeof(std::uint64_t);
  if (first_chunk_entries_ < kChunkEntries) all += first_chunk_entries_ * sizeof(Entry);
  all += tables_.capacity() * sizeof(Table) + chunks_.capacity() * sizeof(Entry*);
  all += directory_.capacity() * sizeof(std::uint64_t*) + directory_table_.capacity() * sizeof(std::uint32_t);
  if (sums_) all += (std::size_t{1} << kSumBitsMax) * sizeof(std::uint64_t);
  return all;
}

}  // namespace kvp2p
