#include "exchange/access_control.h"

#include "kv/tenant.h"

#include <algorithm>

namespace kvp2p {

void AccessControl::set_policy(std::shared_ptr<const ClusterPolicy> policy) {
  policy_ = std::move(policy);
  spaces_.clear();
  for (const Fingerprint& model : models_) add_spaces_of(model);
}

void AccessControl::add_model(const Fingerprint& model) {
  if (models_.size() >= kKnownModelsMax || std::ranges::count(models_, model) > 0) return;
  models_.push_back(model);
  add_spaces_of(model);
}

void AccessControl::add_spaces_of(const Fingerprint& model) {
  spaces_.insert_or_assign(model, Space{model, std::string(kNoTenant)});
  if (!policy_) return;
  for (const auto& [name, tenant] : policy_->tenants) {
    if (!tenant.salt.empty()) spaces_.insert_or_assign(tenant_fingerprint(model, tenant.salt), Space{model, name});
  }
}

bool AccessControl::admits(const multiformats::PeerId& peer, bool holds_key) const {
  return policy_ ? policy_->admits(peer, holds_key) : holds_key;
}

bool AccessControl::may(const multiformats::PeerId& peer, bool holds_key, Right right, const Fingerprint& space) const {
  if (!policy_) return true;
  const auto found = spaces_.find(space);
  if (found == spaces_.end()) return false;
  const auto& [model, tenant] = found->second;
  return std::ranges::any_of(policy_->grants, [&](const Grant& grant) {
    return (grant.rights & static_cast<std::uint8_t>(right)) != 0 && grant.is_for(peer, holds_key) &&
           (grant.any_model || grant.models.contains(model)) && (grant.any_tenant || grant.tenants.contains(tenant));
  });
}

bool AccessControl::may_everywhere(const multiformats::PeerId& peer, bool holds_key, Right right) const {
  if (!policy_) return true;
  return std::ranges::any_of(policy_->grants, [&](const Grant& grant) {
    return (grant.rights & static_cast<std::uint8_t>(right)) != 0 && grant.is_for(peer, holds_key) && grant.any_model &&
           grant.any_tenant;
  });
}

}  // namespace kvp2p
