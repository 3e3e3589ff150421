#include "apps/gpu-demo/kv_dump.h"

#include "base/log.h"
#include "kv/object_format.h"

#include <fstream>
#include <vector>

namespace kvp2p::demo {

bool dump_kv(const engine::KvPages& kv, const engine::BlockTable& table, std::size_t blocks, const std::string& path) {
  const auto& shape = kv.options();
  const std::size_t plane_bytes = kBlockTokens * shape.head_dim * element_bytes(kv.element());
  const std::size_t block_bytes = shape.layers * shape.kv_heads * 2 * plane_bytes;
  std::vector<char> wire(blocks * block_bytes);
  std::vector<char> vectors(blocks * plane_bytes);  // one plane of one head, all tokens
  for (std::size_t layer = 0; layer < shape.layers; ++layer) {
    for (std::size_t head = 0; head < shape.kv_heads; ++head) {
      for (std::size_t plane = 0; plane < 2; ++plane) {
        const auto read =
            kv.read(layer, static_cast<engine::KvPlane>(plane), table, head, blocks * kBlockTokens, vectors.data());
        if (!read) return LOG_ERROR("--kv-dump: cannot read the engine's KV: {}", read.error().message()), false;
        const std::size_t within_block = ((layer * shape.kv_heads + head) * 2 + plane) * plane_bytes;
        for (std::size_t block = 0; block < blocks; ++block) {
          std::copy_n(vectors.data() + block * plane_bytes, plane_bytes,
                      wire.data() + block * block_bytes + within_block);
        }
      }
    }
  }
  std::ofstream file(path, std::ios::binary);
  file.write(wire.data(), static_cast<std::streamsize>(wire.size()));
  file.close();
  if (!file) LOG_ERROR("--kv-dump: cannot write {}", path);
  return static_cast<bool>(file);
}

}  // namespace kvp2p::demo
