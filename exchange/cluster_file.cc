#include "exchange/cluster_file.h"

#include "base/small_file.h"
#include "exchange/json_tree.h"
#include "kv/tenant.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>

namespace kvp2p {

namespace {

namespace fs = std::filesystem;
using base::TextError;
using Kind = JsonNode::Kind;

constexpr std::string_view kAny = "*";
constexpr std::string_view kClusterMembers = "cluster";
constexpr std::array<std::pair<std::string_view, Right>, 3> kRights{
    {{"read", Right::kRead}, {"write", Right::kWrite}, {"announce", Right::kAnnounce}}};

/// Thrown and caught in this file alone: what is wrong ends the reading wherever it is found.
struct Wrong {
  TextError error;
};

[[noreturn]] void refuse(std::size_t line, std::string message) { throw Wrong{{line, std::move(message)}}; }

const JsonNode& object(const JsonNode& node, const std::string& what) {
  if (node.kind != Kind::kObject) refuse(node.line, what + " is to be an object");
  return node;
}

const std::string& text_of(const JsonNode& node, const std::string& what) {
  if (node.kind != Kind::kString) refuse(node.line, what + " is to be a text");
  return node.text;
}

const JsonNode* find(const JsonNode& node, std::string_view name) {
  const auto found = std::ranges::find(node.members, name, &JsonNode::Member::name);
  return found == node.members.end() ? nullptr : &found->value;
}

void allow_only(const JsonNode& node, std::initializer_list<std::string_view> names) {
  for (const auto& member : node.members) {
    if (std::ranges::count(names, member.name) == 0) refuse(member.line, "\"" + member.name + "\" is not known here");
  }
}

void check_name(const JsonNode::Member& member) {
  const bool fits = !member.name.empty() && member.name.size() <= kClusterNameBytesMax &&
                    std::ranges::all_of(member.name, [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                             c == '_' || c == '.';
                    });
  if (!fits) refuse(member.line, "a name is to be 1 to 64 letters, digits, - _ or .");
  if (member.name == kNoTenant || member.name == kClusterMembers) {
    refuse(member.line, "\"" + member.name + "\" has a meaning of its own");
  }
}

std::optional<Fingerprint> fingerprint_in(std::string_view hex) {
  const auto bytes = hex.size() == 64 ? parse_tenant_salt(hex) : std::nullopt;
  if (!bytes || bytes->size() != 32) return std::nullopt;
  Fingerprint fingerprint;
  std::ranges::copy(*bytes, fingerprint.bytes.begin());
  return fingerprint;
}

class Reader {
 public:
  ClusterPolicy read(const JsonNode& root) {
    object(root, "a cluster file");
    allow_only(root, {"version", "tenants", "models", "groups", "grants"});
    const JsonNode* version = find(root, "version");
    if (version == nullptr) refuse(root.line, "\"version\": 1 is missing");
    if (!version->is_whole || version->number != 1) refuse(version->line, "only version 1 is known");
    if (const auto* tenants = find(root, "tenants")) read_tenants(object(*tenants, "\"tenants\""));
    if (const auto* models = find(root, "models")) read_models(object(*models, "\"models\""));
    if (const auto* groups = find(root, "groups")) read_groups(object(*groups, "\"groups\""));
    const JsonNode* grants = find(root, "grants");
    if (grants == nullptr) refuse(root.line, "\"grants\" are missing");
    for (const JsonNode& each : array(*grants, "\"grants\"", kClusterGrantsMax)) read_grant(each);
    return std::move(policy_);
  }

 private:
  static const std::vector<JsonNode>& array(const JsonNode& node, const std::string& what, std::size_t items_max) {
    if (node.kind != Kind::kArray) refuse(node.line, what + " is to be a list");
    if (node.items.size() > items_max) refuse(node.line, what + ": more than " + std::to_string(items_max));
    return node.items;
  }
  static void bound(const JsonNode& node, const std::string& what, std::size_t members_max) {
    if (node.members.size() > members_max) refuse(node.line, what + ": more than " + std::to_string(members_max));
  }

  void read_tenants(const JsonNode& node) {
    bound(node, "\"tenants\"", kClusterTenantsMax);
    for (const auto& member : node.members) {
      check_name(member);
      object(member.value, "a tenant");
      allow_only(member.value, {"salt", "salt_file"});
      Tenant& tenant = policy_.tenants[member.name];
      const JsonNode* salt = find(member.value, "salt");
      const JsonNode* file = find(member.value, "salt_file");
      if (salt != nullptr && file != nullptr) refuse(file->line, "either a salt or a file of one");
      if (salt != nullptr) {
        const auto bytes = parse_tenant_salt(text_of(*salt, "a salt"));
        if (!bytes) refuse(salt->line, "a salt is to be 32 to 128 hex digits; make one with: openssl rand -hex 32");
        if (std::ranges::any_of(policy_.tenants, [&](const auto& each) { return each.second.salt == *bytes; })) {
          refuse(salt->line, "two tenants have the same salt");
        }
        tenant.salt = *bytes;
        policy_.has_salts = true;
      }
      if (file != nullptr) {
        tenant.salt_file = text_of(*file, "\"salt_file\"");
        if (tenant.salt_file.empty()) refuse(file->line, "no file is named");
      }
    }
  }

  void read_models(const JsonNode& node) {
    bound(node, "\"models\"", kClusterModelsMax);
    for (const auto& member : node.members) {
      check_name(member);
      const auto fingerprint = fingerprint_in(text_of(member.value, "a model's fingerprint"));
      if (!fingerprint) refuse(member.value.line, "a fingerprint is 64 hex digits");
      models_[member.name] = *fingerprint;
    }
  }

