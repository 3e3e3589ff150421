// Tenants: who share a model but not each other's blocks (docs/keys.md, "Tenants"). Pure functions.
#pragma once

#include "kv/block_key.h"

namespace kvp2p {

/// Bounds on a tenant's salt: enough not to be guessed.
inline constexpr std::size_t kTenantSaltBytesMin = 16;
inline constexpr std::size_t kTenantSaltBytesMax = 64;

/// The key space of a tenant's blocks of a model: what takes the fingerprint's place in keys, look-ups, puts and
/// announcements. Who does not know the salt can neither name the space nor anything in it. An empty salt is no tenant:
/// the model's own fingerprint.
Fingerprint tenant_fingerprint(const Fingerprint& model, base::ConstBytes salt);

/// `extras` of a request of `blocks` blocks, with the salt in every one of them. Nothing is added for an empty salt.
std::vector<Extras> with_tenant_salt(std::vector<Extras> extras, std::size_t blocks, base::ConstBytes salt);

}  // namespace kvp2p
