// What a model's weights are, as one digest: SHA-256 over the SHA-256 digests of its weight files (docs/keys.md).
//
// Names of files and folders are not in it: names lie. Hashing 140 GB takes minutes, so the digest of each file is kept
// in a cache file and taken from there while path, size, modification and change times (ns), device and inode are the
// same. Blocking I/O: never call it on the node thread. Thread-safe; of processes that save the cache at the same time
// the last one's entries stay.
#pragma once

#include "base/result.h"

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace kvp2p {

/// Bounds: weight files of one model, entries kept in the cache file, its size.
inline constexpr std::size_t kWeightFilesMax = 4096;
inline constexpr std::size_t kWeightsCacheEntriesMax = 16384;
inline constexpr std::size_t kWeightsCacheBytesMax = 16u << 20;

/// The weight files directly in `model_dir`, sorted: all *.safetensors; if there are none all *.gguf; if there are none
/// all *.bin. Links are followed. KvError::kNoWeights, kWeightsUnreadable, kTooManyWeightFiles.
base::Result<std::vector<std::filesystem::path>> weight_files(const std::filesystem::path& model_dir);

/// Digest of exactly these files, in whatever order, as hex. The cache file is `cache_dir`/weights.json, made with its
/// folder where missing and replaced as a whole; one that cannot be read or written only costs time. An empty
/// `cache_dir` means no cache. kWeightsUnreadable, kWeightsChanged.
base::Result<std::string> digest_of_weight_files(std::span<const std::filesystem::path> files,
                                                 const std::filesystem::path& cache_dir);

/// The two together: what ModelSpec::weights_digest holds for a model folder.
base::Result<std::string> digest_of_weights(const std::filesystem::path& model_dir,
                                            const std::filesystem::path& cache_dir);

}  // namespace kvp2p
