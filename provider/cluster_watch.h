// The cluster file of a node: read at the start, and again when it changes.
#pragma once

#include "base/clock.h"
#include "exchange/access_control.h"
#include "exchange/exchange.h"
#include "provider/watched_file.h"

#include <memory>

namespace kvp2p {

/// Node thread only, but for load(), access() and salt_of() before that runs.
class ClusterWatch {
 public:
  /// NodeError::kBadClusterFile; the log says what is wrong, and in which line.
  static base::Result<std::unique_ptr<ClusterWatch>> load(const std::filesystem::path& path);

  const std::shared_ptr<AccessControl>& access() const { return access_; }
  /// Looks every second whether the file has changed. What is wrong in a new one is logged, and the old one holds on.
  void start(base::Clock& clock, Exchange& exchange);
  /// Reads it again now, with the files of salts that it names.
  void reload();
  void stop();

 private:
  explicit ClusterWatch(const std::filesystem::path& path);
  /// Whether the file could be read, and is as it should be.
  bool read();
  void look();

  WatchedFile file_;
  std::shared_ptr<AccessControl> access_ = std::make_shared<AccessControl>();
  base::Clock* clock_ = nullptr;
  Exchange* exchange_ = nullptr;  // null: not started, or stopped
  std::unique_ptr<base::Timer> timer_;
};

/// A tenant's salt, by its name in the cluster file or by a file of its own: one of them. NodeError::kBadTenant.
base::Result<base::Bytes> tenant_salt(const ClusterWatch* cluster, const std::string& tenant,
                                      const std::filesystem::path& salt_file);

}  // namespace kvp2p
