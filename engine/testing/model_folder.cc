#include "engine/testing/model_folder.h"

#include "base/bytes.h"

#include <nlohmann/json.hpp>

#include <bit>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace kvp2p::engine::testing {
namespace {

/// Little-endian bytes of a number that the type holds exactly and that is normal in it.
std::string encode(float value, const std::string& dtype) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  std::uint32_t out = bits;
  if (dtype == "BF16") out = bits >> 16;
  if (dtype == "F16") out = (bits >> 16 & 0x8000) | ((bits >> 23 & 0xff) - 112) << 10 | (bits >> 13 & 0x3ff);
  std::string bytes;
  for (std::size_t i = 0; i < (dtype == "F32" ? 4 : 2); ++i) bytes += static_cast<char>(out >> 8 * i);
  return bytes;
}

}  // namespace

ModelFolder::ModelFolder() : path_((std::filesystem::temp_directory_path() / "kvp2p-model-XXXXXX").string()) {
  if (!::mkdtemp(path_.data())) throw std::runtime_error("cannot make a temporary folder");
}

ModelFolder::~ModelFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void ModelFolder::write(const std::string& name, const std::string& bytes) const {
  std::ofstream file(path_ + "/" + name, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

void ModelFolder::write_safetensors(const std::string& name, const std::vector<TestTensor>& tensors) const {
  nlohmann::json header;
  std::string data;
  for (const TestTensor& tensor : tensors) {
    const std::size_t begin = data.size();
    std::uint64_t count = 1;
    for (std::uint64_t dim : tensor.shape) count *= dim;
    for (std::uint64_t i = 0; i < count; ++i) data += encode(tensor.value, tensor.dtype);
    header[tensor.name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {begin, data.size()}}};
  }
  const std::string json = header.dump();
  std::uint8_t length[8];
  base::store_le64(length, json.size());
  write(name, std::string(reinterpret_cast<const char*>(length), 8) + json + data);
}

}  // namespace kvp2p::engine::testing
