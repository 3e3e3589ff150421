// cuBLAS, found and loaded at run time: the binary starts without it.
//
// Looked for, in this order:
//   1. KVP2P_CUBLAS: the folder that holds libcublas.so.13 or .12, or the file; if set, nothing else is tried;
//   2. by name, as the dynamic loader searches (LD_LIBRARY_PATH, ldconfig; also what the process has loaded already);
//   3. /usr/local/cuda*/lib64;
//   4. where PyPI wheels put it (nvidia/cu13/lib, nvidia/cublas/lib), below the site-packages of VIRTUAL_ENV, of
//      /usr/local, /usr, /opt/* and of ~/.local.
// libcublasLt of the same folder is loaded first, for cuBLAS asks the loader for it by name.
#pragma once

#include "base/result.h"
#include "gpu/cuda/kvcache.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace kvp2p::engine::cuda {

struct CublasFunctions;

/// One handle on one stream, with a workspace of fixed size: equal shapes give equal bits. Used by one thread.
class Cublas {
 public:
  /// kNoCublas (the log says what was tried), kOutOfDeviceMemory, kDeviceFailed. For the thread's current device, which
  /// is `device`; the stream outlives it.
  static base::Result<std::unique_ptr<Cublas>> create(int device, kvc_stream stream);
  ~Cublas();
  Cublas(const Cublas&) = delete;

  /// out[rows][outputs] = in[rows][inputs] * weights[outputs][inputs]^T, bf16, sums in fp32.
  bool multiply(const std::uint16_t* in, const std::uint16_t* weights, std::uint16_t* out, std::size_t rows,
                std::size_t inputs, std::size_t outputs);
  /// The same, in fp32; `add`: to what `out` holds.
  bool multiply(const std::uint16_t* in, const std::uint16_t* weights, float* out, std::size_t rows, std::size_t inputs,
                std::size_t outputs, bool add);

 private:
  Cublas(const CublasFunctions& functions, int device) : functions_(functions), device_(device) {}
  bool multiply(const std::uint16_t* in, const std::uint16_t* weights, void* out, int out_type, std::size_t rows,
                std::size_t inputs, std::size_t outputs, float beta);

  const CublasFunctions& functions_;
  const int device_;
  void* handle_ = nullptr;
  void* workspace_ = nullptr;
};

/// Where cuBLAS was found; empty if it has not been looked for or is not there. For people.
std::string cublas_path();

}  // namespace kvp2p::engine::cuda
