#include "exchange/lookup_messages.h"

#include "exchange/exchange_error.h"
#include "wire/limits.h"

#include <algorithm>
#include <cassert>

namespace kvp2p {

std::uint32_t to_wire_ms(base::Duration time) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(time).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(ms, 0, wire::kTimeMsMax));
}

base::Duration from_wire_ms(std::uint32_t ms) { return std::chrono::milliseconds(ms); }

wire::Lease to_wire(const LeaseToken& lease) { return {lease.epoch, lease.id, lease.mac}; }
LeaseToken from_wire(const wire::Lease& lease) { return {lease.epoch, lease.id, lease.mac}; }

wire::Lookup to_wire(const LookupRequest& request) {
  return {request.fingerprint, request.model_fields, request.format, request.keys, to_wire_ms(request.lease_time)};
}

LookupRequest from_wire(wire::Lookup lookup) {
  return {lookup.fingerprint, std::move(lookup.model_fields), lookup.format, std::move(lookup.keys),
          from_wire_ms(lookup.lease_ms)};
}

LookupRequest from_wire(wire::Put put) {
  return {put.fingerprint, std::move(put.model_fields), put.format, std::move(put.keys), {}};
}

wire::LookupAnswer to_wire(const LookupAnswer& answer, const ObjectFormat& format) {
  wire::LookupAnswer message;
  message.format = format;
  message.expected_bytes_per_second = answer.expected_bytes_per_second;
  message.reason = answer.reason;
  message.present.reserve(answer.blocks.size());
  bool any = false;
  bool any_place = false;
  for (const FoundBlock& block : answer.blocks) {
    message.present.push_back(block.present);
    if (!block.present) continue;
    any = true;
    message.tiers.push_back(static_cast<std::uint8_t>(block.tier));
    message.has_root.push_back(block.root.has_value());
    if (block.root) message.roots.push_back(*block.root);
    message.has_place.push_back(block.place.has_value());
    if (!block.place) continue;
    any_place = true;
    message.places.push_back({block.place->region, block.place->slot, block.place->generation});
  }
  if (!any_place) message.has_place.clear();
  if (any) {
    message.lease = to_wire(answer.lease);
    message.lease_ms = to_wire_ms(answer.lease_time);
  }
  return message;
}

base::Result<LookupAnswer> from_wire(wire::LookupAnswer message, std::size_t keys, const ObjectFormat& format) {
  if (message.present.size() != keys || message.format != format) return ExchangeError::kProtocolBroken;
  LookupAnswer answer;
  answer.blocks.resize(keys);
  std::size_t present = 0;
  std::size_t root = 0;
  std::size_t place = 0;
  for (std::size_t i = 0; i < keys; ++i) {
    if (!message.present[i]) continue;
    FoundBlock& block = answer.blocks[i];
    block.present = true;
    const std::uint8_t tier = message.tiers[present];
    if (tier < static_cast<std::uint8_t>(Tier::kDevice) || tier > static_cast<std::uint8_t>(Tier::kDisk)) {
      return ExchangeError::kProtocolBroken;
    }
    block.tier = static_cast<Tier>(tier);
    if (message.has_root[present]) block.root = message.roots[root++];
    if (!message.has_place.empty() && message.has_place[present]) {
      const wire::Place& at = message.places[place++];
      // Only what is in device memory is read in place; generations begin at 1.
      if (block.tier != Tier::kDevice || at.generation == 0) return ExchangeError::kProtocolBroken;
      block.place = DevicePlace{at.region, at.slot, at.generation};
    }
    ++present;
  }
  if (message.lease) answer.lease = from_wire(*message.lease);
  answer.lease_time = from_wire_ms(message.lease_ms);
  answer.expected_bytes_per_second = message.expected_bytes_per_second;
  answer.reason = std::move(message.reason);
  return answer;
}

}  // namespace kvp2p
