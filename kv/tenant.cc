#include "kv/tenant.h"

#include "kv/sha256.h"

#include <algorithm>

namespace kvp2p {

Fingerprint tenant_fingerprint(const Fingerprint& model, base::ConstBytes salt) {
  if (salt.empty()) return model;
  Sha256 hash;
  hash.start("kv-cache-p2p tenant v1\n");
  hash.add(model.bytes);
  hash.add_le64(salt.size());
  hash.add(salt);
  return Fingerprint{hash.finish()};
}

std::vector<Extras> with_tenant_salt(std::vector<Extras> extras, std::size_t blocks, base::ConstBytes salt) {
  if (salt.empty()) return extras;
  extras.resize(std::max(extras.size(), blocks));
  for (Extras& each : extras) each.push_back({ExtraKind::kTenantSalt, base::to_bytes(salt)});
  return extras;
}

}  // namespace kvp2p
