#include "provider/cluster_watch.h"

#include "base/log.h"
#include "exchange/cluster_file.h"
#include "kv/tenant.h"
#include "provider/error.h"

#include <sys/stat.h>

namespace kvp2p {

namespace {

constexpr base::Duration kLookInterval = std::chrono::seconds(1);

}  // namespace

ClusterWatch::ClusterWatch(const std::filesystem::path& path) : file_(path, kClusterFileBytesMax) {}

base::Result<std::unique_ptr<ClusterWatch>> ClusterWatch::load(const std::filesystem::path& path) {
  std::unique_ptr<ClusterWatch> watch(new ClusterWatch(path));
  if (!watch->read()) return NodeError::kBadClusterFile;
  return watch;
}

bool ClusterWatch::read() {
  const auto content = file_.changed();
  if (!content) return true;
  const std::string name = file_.path().string();
  if (!*content) {
    LOG_ERROR("{}: {}", name, content->error().message());
    return false;
  }
  auto policy = load_cluster_file(file_.path(), **content);
  if (!policy) {
    LOG_ERROR("{}", policy.error().to_text(name));
    return false;
  }
  const auto before = access_->policy();
  if (before && **policy == *before) return true;
  access_->set_policy(*policy);
  if (exchange_ == nullptr) return true;
  LOG_INFO("{}: read again", name);
  exchange_->policy_changed(
      [&](const multiformats::PeerId& peer) { return same_for(*before, *access_->policy(), peer); });
  return true;
}

void ClusterWatch::start(base::Clock& clock, Exchange& exchange) {
  clock_ = &clock;
  exchange_ = &exchange;
  look();
}

void ClusterWatch::look() {
  if (exchange_ == nullptr) return;
  if (!read()) LOG_WARN("what the cluster file said before holds on");
  timer_ = clock_->call_at(clock_->now() + kLookInterval, [this] { look(); });
}

void ClusterWatch::reload() {
  file_.look_anew();
  if (exchange_ != nullptr && !read()) LOG_WARN("what the cluster file said before holds on");
}

void ClusterWatch::stop() {
  exchange_ = nullptr;
  timer_.reset();
}

base::Result<base::Bytes> tenant_salt(const ClusterWatch* cluster, const std::string& tenant,
                                      const std::filesystem::path& salt_file) {
  if (tenant.empty() == salt_file.empty()) return NodeError::kBadTenant;
  if (!tenant.empty()) {
    if (cluster == nullptr) return NodeError::kBadTenant;
    const auto& tenants = cluster->access()->policy()->tenants;
    const auto found = tenants.find(tenant);
    if (found == tenants.end() || found->second.salt.empty()) return NodeError::kBadTenant;
    return found->second.salt;
  }
  struct stat status;
  if (::stat(salt_file.c_str(), &status) != 0 || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return NodeError::kBadTenant;
  }
  const auto text = base::read_small_file(salt_file, 4 * kTenantSaltBytesMax);
  const auto salt = text ? parse_tenant_salt(*text) : std::nullopt;
  if (!salt) return NodeError::kBadTenant;
  return *salt;
}

}  // namespace kvp2p
