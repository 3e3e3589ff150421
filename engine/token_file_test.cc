#include "engine/token_file.h"

#include "engine/engine_error.h"

#include <gtest/gtest.h>

namespace kvp2p::engine {
namespace {

TEST(TokenFile, ReadsOneIdALine) {
  EXPECT_EQ(parse_tokens("1\n22\r\n\n4294967295").value(), (std::vector<std::uint32_t>{1, 22, 4294967295u}));
  EXPECT_TRUE(parse_tokens("").value().empty());
}

TEST(TokenFile, AnythingElseIsRefused) {
  for (const char* text : {"-1", "1 2", "a", "4294967296", "1\n 2", "0x1", "1.0"}) {
    EXPECT_EQ(parse_tokens(text).error(), EngineError::kBadTokenFile) << text;
  }
}

TEST(TokenFile, AMissingFileIsAnError) {
  EXPECT_EQ(read_token_file("/nowhere/tokens.txt").error(), EngineError::kFileUnreadable);
  EXPECT_EQ(read_token_file("/").error(), EngineError::kFileUnreadable);
}

}  // namespace
}  // namespace kvp2p::engine
