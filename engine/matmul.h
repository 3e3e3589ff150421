// Matrix products, by OpenBLAS.
//
// OpenBLAS adds in an order that depends on a product's shape, so a row's result can change in its last bits with the
// number of rows beside it. Callers that need equal bits give products of equal shape (see batch.h). The number of
// threads matters too: it is set once a process.
#pragma once

#include "engine/weights.h"

#include <cstddef>

namespace kvp2p::engine {

/// Threads for all products of this process; 0 for one a core. OpenBLAS has one pool: calls from several threads queue.
void set_blas_threads(int threads);

/// A row-major matrix that somebody else owns; rows are `stride` floats apart.
struct Rows {
  const float* values;
  std::size_t rows;
  std::size_t columns;
  std::size_t stride;
};

/// out[i][j] = sum over k of a[i][k] * weights[j][k]. Rows of `out` are weights.rows apart.
void multiply(const float* a, std::size_t rows, const Matrix& weights, float* out);

/// out[i][j] = scale * sum over k of a[i][k] * b[j][k]; rows of `out` are `out_stride` apart.
void multiply_transposed(const Rows& a, const Rows& b, float scale, float* out, std::size_t out_stride);

/// out[i][j] = sum over k of a[i][k] * b[k][j]; rows of `out` are `out_stride` apart.
void multiply_plain(const Rows& a, const Rows& b, float* out, std::size_t out_stride);

}  // namespace kvp2p::engine
