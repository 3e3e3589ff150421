// Neighbouring tokens of one sequence on their way through the layers.
//
// Products are done in tiles of a fixed number of rows on a fixed grid of positions: a tile holds positions
// [i * tile, (i + 1) * tile), and rows outside the batch are padding. So the K and V of a token have the same bits
// however the prompt was cut into batches: a prefix that was computed elsewhere, in other batches, is exactly what
// would have been computed here. Padding costs at most one tile at each end.
#pragma once

#include <cstddef>
#include <vector>

namespace kvp2p::engine {

struct Batch {
  std::size_t start = 0;  // position of the first token
  std::size_t count = 0;  // tokens
  std::size_t tile = 1;   // rows of one product
  /// [rows()][hidden]; the token at position start + i has row front() + i, all other rows are finite and mean nothing.
  std::vector<float> hidden;

  std::size_t end() const { return start + count; }
  std::size_t front() const { return start % tile; }
  std::size_t rows() const { return (front() + count + tile - 1) / tile * tile; }
  /// The position of row 0: a multiple of `tile`.
  std::size_t grid_start() const { return start - front(); }
};

}  // namespace kvp2p::engine
