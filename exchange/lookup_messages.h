// Look-ups between their form on the wire and the form that the cache knows. Pure functions.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "exchange/local_blocks.h"
#include "wire/messages.h"

namespace kvp2p {

/// Whole milliseconds, rounded up, between 0 and wire::kTimeMsMax.
std::uint32_t to_wire_ms(base::Duration time);
base::Duration from_wire_ms(std::uint32_t ms);

wire::Lease to_wire(const LeaseToken& lease);
LeaseToken from_wire(const wire::Lease& lease);

wire::Lookup to_wire(const LookupRequest& request);
LookupRequest from_wire(wire::Lookup lookup);

/// REQUIRES: answer.blocks has one entry a key of the request.
wire::LookupAnswer to_wire(const LookupAnswer& answer, const ObjectFormat& format);
/// ExchangeError::kProtocolBroken if it does not answer a request for `keys` blocks of `format`.
base::Result<LookupAnswer> from_wire(wire::LookupAnswer answer, std::size_t keys, const ObjectFormat& format);

LookupRequest from_wire(wire::Put put);

}  // namespace kvp2p
