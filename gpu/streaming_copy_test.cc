#include "gpu/streaming_copy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace kvp2p {
namespace {

TEST(StreamingCopyTest, EveryByteAndNoOtherIsWritten) {
  std::vector<std::uint8_t> from(1000);
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<std::uint8_t>(i * 7 + 1);
  for (std::size_t bytes : {0, 1, 15, 16, 63, 64, 65, 127, 128, 129, 200, 640, 700}) {
    for (std::size_t to_offset = 0; to_offset < 70; ++to_offset) {
      for (std::size_t from_offset : {0, 1, 17}) {
        std::vector<std::uint8_t> to(900, 0xEE);
        copy_past_caches(to.data() + to_offset, from.data() + from_offset, bytes);
        const auto begin = to.begin() + static_cast<std::ptrdiff_t>(to_offset);
        const auto end = begin + static_cast<std::ptrdiff_t>(bytes);
        ASSERT_TRUE(std::equal(begin, end, from.begin() + static_cast<std::ptrdiff_t>(from_offset)));
        ASSERT_TRUE(std::all_of(to.begin(), begin, [](std::uint8_t byte) { return byte == 0xEE; }));
        ASSERT_TRUE(std::all_of(end, to.end(), [](std::uint8_t byte) { return byte == 0xEE; }));
      }
    }
  }
}

}  // namespace
}  // namespace kvp2p
