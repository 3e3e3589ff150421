#include "cache/lease_table.h"

#include "base/bytes.h"
#include "exchange/exchange_error.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include <cstring>

namespace kvp2p {

LeaseTable::LeaseTable(base::Clock& clock) : clock_(clock) { base::random_bytes(secret_); }

std::array<std::uint8_t, 16> LeaseTable::mac_of(std::uint64_t id, const multiformats::PeerId& peer) const {
  base::Bytes message(16);
  base::store_le64(message.data(), epoch_);
  base::store_le64(message.data() + 8, id);
  base::append(message, peer.as_bytes());
  std::uint8_t full[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  ::HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()), message.data(), message.size(), full, &size);
  std::array<std::uint8_t, 16> mac;
  std::memcpy(mac.data(), full, mac.size());
  return mac;
}

base::Result<LeaseToken> LeaseTable::grant(std::shared_ptr<Lease> lease, base::Duration& time) {
  std::size_t& of_peer = per_peer_[lease->peer];
  if (leases_.size() >= kLeasesMax || of_peer >= kLeasesPerPeerMax) return ExchangeError::kTooManyRequests;
  ++of_peer;
  if (time <= base::Duration::zero()) time = kLeaseTimeDefault;
  time = std::min(time, kLeaseTimeMax);
  const std::uint64_t id = next_id_++;
  LeaseToken token;
  token.epoch = epoch_;
  token.id = id;
  token.mac = mac_of(id, lease->peer);
  lease->time = time;
  lease->expires = clock_.now() + time;
  Entry& entry = leases_[id];
  entry.lease = std::move(lease);
  arm(id, entry);
  return token;
}

void LeaseTable::arm(std::uint64_t id, Entry& entry) {
  entry.expiry = clock_.call_at(entry.lease->expires, [this, id] { on_expiry(id); });
}

void LeaseTable::on_expiry(std::uint64_t id) {
  auto found = leases_.find(id);
  if (found == leases_.end()) return;
  if (found->second.lease->expires <= clock_.now()) return erase(id);
  // It was prolonged. The timer that is calling lives until its call is over.
  const auto fired = std::move(found->second.expiry);
  arm(id, found->second);
}

std::shared_ptr<Lease> LeaseTable::find(const multiformats::PeerId& peer, const LeaseToken& token) const {
  if (token.epoch != epoch_) return nullptr;
  const auto mac = mac_of(token.id, peer);
  if (CRYPTO_memcmp(mac.data(), token.mac.data(), mac.size()) != 0) return nullptr;
  auto found = leases_.find(token.id);
  return found == leases_.end() ? nullptr : found->second.lease;
}

std::shared_ptr<Lease> LeaseTable::find_to_read(const multiformats::PeerId& peer, const LeaseToken& token) {
  auto lease = find(peer, token);
  if (lease) lease->expires = clock_.now() + lease->time;
  return lease;
}

void LeaseTable::release(const multiformats::PeerId& peer, const LeaseToken& token) {
  if (find(peer, token)) erase(token.id);
}

void LeaseTable::release_all(const multiformats::PeerId& peer) {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, entry] : leases_) {
    if (entry.lease->peer == peer) ids.push_back(id);
  }
  for (const std::uint64_t id : ids) erase(id);
}

void LeaseTable::erase(std::uint64_t id) {
  auto found = leases_.find(id);
  if (found == leases_.end()) return;
  auto of_peer = per_peer_.find(found->second.lease->peer);
  if (--of_peer->second == 0) per_peer_.erase(of_peer);
  // The timer may be what is calling: it goes last.
  Entry ended = std::move(found->second);
  leases_.erase(found);
}

void LeaseTable::clear() {
  leases_.clear();
  per_peer_.clear();
}

}  // namespace kvp2p