  void read_groups(const JsonNode& node) {
    bound(node, "\"groups\"", kClusterGroupsMax);
    for (const auto& member : node.members) {
      check_name(member);
      auto& group = groups_[member.name];
      for (const JsonNode& item : array(member.value, "a group", kJsonValuesMax)) {
        const auto peer = multiformats::PeerId::from_text(text_of(item, "a peer"));
        if (!peer) refuse(item.line, "\"" + item.text + "\" is no peer id (12D3KooW…)");
        group.insert(*peer);
      }
    }
  }

  void read_grant(const JsonNode& node) {
    object(node, "a grant");
    allow_only(node, {"peers", "models", "tenants", "may"});
    Grant grant;
    each_of(node, "peers", [&](const JsonNode& item) { read_peer(grant, item); });
    each_of(node, "models", [&](const JsonNode& item) { read_model(grant, item); });
    each_of(node, "tenants", [&](const JsonNode& item) { read_tenant(grant, item); });
    each_of(node, "may", [&](const JsonNode& item) { read_right(grant, item); });
    policy_.grants.push_back(std::move(grant));
  }

  static void each_of(const JsonNode& grant, const std::string& name,
                      const std::function<void(const JsonNode&)>& read) {
    const JsonNode* list = find(grant, name);
    if (list == nullptr) refuse(grant.line, "a grant says nothing of \"" + name + "\"");
    const auto& items = array(*list, "\"" + name + "\"", kJsonValuesMax);
    if (items.empty()) refuse(list->line, "\"" + name + "\" is empty");
    for (const JsonNode& item : items) {
      text_of(item, "what is in \"" + name + "\"");
      read(item);
    }
  }

  void read_peer(Grant& grant, const JsonNode& item) const {
    if (item.text == kClusterMembers) {
      grant.cluster_members = true;
    } else if (const auto group = groups_.find(item.text); group != groups_.end()) {
      grant.peers.insert(group->second.begin(), group->second.end());
    } else if (const auto peer = multiformats::PeerId::from_text(item.text)) {
      grant.peers.insert(*peer);
    } else {
      refuse(item.line, "\"" + item.text + "\" is no peer id, no group and not \"cluster\"");
    }
  }

  void read_model(Grant& grant, const JsonNode& item) const {
    if (item.text == kAny) {
      grant.any_model = true;
    } else if (const auto model = models_.find(item.text); model != models_.end()) {
      grant.models.insert(model->second);
    } else if (const auto fingerprint = fingerprint_in(item.text)) {
      grant.models.insert(*fingerprint);
    } else {
      refuse(item.line, "\"" + item.text + "\" is no model above, no fingerprint and not \"*\"");
    }
  }

  void read_tenant(Grant& grant, const JsonNode& item) const {
    if (item.text == kAny) {
      grant.any_tenant = true;
    } else if (item.text == kNoTenant || policy_.tenants.contains(item.text)) {
      grant.tenants.insert(item.text);
    } else {
      refuse(item.line, "\"" + item.text + "\" is no tenant above, not \"none\" and not \"*\"");
    }
  }

  static void read_right(Grant& grant, const JsonNode& item) {
    const auto right = std::ranges::find(kRights, item.text, &std::pair<std::string_view, Right>::first);
    if (right == kRights.end()) refuse(item.line, "\"" + item.text + "\" is not read, write or announce");
    grant.rights |= static_cast<std::uint8_t>(right->second);
  }

  ClusterPolicy policy_;
  std::map<std::string, Fingerprint> models_;
  std::map<std::string, std::set<multiformats::PeerId>> groups_;
};

bool is_private(const fs::path& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

}  // namespace

std::optional<base::Bytes> parse_tenant_salt(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return std::nullopt;
  text = text.substr(first, text.find_last_not_of(kSpace) - first + 1);
  if (text.size() % 2 != 0 || text.size() < 2 * kTenantSaltBytesMin || text.size() > 2 * kTenantSaltBytesMax) {
    return std::nullopt;
  }
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  base::Bytes bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]), low = digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return bytes;
}

base::TextResult<ClusterPolicy> parse_cluster_file(std::string_view text) {
  if (text.size() > kClusterFileBytesMax) return TextError{0, "longer than a cluster file may be"};
  const auto root = parse_json(text);
  if (!root) return root.error();
  try {
    return Reader().read(*root);
  } catch (Wrong& wrong) {
    return std::move(wrong.error);
  }
}

base::TextResult<std::shared_ptr<const ClusterPolicy>> load_cluster_file(const fs::path& path, std::string_view text) {
  auto policy = parse_cluster_file(text);
  if (!policy) return policy.error();
  if (policy->has_salts && !is_private(path)) {
    return TextError{0, "has salts in it, and may be read or written by other users: run chmod 600 on it"};
  }
  std::set<base::Bytes> salts;
  for (auto& [name, tenant] : policy->tenants) {
    if (!tenant.salt_file.empty()) {
      const fs::path file = path.parent_path() / tenant.salt_file;
      const std::string what = "the salt of \"" + name + "\", " + file.string() + ", ";
      const auto content = base::read_small_file(file, 4 * kTenantSaltBytesMax);
      if (!content) return TextError{0, what + "cannot be read: " + content.error().message()};
      if (!is_private(file)) return TextError{0, what + "may be read or written by other users: run chmod 600 on it"};
      const auto salt = parse_tenant_salt(*content);
      if (!salt) return TextError{0, what + "is not 32 to 128 hex digits"};
      tenant.salt = *salt;
    }
    if (!tenant.salt.empty() && !salts.insert(tenant.salt).second) {
      return TextError{0, "two tenants have the same salt, \"" + name + "\" and another"};
    }
  }
  return std::make_shared<const ClusterPolicy>(std::move(*policy));
}

}  // namespace kvp2p
