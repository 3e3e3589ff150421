// Host memory that another process of this host can be given.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"
#include "gpu/connector.h"

#include <cstddef>
#include <cstdint>

namespace kvp2p {

/// A memfd and its mapping, zeroed. Sealed against any change of its size, so that who maps it elsewhere is safe from
/// SIGBUS, and, where the kernel can (5.1), against being written through any other mapping than this one. Owns both.
/// Moves, does not copy.
class SharedMemory {
 public:
  /// GpuError::kOutOfMemory.
  static base::Result<SharedMemory> create(std::size_t bytes);

  SharedMemory() = default;
  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&& other) noexcept;
  ~SharedMemory();

  std::uint8_t* data() const { return data_; }
  std::size_t size() const { return bytes_; }
  int fd() const { return fd_.get(); }
  /// For GpuConnector::register_region.
  RegionMemory as_region() const { return {data_, bytes_, fd_.get(), 0}; }

 private:
  base::UniqueFd fd_;
  std::uint8_t* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Somebody else's memfd, mapped for reading. Owns the mapping. Moves, does not copy.
class MappedMemory {
 public:
  /// `fd` is hostile: it is mapped only if it can never become shorter than offset + bytes. kNotReachable if it could.
  static base::Result<MappedMemory> map_readable(int fd, std::uint64_t offset, std::uint64_t bytes);
  /// The same, for writing too.
  static base::Result<MappedMemory> map_writable(int fd, std::uint64_t offset, std::uint64_t bytes);

  MappedMemory() = default;
  MappedMemory(MappedMemory&& other) noexcept;
  MappedMemory& operator=(MappedMemory&& other) noexcept;
  ~MappedMemory();

  std::uint8_t* data() const { return data_; }
  std::size_t size() const { return bytes_; }

 private:
  static base::Result<MappedMemory> map(int fd, std::uint64_t offset, std::uint64_t bytes, int protection);

  void* mapping_ = nullptr;
  std::size_t mapping_bytes_ = 0;
  std::uint8_t* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Whether the file can never become shorter than `bytes`: reading a mapping of that much never raises SIGBUS.
bool is_sealed_at_least(int fd, std::uint64_t bytes);

}  // namespace kvp2p
