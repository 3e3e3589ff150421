#include "kv/weights_cache.h"

#include "kv/weights_manifest.h"

#include <sys/stat.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <fstream>

namespace kvp2p {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kVersion = 1;

std::int64_t to_ns(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

std::optional<Sha256Digest> digest_from_hex(const std::string& text) {
  Sha256Digest digest;
  if (text.size() != 2 * digest.size()) return std::nullopt;
  const auto nibble = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const int high = nibble(text[2 * i]);
    const int low = nibble(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    digest[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return digest;
}

template <class Integer>
bool read(const json& row, const char* name, Integer& value) {
  const auto field = row.find(name);
  if (field == row.end() || !field->is_number_integer()) return false;
  value = field->get<Integer>();
  return true;
}

bool read(const json& row, FileIdentity& identity, Sha256Digest& digest) {
  if (!row.is_object() || !read(row, "bytes", identity.bytes) || !read(row, "mtime_ns", identity.mtime_ns) ||
      !read(row, "ctime_ns", identity.ctime_ns) || !read(row, "device", identity.device) ||
      !read(row, "inode", identity.inode)) {
    return false;
  }
  const auto text = row.find("sha256");
  if (text == row.end() || !text->is_string()) return false;
  const auto parsed = digest_from_hex(text->get_ref<const std::string&>());
  if (parsed) digest = *parsed;
  return parsed.has_value();
}

json row_of(const FileIdentity& identity, const Sha256Digest& digest) {
  return {{"bytes", identity.bytes},   {"mtime_ns", identity.mtime_ns}, {"ctime_ns", identity.ctime_ns},
          {"device", identity.device}, {"inode", identity.inode},       {"sha256", base::to_hex(digest)}};
}

json read_file(const fs::path& path) {
  std::error_code error;
  const auto bytes = fs::file_size(path, error);
  if (error || bytes > kWeightsCacheBytesMax) return nullptr;
  std::ifstream file(path, std::ios::binary);
  return json::parse(file, nullptr, /*allow_exceptions=*/false);
}

}  // namespace

FileIdentity FileIdentity::of(const struct stat& status) {
  return {static_cast<std::uint64_t>(status.st_size), to_ns(status.st_mtim), to_ns(status.st_ctim), status.st_dev,
          status.st_ino};
}

WeightsCache WeightsCache::load(const fs::path& path) {
  WeightsCache cache;
  const json document = read_file(path);
  if (!document.is_object() || document.value("version", json()) != kVersion) return cache;
  const auto files = document.find("files");
  if (files == document.end() || !files->is_object()) return cache;
  for (const auto& [file, row] : files->items()) {
    Entry entry;
    if (cache.entries_.size() == kWeightsCacheEntriesMax) break;
    if (read(row, entry.identity, entry.digest)) cache.entries_[file] = entry;
  }
  return cache;
}

std::optional<Sha256Digest> WeightsCache::find(const fs::path& file, const FileIdentity& identity) const {
  const auto entry = entries_.find(file.string());
  if (entry == entries_.end() || entry->second.identity != identity) return std::nullopt;
  return entry->second.digest;
}

void WeightsCache::put(const fs::path& file, const FileIdentity& identity, const Sha256Digest& digest) {
  entries_[file.string()] = {identity, digest};
  changed_ = true;
}

bool WeightsCache::save(const fs::path& path) const {
  json files = json::object();
  for (const auto& [file, entry] : entries_) {
    std::error_code error;
    if (fs::exists(file, error)) files[file] = row_of(entry.identity, entry.digest);
  }
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  fs::path temporary = path;
  temporary += "." + std::to_string(::getpid());
  {
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    // Paths are bytes, JSON is UTF-8: what is not is replaced, and its file is hashed anew next time.
    out << json{{"version", kVersion}, {"files", files}}.dump(1, ' ', false, json::error_handler_t::replace) << '\n';
    if (!out.flush()) return false;
  }
  fs::rename(temporary, path, error);
  return !error;
}

}  // namespace kvp2p
