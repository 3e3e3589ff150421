#include "libp2p/protocols/kad/record_store.h"

namespace libp2p::kad {

namespace {

std::size_t size_of(const Record& record) { return 2 * record.key.size() + record.value.size(); }

}  // namespace

bool RecordStore::put(const Record& record, base::TimePoint now) {
  const auto found = records_.find(record.key);
  const std::size_t before = found == records_.end() ? 0 : size_of(found->second.record);
  const std::size_t after = bytes_ - before + size_of(record);
  if (after > limits_.bytes_max || (found == records_.end() && records_.size() >= limits_.records_max)) return false;
  bytes_ = after;
  records_.insert_or_assign(record.key, Stored{record, now + limits_.ttl});
  return true;
}

const Record* RecordStore::find(const base::Bytes& key, base::TimePoint now) const {
  const auto found = records_.find(key);
  return found == records_.end() || found->second.expires <= now ? nullptr : &found->second.record;
}

void RecordStore::expire(base::TimePoint now) {
  for (auto each = records_.begin(); each != records_.end();) {
    if (each->second.expires > now) {
      ++each;
      continue;
    }
    bytes_ -= size_of(each->second.record);
    each = records_.erase(each);
  }
}

}  // namespace libp2p::kad
