#include "engine/cuda/cublas.h"

#include "base/log.h"
#include "engine/engine_error.h"

#include <dlfcn.h>
#include <glob.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

namespace kvp2p::engine::cuda {

// From cublas_api.h and library_types.h, whose values are part of the ABI and the same in 12 and 13.
struct CublasFunctions {
  using Handle = void*;
  int (*create)(Handle*) = nullptr;
  int (*destroy)(Handle) = nullptr;
  int (*set_stream)(Handle, kvc_stream) = nullptr;
  int (*set_workspace)(Handle, void*, std::size_t) = nullptr;
  int (*set_math_mode)(Handle, int) = nullptr;
  int (*gemm)(Handle, int transpose_a, int transpose_b, int m, int n, int k, const void* alpha, const void* a,
              int a_type, int lda, const void* b, int b_type, int ldb, const void* beta, void* c, int c_type, int ldc,
              int compute_type, int algorithm) = nullptr;
  std::string path;
};

namespace {

constexpr int kNoTranspose = 0;
constexpr int kTranspose = 1;
constexpr int kRealF32 = 0;
constexpr int kRealBf16 = 14;
constexpr int kComputeF32 = 68;
constexpr int kDefaultAlgorithm = -1;
constexpr int kDisallowReducedPrecisionReduction = 16;  // partial sums stay fp32
/// What NVIDIA recommends for Hopper.
constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;

constexpr const char* kNames[] = {"libcublas.so.13", "libcublas.so.12"};
constexpr const char* kLtNames[] = {"libcublasLt.so.13", "libcublasLt.so.12"};

std::vector<std::string> folders_matching(const std::string& pattern) {
  std::vector<std::string> found;
  glob_t matches{};
  if (glob(pattern.c_str(), 0, nullptr, &matches) == 0) {
    for (std::size_t i = 0; i < matches.gl_pathc; ++i) found.emplace_back(matches.gl_pathv[i]);
  }
  globfree(&matches);
  return found;
}

std::vector<std::string> folder_patterns() {
  std::vector<std::string> patterns = {"/usr/local/cuda/lib64", "/usr/local/cuda-1[23]*/lib64"};
  std::vector<std::string> packages;
  const auto add_prefix = [&](const std::string& prefix) {
    packages.push_back(prefix + "/lib/python3*/site-packages");
    packages.push_back(prefix + "/lib/python3*/dist-packages");
  };
  if (const char* environment = std::getenv("VIRTUAL_ENV"); environment && *environment) add_prefix(environment);
  for (const char* prefix : {"/usr/local", "/usr", "/opt/*"}) add_prefix(prefix);
  packages.push_back("/usr/lib/python3/dist-packages");
  if (const char* home = std::getenv("HOME"); home && *home) add_prefix(std::string(home) + "/.local");
  for (const std::string& folder : packages) {
    patterns.push_back(folder + "/nvidia/cu1[23]/lib");
    patterns.push_back(folder + "/nvidia/cublas/lib");
  }
  return patterns;
}

/// Loads from `folder`, or by the loader's own search if it is empty.
void* load_from(const std::string& folder, std::string& path) {
  for (int i = 0; i < 2; ++i) {
    const std::string prefix = folder.empty() ? "" : folder + "/";
    // The loader finds what is loaded already by its name; that it is not here is no failure by itself.
    dlopen((prefix + kLtNames[i]).c_str(), RTLD_NOW | RTLD_GLOBAL);
    path = prefix + kNames[i];
    if (void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
  }
  return nullptr;
}

void* find_library(std::string& path) {
  if (const char* named = std::getenv("KVP2P_CUBLAS"); named && *named) {
    const std::filesystem::path given(named);
    std::error_code ignored;
    return load_from((std::filesystem::is_directory(given, ignored) ? given : given.parent_path()).string(), path);
  }
  if (void* library = load_from("", path)) return library;
  for (const std::string& pattern : folder_patterns()) {
    for (const std::string& folder : folders_matching(pattern)) {
      if (void* library = load_from(folder, path)) return library;
    }
  }
  return nullptr;
}

template <class Function>
bool find_function(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (!function) LOG_ERROR("cuBLAS has no {}", name);
  return function != nullptr;
}

/// Never unloaded: its own threads and the driver may know of it.
CublasFunctions load_functions() {
  CublasFunctions f;
  void* library = find_library(f.path);
  if (!library) {
    f.path.clear();
    LOG_ERROR(
        "--device=cuda needs cuBLAS for the engine: no libcublas.so.13 or .12 in KVP2P_CUBLAS, where the dynamic "
        "loader looks, /usr/local/cuda, or Python's nvidia packages");
    return f;
  }
  const bool complete =
      find_function(library, "cublasCreate_v2", f.create) && find_function(library, "cublasDestroy_v2", f.destroy) &&
      find_function(library, "cublasSetStream_v2", f.set_stream) &&
      find_function(library, "cublasSetWorkspace_v2", f.set_workspace) &&
      find_function(library, "cublasSetMathMode", f.set_math_mode) && find_function(library, "cublasGemmEx", f.gemm);
  if (!complete) f.path.clear();
  return f;
}

const CublasFunctions& functions() {
  static const CublasFunctions loaded = load_functions();
  return loaded;
}

}  // namespace

std::string cublas_path() { return functions().path; }

base::Result<std::unique_ptr<Cublas>> Cublas::create(int device, kvc_stream stream) {
  const CublasFunctions& f = functions();
  if (f.path.empty()) return EngineError::kNoCublas;
  std::unique_ptr<Cublas> cublas(new Cublas(f, device));
  if (kvc_device_alloc(device, kWorkspaceBytes, &cublas->workspace_) != KVC_OK) {
    LOG_ERROR("memory for cuBLAS: {}", kvc_last_error());
    return EngineError::kOutOfDeviceMemory;
  }
  int status = f.create(&cublas->handle_);
  if (status == 0) status = f.set_stream(cublas->handle_, stream);
  // After the stream: setting a stream goes back to cuBLAS's own workspace.
  if (status == 0) status = f.set_workspace(cublas->handle_, cublas->workspace_, kWorkspaceBytes);
  if (status == 0) status = f.set_math_mode(cublas->handle_, kDisallowReducedPrecisionReduction);
  if (status != 0) {
    LOG_ERROR("cuBLAS ({}) does not start: status {}", f.path, status);
    return EngineError::kDeviceFailed;
  }
  return cublas;
}

Cublas::~Cublas() {
  if (handle_) functions_.destroy(handle_);
  if (workspace_) kvc_device_free(device_, workspace_);
}

bool Cublas::multiply(const std::uint16_t* in, const std::uint16_t* weights, std::uint16_t* out, std::size_t rows,
                      std::size_t inputs, std::size_t outputs) {
  return multiply(in, weights, out, kRealBf16, rows, inputs, outputs, 0.0f);
}

bool Cublas::multiply(const std::uint16_t* in, const std::uint16_t* weights, float* out, std::size_t rows,
                      std::size_t inputs, std::size_t outputs, bool add) {
  return multiply(in, weights, out, kRealF32, rows, inputs, outputs, add ? 1.0f : 0.0f);
}

/// cuBLAS counts by columns: what it calls C is our `out` transposed, [outputs][rows].
bool Cublas::multiply(const std::uint16_t* in, const std::uint16_t* weights, void* out, int out_type, std::size_t rows,
                      std::size_t inputs, std::size_t outputs, float beta) {
  const float alpha = 1.0f;
  const auto m = static_cast<int>(outputs);
  const auto n = static_cast<int>(rows);
  const auto k = static_cast<int>(inputs);
  const int status = functions_.gemm(handle_, kTranspose, kNoTranspose, m, n, k, &alpha, weights, kRealBf16, k, in,
                                     kRealBf16, k, &beta, out, out_type, m, kComputeF32, kDefaultAlgorithm);
  if (status != 0) LOG_ERROR("cuBLAS: product of {} x {} by {}: status {}", n, k, m, status);
  return status == 0;
}

}  // namespace kvp2p::engine::cuda
