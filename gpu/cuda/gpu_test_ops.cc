// Append, extract, merge and clear against loops over tokens and heads.
#include "gpu/cuda/kvcache_gpu_test.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>

namespace kvp2p::testing {

namespace {

using Bytes = std::vector<std::uint8_t>;

struct Shape {
  std::uint32_t heads, head_bytes, block_tokens, blocks;
  bool head_major;  // [block][head][token][dim] rather than [block][token][head][dim]
  bool two_planes;
  std::size_t misaligned;
};

/// A paged cache on the device and what it should hold.
class Cache {
 public:
  Cache(const Shape& shape, std::mt19937& random)
      : shape_(shape),
        plane_bytes_(std::size_t{2} * shape.blocks * shape.block_tokens * row_bytes()),
        k_(Guarded::Kind::kDevice, plane_bytes_, shape.misaligned),
        v_(Guarded::Kind::kDevice, plane_bytes_, shape.misaligned),
        table_(Guarded::Kind::kDevice, shape.blocks * sizeof(std::uint32_t)),
        blocks_(2 * shape.blocks) {
    // A shuffled half of twice as many blocks.
    std::iota(blocks_.begin(), blocks_.end(), 0u);
    std::shuffle(blocks_.begin(), blocks_.end(), random);
    blocks_.resize(shape.blocks);
    Bytes table(blocks_.size() * sizeof(std::uint32_t));
    std::memcpy(table.data(), blocks_.data(), table.size());
    table_.write(table);
    for (Bytes& plane : expected_) plane.assign(plane_bytes_, Guarded::kPoison);
    made_.k = k_.start();
    made_.v = shape.two_planes ? v_.start() : nullptr;
    made_.block_stride = shape.block_tokens * row_bytes();
    made_.token_stride = shape.head_major ? shape.head_bytes : row_bytes();
    made_.head_stride = shape.head_major ? std::size_t{shape.block_tokens} * shape.head_bytes : shape.head_bytes;
    made_.block_tokens = shape.block_tokens;
    made_.heads = shape.heads;
    made_.head_bytes = shape.head_bytes;
    made_.block_table = reinterpret_cast<const std::uint32_t*>(table_.start());
    made_.blocks = shape.blocks;
  }

  const kvc_paged_cache* made() const { return &made_; }
  std::size_t row_bytes() const { return std::size_t{shape_.heads} * shape_.head_bytes; }

  std::uint8_t* expected(int plane, std::uint32_t token, std::uint32_t head) {
    return expected_[plane].data() + blocks_[token / shape_.block_tokens] * made_.block_stride +
           token % shape_.block_tokens * made_.token_stride + head * made_.head_stride;
  }
  /// What an append should do; null `rows`: what a clear should.
  void put(int plane, std::uint32_t first, std::uint32_t tokens, const std::uint8_t* rows, std::size_t apart) {
    for (std::uint32_t t = 0; t < tokens; ++t) {
      for (std::uint32_t h = 0; h < shape_.heads; ++h) {
        std::uint8_t* to = expected(plane, first + t, h);
        if (rows == nullptr) {
          std::memset(to, 0, shape_.head_bytes);
        } else {
          std::memcpy(to, rows + t * apart + std::size_t{h} * shape_.head_bytes, shape_.head_bytes);
        }
      }
    }
  }
  void check(kvc_stream stream, const std::string& what) const {
    expect_equal(k_.read(stream, what + " K"), expected_[0], what + " K");
    expect_equal(v_.read(stream, what + " V"), expected_[1], what + " V");
  }

