#include "engine/matmul.h"

#include <cblas.h>

#include <cassert>
#include <thread>

namespace kvp2p::engine {
namespace {

blasint as_int(std::size_t n) {
  assert(n <= INT32_MAX);
  return static_cast<blasint>(n);
}

}  // namespace

void set_blas_threads(int threads) {
  openblas_set_num_threads(threads > 0 ? threads : static_cast<int>(std::thread::hardware_concurrency()));
}

void multiply(const float* a, std::size_t rows, const Matrix& weights, float* out) {
  multiply_transposed({a, rows, weights.columns, weights.columns},
                      {weights.values.data(), weights.rows, weights.columns, weights.columns}, 1.0f, out, weights.rows);
}

void multiply_transposed(const Rows& a, const Rows& b, float scale, float* out, std::size_t out_stride) {
  assert(a.columns == b.columns);
  if (a.rows == 1) {
    // A product with one row reads all of b once: sgemv does it at memory speed, sgemm would repack b first.
    cblas_sgemv(CblasRowMajor, CblasNoTrans, as_int(b.rows), as_int(b.columns), scale, b.values, as_int(b.stride),
                a.values, 1, 0.0f, out, 1);
    return;
  }
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, as_int(a.rows), as_int(b.rows), as_int(a.columns), scale,
              a.values, as_int(a.stride), b.values, as_int(b.stride), 0.0f, out, as_int(out_stride));
}

void multiply_plain(const Rows& a, const Rows& b, float* out, std::size_t out_stride) {
  assert(a.columns == b.rows);
  if (a.rows == 1) {
    cblas_sgemv(CblasRowMajor, CblasTrans, as_int(b.rows), as_int(b.columns), 1.0f, b.values, as_int(b.stride),
                a.values, 1, 0.0f, out, 1);
    return;
  }
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, as_int(a.rows), as_int(b.columns), as_int(a.columns), 1.0f,
              a.values, as_int(a.stride), b.values, as_int(b.stride), 0.0f, out, as_int(out_stride));
}

}  // namespace kvp2p::engine
