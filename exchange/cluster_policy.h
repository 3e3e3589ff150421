// Who may do what in a cluster: the content of a cluster file (docs/cluster.md). A value.
#pragma once

#include "base/bytes.h"
#include "kv/block_key.h"
#include "multiformats/peer_id.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace kvp2p {

/// Bits of what a peer may do with this node's blocks of one model and tenant.
enum class Right : std::uint8_t {
  kRead = 1,      ///< look up and get
  kWrite = 2,     ///< put
  kAnnounce = 4,  ///< say that it holds some
};

/// The tenant of blocks that belong to none.
inline constexpr std::string_view kNoTenant = "none";

/// Who, for which models and tenants, may do what.
struct Grant {
  std::set<multiformats::PeerId> peers;
  bool cluster_members = false;  ///< whoever proves the cluster key
  bool any_model = false;
  std::set<Fingerprint> models;
  bool any_tenant = false;
  std::set<std::string> tenants;  ///< kNoTenant among them
  std::uint8_t rights = 0;        ///< of Right

  bool is_for(const multiformats::PeerId& peer, bool holds_key) const {
    return peers.contains(peer) || (cluster_members && holds_key);
  }
  friend bool operator==(const Grant&, const Grant&) = default;
};

struct Tenant {
  base::Bytes salt;                 ///< empty: this node has not been told it
  std::filesystem::path salt_file;  ///< where it is to be read from; empty: nowhere
  friend bool operator==(const Tenant&, const Tenant&) = default;
};

struct ClusterPolicy {
  std::map<std::string, Tenant> tenants;
  std::vector<Grant> grants;
  /// Whether the file itself has secrets in it.
  bool has_salts = false;

  /// Whether any grant is for the peer.
  bool admits(const multiformats::PeerId& peer, bool holds_key) const;
  friend bool operator==(const ClusterPolicy&, const ClusterPolicy&) = default;
};

/// Whether the two grant the peer the same.
bool same_for(const ClusterPolicy& a, const ClusterPolicy& b, const multiformats::PeerId& peer);

}  // namespace kvp2p
