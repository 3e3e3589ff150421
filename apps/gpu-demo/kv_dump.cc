#include "apps/gpu-demo/kv_dump.h"

#include "base/log.h"
#include "kv/object_format.h"

#include <fstream>
#include <vector>

namespace kvp2p::demo {

bool dump_kv(const engine::PagedKvCache& kv, const engine::BlockTable& table, std::size_t blocks,
             const std::string& path) {
  const auto& shape = kv.options();
  const std::size_t plane_floats = kBlockTokens * shape.head_dim;
  const std::size_t block_floats = shape.layers * shape.kv_heads * 2 * plane_floats;
  std::vector<float> wire(blocks * block_floats);
  std::vector<float> vectors(blocks * plane_floats);  // one plane of one head, all tokens
  for (std::size_t layer = 0; layer < shape.layers; ++layer) {
    for (std::size_t head = 0; head < shape.kv_heads; ++head) {
      for (std::size_t plane = 0; plane < 2; ++plane) {
        kv.gather(layer, static_cast<engine::KvPlane>(plane), table, head, blocks * kBlockTokens, vectors.data());
        const std::size_t within_block = ((layer * shape.kv_heads + head) * 2 + plane) * plane_floats;
        for (std::size_t block = 0; block < blocks; ++block) {
          std::copy_n(vectors.data() + block * plane_floats, plane_floats,
                      wire.data() + block * block_floats + within_block);
        }
      }
    }
  }
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(wire.data()), static_cast<std::streamsize>(wire.size() * sizeof(float)));
  file.close();
  if (!file) LOG_ERROR("--kv-dump: cannot write {}", path);
  return static_cast<bool>(file);
}

}  // namespace kvp2p::demo
