// Any bytes are a cluster file within its bounds, or an error in a line that is there.
#include "exchange/cluster_file.h"

#include <algorithm>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kvp2p;
  const std::string_view text = base::as_text(base::ConstBytes(data, size));
  const auto policy = parse_cluster_file(text);
  if (!policy) {
    const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
    if (policy.error().line > lines || policy.error().message.empty()) std::abort();
    return 0;
  }
  if (policy->tenants.size() > kClusterTenantsMax || policy->grants.size() > kClusterGrantsMax) std::abort();
  for (const Grant& grant : policy->grants) {
    if (grant.rights == 0 || (grant.peers.empty() && !grant.cluster_members)) std::abort();
  }
  return 0;
}
