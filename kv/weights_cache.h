// The file that remembers digests of weight files. Only for weights_manifest.cc.
#pragma once

#include "kv/sha256.h"

#include <filesystem>
#include <map>
#include <optional>
#include <string>

struct stat;

namespace kvp2p {

/// Tells one content of a file from another without reading it. The change time is there because tools set the
/// modification time back after they have written.
struct FileIdentity {
  std::uint64_t bytes = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;

  static FileIdentity of(const struct stat& status);
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

/// Not thread-safe; each use loads its own.
class WeightsCache {
 public:
  /// Reads `path`; a file that is missing, corrupt or of another version is an empty cache.
  static WeightsCache load(const std::filesystem::path& path);

  std::optional<Sha256Digest> find(const std::filesystem::path& file, const FileIdentity& identity) const;
  void put(const std::filesystem::path& file, const FileIdentity& identity, const Sha256Digest& digest);
  bool changed() const { return changed_; }
  /// Replaces `path` atomically, leaving out files that are gone. False if it cannot.
  bool save(const std::filesystem::path& path) const;

 private:
  struct Entry {
    FileIdentity identity;
    Sha256Digest digest;
  };
  std::map<std::string, Entry> entries_;
  bool changed_ = false;
};

}  // namespace kvp2p
