// The examples in docs/protocol.md are what this code sends and reads.
#include "wire/codec.h"
#include "wire/example_messages.h"

#include <gtest/gtest.h>

#include <cctype>
#include <fstream>

namespace kvp2p::wire {
namespace {

/// The blocks that begin with ```hex NAME.
std::map<std::string, std::string> examples_in_document() {
  std::ifstream document(KVP2P_SOURCE_DIR "/docs/protocol.md");
  std::map<std::string, std::string> found;
  std::string line;
  std::string name;
  while (std::getline(document, line)) {
    if (line.starts_with("```hex ")) {
      name = line.substr(7);
    } else if (line.starts_with("```")) {
      name.clear();
    } else if (!name.empty()) {
      for (char c : line) {
        if (std::isxdigit(static_cast<unsigned char>(c))) found[name] += c;
      }
    }
  }
  return found;
}

TEST(ProtocolDocument, ItsExamplesAreTheMessages) {
  const auto examples = examples_in_document();
  for (const auto& message : example_messages()) {
    const std::string name(name_of(message.body));
    ASSERT_TRUE(examples.contains(name)) << "docs/protocol.md has no example of " << name << ":\n"
                                         << base::to_hex(encode(message));
    EXPECT_EQ(examples.at(name), base::to_hex(encode(message))) << name;
  }
  EXPECT_EQ(examples.size(), example_messages().size());
}

}  // namespace
}  // namespace kvp2p::wire
