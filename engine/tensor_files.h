// The safetensors files of one model folder, opened and their headers checked.
#pragma once

#include "engine/safetensors.h"

#include <initializer_list>
#include <memory>

namespace kvp2p::engine {

/// Reads by pread, not by mapping: a file that shrinks while it is read is an error and not a signal. Not thread-safe.
class TensorFiles {
 public:
  /// Opens model.safetensors, or the shards that model.safetensors.index.json names.
  static base::Result<TensorFiles> open(const std::string& folder);

  TensorFiles(TensorFiles&&) noexcept;
  TensorFiles& operator=(TensorFiles&&) noexcept;
  ~TensorFiles();

  /// The paths of the files, sorted.
  std::vector<std::string> paths() const;

  bool has(const std::string& name) const { return tensors_.contains(name); }

  /// kTensorMissing, kTensorShapeMismatch or kUnsupportedDtype unless read() with these arguments can work.
  base::Result<> check(const std::string& name, std::span<const std::uint64_t> shape) const;

  /// Reads a tensor of exactly this shape into `out`, which has room for just that many elements.
  base::Result<> read(const std::string& name, std::span<const std::uint64_t> shape, std::span<float> out) const;

 private:
  struct File;
  struct Tensor {
    TensorInfo info;
    std::size_t file = 0;
  };

  TensorFiles();
  base::Result<> add_file(const std::string& path);

  std::vector<std::unique_ptr<File>> files_;
  std::map<std::string, Tensor> tensors_;
};

}  // namespace kvp2p::engine
