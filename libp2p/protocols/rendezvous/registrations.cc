#include "libp2p/protocols/rendezvous/registrations.h"

#include "libp2p/records/peer_record.h"

#include <algorithm>

namespace libp2p::rendezvous {

using multiformats::PeerId;

namespace {

/// A cookie is eight bytes and the name: rust-libp2p takes an answer with any other for a broken one. Of the eight
/// bytes so many bits are the sequence number, the others the instance.
constexpr unsigned kSequenceBits = 40;

Message refusal(Kind kind, Status status) {
  Message message;
  message.kind = kind;
  message.status = status;
  message.status_text = name_of(status);
  return message;
}

}  // namespace

std::optional<Message> Registrations::answer(const PeerId& peer, const Message& request, base::TimePoint now) {
  expire(now);
  switch (request.kind) {
    case Kind::kRegister:
      return add(peer, request.registration, now);
    case Kind::kUnregister:
      remove(Key(peer, request.name));
      return std::nullopt;
    case Kind::kDiscover:
      return discover(request, now);
    case Kind::kRegisterResponse:
    case Kind::kDiscoverResponse:
      break;
  }
  return std::nullopt;
}

Message Registrations::add(const PeerId& peer, const Registration& wanted, base::TimePoint now) {
  const auto refuse = [](Status status) { return refusal(Kind::kRegisterResponse, status); };
  if (wanted.name.empty()) return refuse(Status::kInvalidNamespace);
  const std::uint64_t ttl = wanted.ttl.value_or(kTtlDefault);
  if (ttl == 0 || ttl > kTtlMax) return refuse(Status::kInvalidTtl);
  const auto record = open_peer_record(wanted.signed_record);
  if (!record || record->peer != peer || record->addresses.empty()) return refuse(Status::kInvalidSignedPeerRecord);
  const Key key(peer, wanted.name);
  if (!sequences_.contains(key)) {
    const auto first = sequences_.lower_bound(Key(peer, ""));
    const auto own =
        std::count_if(first, sequences_.end(), [&peer](const auto& each) { return each.first.first == peer; });
    const bool is_full = sequences_.size() >= limits_.registrations_max;
    if (is_full || static_cast<std::size_t>(own) >= limits_.per_peer_max) return refuse(Status::kUnavailable);
  }
  remove(key);
  by_sequence_[++last_sequence_] = Entry{peer, wanted, now + std::chrono::seconds(ttl)};
  sequences_[key] = last_sequence_;
  Message answer;
  answer.kind = Kind::kRegisterResponse;
  answer.ttl = ttl;
  return answer;
}

Message Registrations::discover(const Message& request, base::TimePoint now) const {
  Message answer;
  answer.kind = Kind::kDiscoverResponse;
  std::uint64_t told = 0;
  if (!request.cookie.empty()) {
    const auto sequence = sequence_in(request.cookie, request.name);
    if (!sequence) return refusal(Kind::kDiscoverResponse, Status::kInvalidCookie);
    told = *sequence;
  }
  std::size_t bytes = 0;
  const std::uint64_t limit = std::min<std::uint64_t>(request.limit.value_or(UINT64_MAX), kRegistrationsPerMessageMax);
  for (auto at = by_sequence_.upper_bound(told); at != by_sequence_.end(); ++at) {
    const auto& [sequence, entry] = *at;
    if (!request.name.empty() && entry.registration.name != request.name) continue;
    bytes += entry.registration.signed_record.size() + entry.registration.name.size() + 32;
    if (answer.registrations.size() >= limit || bytes > limits_.answer_bytes_max) break;
    Registration& told_of = answer.registrations.emplace_back(entry.registration);
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(entry.expires - now).count();
    told_of.ttl = static_cast<std::uint64_t>(std::max<std::int64_t>(left, 0));
    told = sequence;
  }
  answer.cookie = cookie(told, request.name);
  return answer;
}

void Registrations::remove(const Key& key) {
  const auto found = sequences_.find(key);
  if (found == sequences_.end()) return;
  by_sequence_.erase(found->second);
  sequences_.erase(found);
}

void Registrations::expire(base::TimePoint now) {
  for (auto at = by_sequence_.begin(); at != by_sequence_.end();) {
    if (at->second.expires > now) {
      ++at;
      continue;
    }
    sequences_.erase(Key(at->second.peer, at->second.registration.name));
    at = by_sequence_.erase(at);
  }
}

base::Bytes Registrations::cookie(std::uint64_t sequence, const std::string& name) const {
  base::Bytes bytes(8);
  base::store_le64(bytes.data(), instance_ << kSequenceBits | sequence);
  base::append(bytes, base::as_bytes(name));
  return bytes;
}

std::optional<std::uint64_t> Registrations::sequence_in(base::ConstBytes bytes, const std::string& name) const {
  if (bytes.size() < 8) return std::nullopt;
  const std::uint64_t sequence = base::load_le64(bytes.data()) & ((std::uint64_t(1) << kSequenceBits) - 1);
  if (!std::ranges::equal(bytes, cookie(sequence, name))) return std::nullopt;
  return sequence;
}

}  // namespace libp2p::rendezvous
