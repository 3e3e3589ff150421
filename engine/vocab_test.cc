#include "engine/vocab.h"

#include "engine/engine_error.h"

#include <gtest/gtest.h>

namespace kvp2p::engine {
namespace {

TEST(Vocab, TurnsBytesBack) {
  // "Ġthe" is " the"; "Ċ" a newline; "Ã©" the two bytes of "é"; "âĢĶ" the three of a dash.
  const auto vocab = Vocab::parse("[\"\u0120the\",\"\u010a\",\"\u00c3\u00a9\",\"<|im_end|>\",\"\u00e2\u0122\u0136\"]");
  ASSERT_TRUE(vocab);
  const std::uint32_t tokens[] = {0, 1, 2, 3, 4, 9};
  EXPECT_EQ(vocab->decode(tokens), " the\n\u00e9<|im_end|>\u2014<9>");
}

TEST(Vocab, CharactersOutsideTheAlphabetStandForThemselves) {
  const auto vocab = Vocab::parse("[\"\u65e5\",\"\u0150\",\" \",\"\u0144\"]");
  ASSERT_TRUE(vocab);
  const std::uint32_t tokens[] = {0, 1, 2, 3};
  EXPECT_EQ(vocab->decode(tokens), "\u65e5\u0150 \u0144");
}

TEST(Vocab, BadFilesAreRefused) {
  for (const char* text : {"", "{}", "[1]", "[\"a\"", "[\"\xc3\"]"}) {
    EXPECT_EQ(Vocab::parse(text).error(), EngineError::kBadVocabulary) << text;
  }
}

}  // namespace
}  // namespace kvp2p::engine
