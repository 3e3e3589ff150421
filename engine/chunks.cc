#include "engine/chunks.h"

#include <algorithm>
#include <cassert>

namespace kvp2p::engine {

std::vector<std::size_t> chunk_ends(std::size_t begin, std::size_t end, std::size_t chunk,
                                    std::span<const std::size_t> extra) {
  assert(begin < end && chunk > 0);
  std::vector<std::size_t> ends{end};
  for (std::size_t cut = (begin / chunk + 1) * chunk; cut < end; cut += chunk) ends.push_back(cut);
  for (std::size_t cut : extra) {
    if (cut > begin && cut < end) ends.push_back(cut);
  }
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  return ends;
}

}  // namespace kvp2p::engine
