// Values by key, of others and of our own. Pure state, bounded.
#pragma once

#include "base/clock.h"
#include "libp2p/protocols/kad/message.h"

#include <map>
#include <optional>

namespace libp2p::kad {

struct RecordLimits {
  std::size_t records_max = 16 * 1024;
  std::size_t bytes_max = 64 * 1024 * 1024;
  base::Duration ttl = std::chrono::hours(48);
};

/// Knows nothing of validity. Not thread-safe.
class RecordStore {
 public:
  explicit RecordStore(RecordLimits limits) : limits_(limits) {}

  /// Takes the place of an earlier value of the key, for the time to live; whether there was room.
  bool put(const Record& record, base::TimePoint now);
  /// Null if there is none or it has expired; valid until the store changes.
  const Record* find(const base::Bytes& key, base::TimePoint now) const;
  void expire(base::TimePoint now);

  std::size_t size() const { return records_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Stored {
    Record record;
    base::TimePoint expires;
  };

  RecordLimits limits_;
  std::map<base::Bytes, Stored> records_;
  std::size_t bytes_ = 0;
};

}  // namespace libp2p::kad
