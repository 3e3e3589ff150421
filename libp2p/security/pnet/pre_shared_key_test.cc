#include "libp2p/security/pnet/pre_shared_key.h"

#include "libp2p/core/error.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

namespace libp2p::pnet {
namespace {

const std::string kHead = "/key/swarm/psk/1.0.0/\n";
const std::string kHex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

PreSharedKey counting_key() {
  std::array<std::uint8_t, kKeyBytes> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
  return PreSharedKey(bytes);
}

TEST(PreSharedKeyTest, AFileInBase16Is) {
  EXPECT_EQ(parse_key_file(kHead + "/base16/\n" + kHex + "\n").value(), counting_key());
  EXPECT_EQ(parse_key_file(kHead + "/base16/\n" + kHex).value(), counting_key());
  EXPECT_EQ(parse_key_file("/key/swarm/psk/1.0.0/\r\n/base16/\r\n" + kHex + "\r\n").value(), counting_key());
}

TEST(PreSharedKeyTest, UpperCaseDigitsAreDigits) {
  std::string upper = kHex;
  std::ranges::transform(upper, upper.begin(), [](char c) { return static_cast<char>(std::toupper(c)); });
  EXPECT_EQ(parse_key_file(kHead + "/base16/\n" + upper).value(), counting_key());
}

TEST(PreSharedKeyTest, AFileInBase64Is) {
  EXPECT_EQ(parse_key_file(kHead + "/base64/\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n").value(), counting_key());
}

TEST(PreSharedKeyTest, AFileOfTheBareBytesIs) {
  const std::string bytes(base::as_text(counting_key().bytes()));
  EXPECT_EQ(parse_key_file(kHead + "/bin/\n" + bytes).value(), counting_key());
}

TEST(PreSharedKeyTest, WhatIsWrittenIsRead) {
  EXPECT_EQ(parse_key_file(key_file_text(counting_key())).value(), counting_key());
}

TEST(PreSharedKeyTest, AnythingElseIsRefused) {
  const std::string bytes(base::as_text(counting_key().bytes()));
  for (const std::string& text : {
           std::string(),
           kHex,
           kHead,
           kHead + "/base16/\n",
           kHead + kHex,
           std::string("/key/swarm/psk/1.0.1/\n/base16/\n") + kHex,
           std::string(" /key/swarm/psk/1.0.0/\n/base16/\n") + kHex,
           kHead + "/base16\n" + kHex,
           kHead + "/base32/\n" + kHex,
           kHead + "/base16/\n" + kHex.substr(2),
           kHead + "/base16/\n" + kHex.substr(1),
           kHead + "/base16/\n" + kHex + "00",
           kHead + "/base16/\n" + kHex + "0",
           kHead + "/base16/\n " + kHex,
           kHead + "/base16/\n" + kHex + " ",
           kHead + "/base16/\n" + kHex + "\n\n",
           kHead + "/base16/\n" + kHex + "\nmore",
           kHead + "/base16/\n" + kHex.substr(0, 62) + "xy",
           kHead + "/base64/\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
           kHead + "/base64/\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=",
           kHead + "/base64/\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==",
           kHead + "/bin/\n" + bytes + "\n",
           kHead + "/bin/\n" + bytes.substr(1),
           kHead + "/base16/\n" + kHex + std::string(kKeyFileBytesMax, '\n'),
       }) {
    const auto key = parse_key_file(text);
    ASSERT_FALSE(key) << text;
    EXPECT_EQ(key.error(), Error::kBadNetworkKey);
  }
}

TEST(PreSharedKeyTest, FingerprintsTellKeysApartAndAreKept) {
  EXPECT_EQ(counting_key().fingerprint(), counting_key().fingerprint());
  EXPECT_NE(counting_key().fingerprint(), PreSharedKey({}).fingerprint());
  // Nodes of other versions find each other by it.
  EXPECT_EQ(PreSharedKey({}).mdns_service(), "_p2p-4d28758be6e60022215fbe0cc92bcd0f._udp.local");
}

class KeyFileTest : public ::testing::Test {
 protected:
  ~KeyFileTest() override { std::filesystem::remove(path_); }
  void write(const std::string& text, mode_t mode) {
    std::ofstream(path_) << text;
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
  }
  const std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("kvp2p-swarm-key-" + std::to_string(::getpid()));
};

TEST_F(KeyFileTest, AKeyThatOnlyItsOwnerMayReadIsLoaded) {
  write(key_file_text(counting_key()), 0600);
  EXPECT_EQ(load_key_file(path_).value(), counting_key());
  write(key_file_text(counting_key()), 0400);
  EXPECT_EQ(load_key_file(path_).value(), counting_key());
}

TEST_F(KeyFileTest, AKeyThatOthersMayReadIsRefused) {
  for (const mode_t mode : {0640, 0604, 0620, 0602}) {
    write(key_file_text(counting_key()), mode);
    EXPECT_EQ(load_key_file(path_).error(), Error::kNetworkKeyExposed);
  }
}

TEST_F(KeyFileTest, WhatIsNoKeyFileIsRefused) {
  EXPECT_EQ(load_key_file(path_).error(), Error::kNetworkKeyUnreadable);
  EXPECT_EQ(load_key_file(path_.parent_path()).error(), Error::kNetworkKeyUnreadable);
  EXPECT_EQ(load_key_file("/dev/zero").error(), Error::kNetworkKeyUnreadable);
  write(key_file_text(counting_key()) + std::string(kKeyFileBytesMax, '\n'), 0600);
  EXPECT_EQ(load_key_file(path_).error(), Error::kBadNetworkKey);
}

}  // namespace
}  // namespace libp2p::pnet
