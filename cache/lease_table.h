// Leases that this node has granted: while one lives, its blocks are not evicted.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "cache/offer.h"
#include "exchange/lease_token.h"
#include "multiformats/peer_id.h"
#include "storage/memory_store.h"

#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

namespace kvp2p {

inline constexpr std::size_t kLeasesMax = 8192;
inline constexpr std::size_t kLeasesPerPeerMax = 1024;
inline constexpr base::Duration kLeaseTimeDefault = std::chrono::seconds(30);
inline constexpr base::Duration kLeaseTimeMax = std::chrono::seconds(60);

/// What is leased of one key: a stored block, an offered one, both (peers that read in place take the offered one,
/// everybody else the stored one), or nothing.
struct LeasedBlock {
  BlockPin pin;
  std::shared_ptr<Offer> offer;
  std::uint32_t offer_index = 0;
};

struct Lease {
  multiformats::PeerId peer;
  ObjectFormat format;              // what was asked for
  std::vector<LeasedBlock> blocks;  // one a key of the look-up
  base::Duration time{};            // for which it was granted, and is again whenever it is read
  base::TimePoint expires{};
};

/// Node thread only. Whoever reads shares the lease, so that an expiry under way does not free what is being sent.
class LeaseTable {
 public:
  explicit LeaseTable(base::Clock& clock);

  /// This node's incarnation. Set before the first grant.
  void set_epoch(std::uint64_t epoch) { epoch_ = epoch; }

  /// ExchangeError::kTooManyRequests beyond the bounds. `time` 0 means the default; more than the maximum is cut.
  base::Result<LeaseToken> grant(std::shared_ptr<Lease> lease, base::Duration& time);
  /// Null unless this peer was granted this token in this incarnation and it has not ended.
  std::shared_ptr<Lease> find(const multiformats::PeerId& peer, const LeaseToken& token) const;
  /// The same, of whoever is going to read: the lease's time begins again. A get on a slow link may take longer.
  std::shared_ptr<Lease> find_to_read(const multiformats::PeerId& peer, const LeaseToken& token);
  void release(const multiformats::PeerId& peer, const LeaseToken& token);
  void release_all(const multiformats::PeerId& peer);
  void clear();
  std::size_t size() const { return leases_.size(); }

 private:
  struct Entry {
    std::shared_ptr<Lease> lease;
    std::unique_ptr<base::Timer> expiry;
  };

  std::array<std::uint8_t, 16> mac_of(std::uint64_t id, const multiformats::PeerId& peer) const;
  void arm(std::uint64_t id, Entry& entry);
  void on_expiry(std::uint64_t id);
  void erase(std::uint64_t id);

  base::Clock& clock_;
  std::array<std::uint8_t, 32> secret_;
  std::uint64_t epoch_ = 0;
  std::uint64_t next_id_ = 1;
  std::unordered_map<std::uint64_t, Entry> leases_;
  std::map<multiformats::PeerId, std::size_t> per_peer_;
};

}  // namespace kvp2p
