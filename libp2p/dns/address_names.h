// Addresses that begin with a name: /dns, /dns4, /dns6 and /dnsaddr (multiformats/multiaddr, protocols/DNSADDR.md).
#pragma once

#include "base/result.h"
#include "libp2p/core/resolver.h"
#include "multiformats/multiaddr.h"

#include <optional>
#include <string_view>
#include <vector>

namespace libp2p {

/// Look-ups for one address, over all names that its records lead to.
inline constexpr std::size_t kNameLookupsMax = 16;
/// How many dnsaddr records may lead from one to the next.
inline constexpr std::size_t kNameDepthMax = 4;
/// Addresses that come of one; further ones are left out.
inline constexpr std::size_t kNamedAddressesMax = 64;

bool begins_with_name(const multiformats::Multiaddr& address);

/// The address in one record of a dnsaddr name ("dnsaddr=<multiaddr>"); none for any other record.
std::optional<multiformats::Multiaddr> parse_dnsaddr_record(std::string_view text);

/// The addresses that `address` stands for, none of which begins with a name. What follows a dnsaddr name (often
/// /p2p/…) must be the end of each address that its records tell; others are left out. Error::kNameNotFound if nothing
/// remains though all answered, else the first failure. `resolver` outlives the task.
base::Task<base::Result<std::vector<multiformats::Multiaddr>>> resolve_names(Resolver& resolver,
                                                                             multiformats::Multiaddr address,
                                                                             std::stop_token stop);

}  // namespace libp2p
