#include "gpu/shared_memory.h"

#include "gpu/error.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <limits>

namespace kvp2p {

namespace {

#ifndef F_SEAL_FUTURE_WRITE
constexpr int F_SEAL_FUTURE_WRITE = 0x10;
#endif

}  // namespace

base::Result<SharedMemory> SharedMemory::create(std::size_t bytes) {
  if (bytes == 0 || bytes > std::numeric_limits<off_t>::max()) return GpuError::kOutOfMemory;
  SharedMemory memory;
  memory.fd_.reset(::memfd_create("kv-cache", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const int fd = memory.fd_.get();
  if (fd < 0 || ::ftruncate(fd, static_cast<off_t>(bytes)) != 0) return GpuError::kOutOfMemory;
  void* mapping = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapping == MAP_FAILED) return GpuError::kOutOfMemory;
  memory.data_ = static_cast<std::uint8_t*>(mapping);
  memory.bytes_ = bytes;
  // Older kernels do without the seal on writing: readers of the same user are not kept from harm, but from accidents.
  ::fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
  if (::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) return GpuError::kOutOfMemory;
  return memory;
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : fd_(std::move(other.fd_)), data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

SharedMemory::~SharedMemory() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
}

bool is_sealed_at_least(int fd, std::uint64_t bytes) {
  const int seals = ::fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) return false;
  struct stat about {};
  return ::fstat(fd, &about) == 0 && about.st_size >= 0 && static_cast<std::uint64_t>(about.st_size) >= bytes;
}

base::Result<MappedMemory> MappedMemory::map_readable(int fd, std::uint64_t offset, std::uint64_t bytes) {
  return map(fd, offset, bytes, PROT_READ);
}

base::Result<MappedMemory> MappedMemory::map_writable(int fd, std::uint64_t offset, std::uint64_t bytes) {
  return map(fd, offset, bytes, PROT_READ | PROT_WRITE);
}

base::Result<MappedMemory> MappedMemory::map(int fd, std::uint64_t offset, std::uint64_t bytes, int protection) {
  std::uint64_t end = 0;
  if (bytes == 0 || __builtin_add_overflow(offset, bytes, &end)) return GpuError::kNotReachable;
  if (!is_sealed_at_least(fd, end)) return GpuError::kNotReachable;
  const std::uint64_t page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::uint64_t before = offset % page;
  MappedMemory memory;
  void* mapping = ::mmap(nullptr, before + bytes, protection, MAP_SHARED, fd, static_cast<off_t>(offset - before));
  if (mapping == MAP_FAILED) return GpuError::kNotReachable;
  memory.mapping_ = mapping;
  memory.mapping_bytes_ = before + bytes;
  memory.data_ = static_cast<std::uint8_t*>(mapping) + before;
  memory.bytes_ = bytes;
  return memory;
}

MappedMemory::MappedMemory(MappedMemory&& other) noexcept
    : mapping_(std::exchange(other.mapping_, nullptr)),
      mapping_bytes_(std::exchange(other.mapping_bytes_, 0)),
      data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)) {}

MappedMemory& MappedMemory::operator=(MappedMemory&& other) noexcept {
  std::swap(mapping_, other.mapping_);
  std::swap(mapping_bytes_, other.mapping_bytes_);
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedMemory::~MappedMemory() {
  if (mapping_ != nullptr) ::munmap(mapping_, mapping_bytes_);
}

}  // namespace kvp2p
