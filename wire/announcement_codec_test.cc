#include "wire/announcements.h"
#include "wire/wire_error.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace kvp2p::wire {
namespace {

constexpr Incarnation kLife = {1'790'000'000'000, 0x1122334455667788};

/// One of each, in the order of their numbers; those of docs/protocol.md.
std::vector<std::pair<std::string, Announcement>> examples() {
  return {
      {"blocks_changed",
       BlocksChanged{kLife, 7, false, {0x0102030405060708}, {0xa1a2a3a4a5a6a7a8, 0xb1b2b3b4b5b6b7b8}}},
      {"blocks_digest", BlocksDigest{kLife, 7, 2, 0x99aabbccddeeff00, 10'000}},
      {"sums_wanted", SumsWanted{1}},
      {"sums", Sums{kLife, 7, 1, {0, 0x99aabbccddeeff00}}},
      {"parts_wanted", PartsWanted{1, {1}}},
      {"parts", Parts{kLife, 7, 1, {1}, {2}, {0xa1a2a3a4a5a6a7a8, 0xb1b2b3b4b5b6b7b8}}},
  };
}

TEST(AnnouncementCodec, WhatIsEncodedIsDecoded) {
  for (const auto& [name, announcement] : examples()) {
    const auto back = decode_announcement(encode_announcement(announcement));
    ASSERT_TRUE(back) << name << ": " << back.error().message();
    EXPECT_EQ(*back, announcement) << name;
  }
}

TEST(AnnouncementCodec, EveryCutIsRefused) {
  for (const auto& [name, announcement] : examples()) {
    const auto whole = encode_announcement(announcement);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(decode_announcement(base::ConstBytes(whole).first(size))) << name << " " << size;
    }
    auto longer = whole;
    longer.push_back(0);
    EXPECT_EQ(decode_announcement(longer).error(), WireError::kTrailingBytes) << name;
  }
}

TEST(AnnouncementCodec, WhatContradictsItselfIsRefused) {
  const std::vector<Announcement> bad = {
      BlocksChanged{kLife, 0, true, {}, {}},       // no sequence
      BlocksChanged{kLife, 1, false, {}, {}},      // nothing
      BlocksDigest{kLife, 1, 1, 1, 0},             // never again
      BlocksDigest{kLife, 1, 0, 1, 1000},          // a sum of nothing
      Sums{kLife, 1, 2, {1, 2, 3}},                // one is missing
      PartsWanted{1, {}},                          // nothing
      PartsWanted{1, {2}},                         // beyond the last
      PartsWanted{3, {2, 2}},                      // twice
      PartsWanted{3, {2, 1}},                      // descending
      Parts{kLife, 1, 1, {0, 1}, {1}, {1}},        // a count is missing
      Parts{kLife, 1, 1, {0}, {2}, {1}},           // a key is missing
      Parts{kLife, 1, 1, {0}, {1}, {1, 2}},        // a key is too much
      Parts{kLife, 1, 1, {1}, {1}, {1}},           // a key of another part
      Parts{kLife, 1, 1, {0}, {UINT32_MAX}, {1}},  // more keys than may be
  };
  for (const auto& announcement : bad) {
    EXPECT_FALSE(decode_announcement(encode_announcement(announcement))) << announcement.index();
  }
}

TEST(AnnouncementCodec, BoundsHold) {
  BlocksChanged changed{kLife, 1, false, {}, std::vector<KeyPrefix>(kPrefixesMax, 1)};
  EXPECT_TRUE(decode_announcement(encode_announcement(changed)));
  changed.stored.push_back(1);
  EXPECT_EQ(decode_announcement(encode_announcement(changed)).error(), WireError::kOutOfBounds);
  Parts parts{kLife, 1, 0, {0}, {kPartKeysMax}, std::vector<KeyPrefix>(kPartKeysMax, 1)};
  EXPECT_TRUE(decode_announcement(encode_announcement(parts)));
  parts.keys.push_back(1);
  EXPECT_FALSE(decode_announcement(encode_announcement(parts)));
  EXPECT_FALSE(decode_announcement(encode_announcement(SumsWanted{kPartBitsMax + 1})));
  EXPECT_EQ(decode_announcement(base::Bytes(kAnnouncementBytesMax + 1)).error(), WireError::kOutOfBounds);
  EXPECT_EQ(decode_announcement(base::Bytes{0x92, 0x00, 0x80}).error(), WireError::kUnknownMessage);
  EXPECT_EQ(decode_announcement(base::Bytes{0x92, 0x07, 0x80}).error(), WireError::kUnknownMessage);
}

/// The blocks of docs/protocol.md that begin with ```announcement NAME.
TEST(AnnouncementCodec, TheDocumentsExamplesAreTheMessages) {
  std::ifstream document(KVP2P_SOURCE_DIR "/docs/protocol.md");
  std::map<std::string, std::string> found;
  std::string line, name;
  while (std::getline(document, line)) {
    if (line.starts_with("```announcement ")) {
      name = line.substr(16);
    } else if (line.starts_with("```")) {
      name.clear();
    } else if (!name.empty()) {
      std::erase(line, ' ');
      found[name] += line;
    }
  }
  for (const auto& [example, announcement] : examples()) {
    EXPECT_EQ(found[example], base::to_hex(encode_announcement(announcement))) << example;
  }
  EXPECT_EQ(found.size(), examples().size());
}

// Writes the examples as the fuzz target's seeds where KVP2P_WRITE_SEEDS names a folder; reads those that are kept.
TEST(AnnouncementCodec, SeedsAreTheExamples) {
  const std::filesystem::path seeds = KVP2P_SOURCE_DIR "/tests/fuzz_corpus/announcement_fuzz";
  for (const auto& [name, announcement] : examples()) {
    const auto bytes = encode_announcement(announcement);
    if (const char* folder = std::getenv("KVP2P_WRITE_SEEDS")) {
      std::ofstream(std::filesystem::path(folder) / name, std::ios::binary) << base::as_text(bytes);
    }
    std::ifstream file(seeds / name, std::ios::binary);
    const std::string kept(std::istreambuf_iterator<char>(file), {});
    EXPECT_EQ(kept, base::as_text(bytes)) << name;
  }
}

}  // namespace
}  // namespace kvp2p::wire
