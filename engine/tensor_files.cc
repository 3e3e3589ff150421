#include "engine/tensor_files.h"

#include "engine/engine_error.h"
#include "engine/small_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cassert>
#include <filesystem>
#include <set>

namespace kvp2p::engine {
namespace {

constexpr char kSingleFile[] = "model.safetensors";
constexpr char kIndexFile[] = "model.safetensors.index.json";
constexpr std::size_t kReadBytes = 1 << 20;

}  // namespace

/// An open file and where its data section begins.
struct TensorFiles::File {
  File(int opened, std::string opened_path) : descriptor(opened), path(std::move(opened_path)) {}
  ~File() { ::close(descriptor); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  base::Result<> read_at(std::uint64_t offset, base::MutableBytes out) const {
    while (!out.empty()) {
      const ssize_t got = ::pread(descriptor, out.data(), out.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return EngineError::kFileUnreadable;
      if (got == 0) return EngineError::kTensorOutOfFile;
      offset += static_cast<std::uint64_t>(got);
      out = out.subspan(static_cast<std::size_t>(got));
    }
    return {};
  }

  int descriptor;
  std::string path;
  std::uint64_t data_begin = 0;
};

TensorFiles::TensorFiles() = default;
TensorFiles::TensorFiles(TensorFiles&&) noexcept = default;
TensorFiles& TensorFiles::operator=(TensorFiles&&) noexcept = default;
TensorFiles::~TensorFiles() = default;

base::Result<TensorFiles> TensorFiles::open(const std::string& folder) {
  TensorFiles out;
  std::error_code ignored;
  if (!std::filesystem::exists(folder + "/" + kIndexFile, ignored)) {
    if (auto ok = out.add_file(folder + "/" + kSingleFile); !ok) return ok.error();
    return out;
  }
  auto text = read_small_file(folder + "/" + kIndexFile, kSafetensorsIndexBytesMax);
  if (!text) return text.error();
  auto index = parse_safetensors_index(*text);
  if (!index) return index.error();
  std::set<std::string> names;
  for (const auto& [tensor, file] : *index) names.insert(file);
  for (const std::string& name : names) {
    const auto path = std::filesystem::path(folder) / name;
    if (auto ok = out.add_file(path.string()); !ok) return ok.error();
  }
  return out;
}

std::vector<std::string> TensorFiles::paths() const {
  std::vector<std::string> out;
  out.reserve(files_.size());
  for (const auto& file : files_) out.push_back(file->path);
  std::sort(out.begin(), out.end());
  return out;
}

base::Result<> TensorFiles::add_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return EngineError::kFileUnreadable;
  auto file = std::make_unique<File>(descriptor, path);
  struct stat status;
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return EngineError::kFileUnreadable;
  const auto file_bytes = static_cast<std::uint64_t>(status.st_size);
  std::uint8_t first8[kSafetensorsLengthBytes];
  if (auto ok = file->read_at(0, first8); !ok) return EngineError::kBadSafetensorsHeader;
  auto length = parse_safetensors_length(first8, file_bytes);
  if (!length) return length.error();
  base::Bytes json(*length);
  if (auto ok = file->read_at(kSafetensorsLengthBytes, json); !ok) return ok;
  file->data_begin = kSafetensorsLengthBytes + *length;
  auto header = parse_safetensors_header(base::as_text(json), file_bytes - file->data_begin);
  if (!header) return header.error();
  for (auto& [name, info] : *header) {
    if (!tensors_.emplace(name, Tensor{std::move(info), files_.size()}).second) return EngineError::kDuplicateTensor;
  }
  files_.push_back(std::move(file));
  return {};
}

base::Result<> TensorFiles::check(const std::string& name, std::span<const std::uint64_t> shape) const {
  auto it = tensors_.find(name);
  if (it == tensors_.end()) return EngineError::kTensorMissing;
  const TensorInfo& info = it->second.info;
  if (!std::equal(shape.begin(), shape.end(), info.shape.begin(), info.shape.end())) {
    return EngineError::kTensorShapeMismatch;
  }
  if (info.dtype == Dtype::kOther) return EngineError::kUnsupportedDtype;
  return {};
}

base::Result<> TensorFiles::read(const std::string& name, std::span<const std::uint64_t> shape,
                                 std::span<float> out) const {
  if (auto ok = check(name, shape); !ok) return ok;
  const Tensor& tensor = tensors_.at(name);
  const File& file = *files_[tensor.file];
  const std::size_t bytes_each = element_bytes(tensor.info.dtype);
  assert(out.size() * bytes_each == tensor.info.end - tensor.info.begin);
  base::Bytes piece(std::min(kReadBytes, out.size() * bytes_each));
  std::uint64_t at = file.data_begin + tensor.info.begin;
  while (!out.empty()) {
    const std::size_t elements = std::min(piece.size() / bytes_each, out.size());
    const base::MutableBytes bytes = base::MutableBytes(piece).first(elements * bytes_each);
    if (auto ok = file.read_at(at, bytes); !ok) return ok;
    convert_to_f32(tensor.info.dtype, bytes, out.first(elements));
    at += bytes.size();
    out = out.subspan(elements);
  }
  return {};
}

}  // namespace kvp2p::engine
