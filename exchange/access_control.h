// Answers whether a peer may do something, by the cluster file. Without one, whoever is authorised may do everything.
#pragma once

#include "exchange/cluster_policy.h"

#include <memory>
#include <unordered_map>
#include <vector>

namespace kvp2p {

/// Models that are known; each has a space for every tenant.
inline constexpr std::size_t kKnownModelsMax = 1024;

/// Node thread only.
class AccessControl {
 public:
  /// From now on this holds.
  void set_policy(std::shared_ptr<const ClusterPolicy> policy);
  const std::shared_ptr<const ClusterPolicy>& policy() const { return policy_; }
  /// A model that this node uses: its spaces are known from now on. By the model's own fingerprint.
  void add_model(const Fingerprint& model);

  /// Whether a session with the peer is of any use. `holds_key`: it has proved the cluster key.
  bool admits(const multiformats::PeerId& peer, bool holds_key) const;
  /// `space`: the fingerprint that a message names, a model's or a tenant's (kv/tenant.h). None that this node knows
  /// of is nobody's.
  bool may(const multiformats::PeerId& peer, bool holds_key, Right right, const Fingerprint& space) const;
  /// The same whatever the model and tenant: for what opens everything.
  bool may_everywhere(const multiformats::PeerId& peer, bool holds_key, Right right) const;

 private:
  struct Space {
    Fingerprint model;
    std::string tenant;
  };
  void add_spaces_of(const Fingerprint& model);

  std::shared_ptr<const ClusterPolicy> policy_;
  std::vector<Fingerprint> models_;
  std::unordered_map<Fingerprint, Space> spaces_;
};

}  // namespace kvp2p
