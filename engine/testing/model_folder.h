// A temporary model folder, for tests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kvp2p::engine::testing {

/// A tensor filled with one number, which its dtype holds exactly.
struct TestTensor {
  std::string name;
  std::vector<std::uint64_t> shape;
  float value = 0;
  std::string dtype = "F32";
};

/// Removed with all that is in it when destroyed.
class ModelFolder {
 public:
  ModelFolder();
  ~ModelFolder();
  ModelFolder(const ModelFolder&) = delete;
  ModelFolder& operator=(const ModelFolder&) = delete;

  const std::string& path() const { return path_; }
  void write(const std::string& name, const std::string& bytes) const;
  void write_safetensors(const std::string& name, const std::vector<TestTensor>& tensors) const;

 private:
  std::string path_;
};

}  // namespace kvp2p::engine::testing