 private:
  Shape shape_;
  std::size_t plane_bytes_;
  Guarded k_, v_, table_;
  std::vector<std::uint32_t> blocks_;
  Bytes expected_[2];
  kvc_paged_cache made_ = {};
};

void check_shape(const GpuTest& test, const Shape& shape, std::mt19937& random) {
  const std::string what = "heads " + std::to_string(shape.heads) + " of " + std::to_string(shape.head_bytes) +
                           " blocks of " + std::to_string(shape.block_tokens) + " +" +
                           std::to_string(shape.misaligned) + (shape.head_major ? " HND" : " NHD");
  Cache cache(shape, random);
  const std::size_t row = cache.row_bytes();
  const std::uint32_t room = shape.blocks * shape.block_tokens;
  const int planes = shape.two_planes ? 2 : 1;
  // A prefix and a tail, of which the first does not end with a block.
  const std::uint32_t prefix = room / 2 + 1;
  const std::uint32_t tail = room - prefix - 1;
  const Bytes rows[4] = {random_bytes(prefix * row, random), random_bytes(prefix * row, random),
                         random_bytes(tail * row, random), random_bytes(tail * row, random)};
  std::vector<std::unique_ptr<Guarded>> memory;
  for (const Bytes& bytes : rows) {
    memory.push_back(std::make_unique<Guarded>(Guarded::Kind::kDevice, bytes.size(), shape.misaligned));
    memory.back()->write(bytes);
  }
  good(kvc_merge(0, cache.made(), memory[0]->start(), memory[1]->start(), prefix, memory[2]->start(),
                 memory[3]->start(), tail, test.stream),
       "merge " + what);
  for (int plane = 0; plane < planes; ++plane) {
    cache.put(plane, 0, prefix, rows[plane].data(), row);
    cache.put(plane, prefix, tail, rows[2 + plane].data(), row);
  }
  cache.check(test.stream, "merge " + what);

  // Rows apart, into the middle.
  const std::size_t apart = row + 5 * shape.head_bytes;
  const std::uint32_t tokens = room / 3;
  const Bytes wide = random_bytes(tokens * apart, random);
  Guarded wide_memory(Guarded::Kind::kDevice, wide.size(), shape.misaligned);
  wide_memory.write(wide);
  good(kvc_append(0, cache.made(), 3, tokens, wide_memory.start(), wide_memory.start(), apart, test.stream),
       "append " + what);
  for (int plane = 0; plane < planes; ++plane) cache.put(plane, 3, tokens, wide.data(), apart);
  cache.check(test.stream, "append " + what);

  Guarded out_k(Guarded::Kind::kDevice, (room - 2) * row, shape.misaligned);
  Guarded out_v(Guarded::Kind::kDevice, (room - 2) * row, shape.misaligned);
  good(kvc_extract(0, cache.made(), 1, room - 2, out_k.start(), out_v.start(), test.stream), "extract " + what);
  const Guarded* outs[2] = {&out_k, &out_v};
  for (int plane = 0; plane < 2; ++plane) {
    Bytes expected((room - 2) * row, Guarded::kPoison);
    for (std::uint32_t t = 0; plane < planes && t < room - 2; ++t) {
      for (std::uint32_t h = 0; h < shape.heads; ++h) {
        std::memcpy(expected.data() + t * row + std::size_t{h} * shape.head_bytes, cache.expected(plane, 1 + t, h),
                    shape.head_bytes);
      }
    }
    expect_equal(outs[plane]->read(test.stream, "extract " + what), expected, "extract " + what);
  }

  good(kvc_clear(0, cache.made(), 2, room / 2, test.stream), "clear " + what);
  for (int plane = 0; plane < planes; ++plane) cache.put(plane, 2, room / 2, nullptr, 0);
  cache.check(test.stream, "clear " + what);
  groups().expect(kvc_clear(0, cache.made(), 2, room, test.stream) == KVC_ERROR_ARGUMENT, "beyond the cache " + what);
}

}  // namespace

void run_ops_groups(const GpuTest& test) {
  groups().run("append, extract, merge, clear", [&] {
    std::mt19937 random(21);
    for (const std::uint32_t head_bytes : {1, 2, 6, 24, 128, 160, 256, 384}) {
      for (const std::uint32_t heads : {1, 3, 8}) {
        for (const std::uint32_t block_tokens : {1, 16, 48}) {
          if (test.quick && random() % 4 != 0) continue;
          const auto misaligned = static_cast<std::size_t>(random() % 3 == 0 ? random() % 16 : 0);
          check_shape(test,
                      {heads, head_bytes, block_tokens, block_tokens == 1 ? 40u : 7u, random() % 2 == 0,
                       random() % 4 != 0, misaligned},
                      random);
        }
      }
    }
  });
}

}  // namespace kvp2p::testing
