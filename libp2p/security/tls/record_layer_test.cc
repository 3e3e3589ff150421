#include "libp2p/core/error.h"
#include "libp2p/security/tls/record_opener.h"
#include "libp2p/security/tls/record_sealer.h"
#include "multiformats/multibase.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace libp2p::tls {
namespace {

base::Bytes from_hex(std::string_view text) {
  return multiformats::decode_base(multiformats::Base::kBase16, text).value();
}

// RFC 8448, section 3 ("Simple 1-RTT Handshake").
TEST(TrafficSecret, MakesTheRfcsKeys) {
  const TrafficSecret server(Suite::kAes128GcmSha256,
                             from_hex("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643"));
  EXPECT_EQ(base::to_hex(server.key().bytes()), "9f02283b6c9c07efc26bb9f2ac92e356");
  EXPECT_EQ(base::to_hex(server.iv().bytes()), "cf782b88dd83549aadf1e984");
  const TrafficSecret client(Suite::kAes128GcmSha256,
                             from_hex("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"));
  EXPECT_EQ(base::to_hex(client.key().bytes()), "17422dda596ed5d9acd890e3c63f5051");
  EXPECT_EQ(base::to_hex(client.iv().bytes()), "5b78923dee08579033e523d9");
}

TEST(RecordCipher, SealsTheRfcsRecord) {
  const TrafficSecret client(Suite::kAes128GcmSha256,
                             from_hex("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"));
  RecordCipher cipher(RecordCipher::Use::kSeal, client);
  base::Bytes content(50);
  std::iota(content.begin(), content.end(), std::uint8_t{0});
  const base::ConstBytes pieces[] = {base::ConstBytes(content).first(7), base::ConstBytes(content).subspan(7)};
  base::Bytes record(content.size() + kRecordOverheadBytes);
  EXPECT_EQ(cipher.seal(ContentType::kApplicationData, pieces, record.data()), record.size());
  EXPECT_EQ(
      base::to_hex(record),
      "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a62"
      "92a2977014bd1e3deae63aeebb21694915e4");
}

/// A sealer of single records and our opener.
class RecordOpenerTest : public ::testing::Test {
 protected:
  base::Bytes seal(ContentType type, base::ConstBytes content) {
    base::Bytes record(content.size() + kRecordOverheadBytes);
    cipher_.seal(type, {&content, 1}, record.data());
    return record;
  }
  base::Bytes seal_handshake(std::initializer_list<std::uint8_t> content) {
    const base::Bytes bytes(content);
    return seal(ContentType::kHandshake, bytes);
  }
  base::Bytes data(std::string_view text) { return seal(ContentType::kApplicationData, base::as_bytes(text)); }
  void receive(const base::Bytes& wire) {
    const base::MutableBytes space = opener_.space();
    std::copy(wire.begin(), wire.end(), space.begin());
    opener_.received(wire.size());
  }
  /// What is read of `wire`, in text.
  std::string read(const base::Bytes& wire, std::size_t room = 100) {
    receive(wire);
    base::Bytes into(room);
    const auto count = opener_.read(into);
    error_ = count ? base::Error() : count.error();
    return count ? std::string(base::as_text(base::ConstBytes(into).first(*count))) : "";
  }

  const TrafficSecret secret_{Suite::kAes128GcmSha256, base::Bytes(32, 7)};
  RecordCipher cipher_{RecordCipher::Use::kSeal, secret_};
  RecordOpener opener_{secret_};
  base::Error error_;
};

TEST_F(RecordOpenerTest, RecordsOfAnySizeAreRead) {
  EXPECT_EQ(read(data("one")), "one");
  EXPECT_EQ(read(data("a long record"), 4), "a lo");
  base::Bytes rest(100);
  EXPECT_EQ(opener_.read(rest).value(), 9u);
  EXPECT_EQ(read(data("")), "");
  EXPECT_FALSE(error_);
}

TEST_F(RecordOpenerTest, PaddingIsTakenOff) {
  // Sealed with the zeros that follow the real type as content, and 0 as type.
  base::Bytes padded = base::to_bytes(base::as_bytes("padded"));
  padded.insert(padded.end(), {23, 0, 0, 0, 0});
  EXPECT_EQ(read(seal(ContentType{0}, padded)), "padded");
  EXPECT_EQ(read(seal(ContentType{0}, padded), 8), "padded") << "opened where it is, and copied";
}

TEST_F(RecordOpenerTest, PaddingAloneIsNoRecord) {
  read(seal(ContentType{0}, base::Bytes(20)));
  EXPECT_EQ(error_, Error::kProtocolViolation);
}

TEST_F(RecordOpenerTest, TicketsAreIgnoredAlsoInPieces) {
  base::Bytes ticket(300, 9);
  ticket[0] = 4;
  ticket[1] = 0;
  base::store_be16(&ticket[2], 296);
  EXPECT_EQ(read(seal(ContentType::kHandshake, ticket)), "");
  for (std::size_t i = 0; i < ticket.size(); i += 30) {
    EXPECT_EQ(read(seal(ContentType::kHandshake, base::ConstBytes(ticket).subspan(i, 30))), "");
    EXPECT_FALSE(error_);
  }
  EXPECT_EQ(read(data("after")), "after");
}

TEST_F(RecordOpenerTest, DataInsideAMessageIsRefused) {
  read(seal_handshake({4, 0, 0, 10, 1}));
  EXPECT_FALSE(error_);
  read(data("now"));
  EXPECT_EQ(error_, Error::kProtocolViolation);
}

TEST_F(RecordOpenerTest, AKeyUpdateIsObeyedAndToldOf) {
  EXPECT_EQ(read(seal_handshake({24, 0, 0, 1, 0})), "");
  EXPECT_FALSE(opener_.take_key_request());
  cipher_.update_key();
  EXPECT_EQ(read(data("new key")), "new key");
  EXPECT_EQ(read(seal_handshake({24, 0, 0, 1, 1})), "");
  EXPECT_TRUE(opener_.take_key_request());
  EXPECT_FALSE(opener_.take_key_request());
  cipher_.update_key();
  EXPECT_EQ(read(data("newer key")), "newer key");
}

TEST_F(RecordOpenerTest, MessagesThatHaveNoPlaceAreRefused) {
  const std::vector<base::Bytes> bad = {
      {24, 0, 0, 1, 2},           // no such request
      {24, 0, 0, 2, 0, 0},        // too long
      {24, 0, 0, 1, 0, 4, 0, 0},  // something behind a key update
      {1, 0, 0, 0},               // ClientHello
      {13, 0, 0, 0},              // CertificateRequest, which we have not said we take
      {4, 1, 0, 0},               // a ticket of 64 KiB
      {},                         // an empty fragment
  };
  for (const base::Bytes& content : bad) {
    RecordCipher cipher(RecordCipher::Use::kSeal, secret_);
    std::swap(cipher, cipher_);
    RecordOpener opener(secret_);
    std::swap(opener, opener_);
    read(seal(ContentType::kHandshake, content));
    EXPECT_EQ(error_, Error::kProtocolViolation) << base::to_hex(content);
    base::Bytes into(10);
    EXPECT_EQ(opener_.read(into).error(), Error::kProtocolViolation) << "now and ever after";
  }
}

TEST_F(RecordOpenerTest, AlertsEndTheStream) {
  EXPECT_EQ(read(seal(ContentType::kAlert, base::Bytes{1, 90})), "") << "user_canceled";
  EXPECT_FALSE(opener_.ended());
  EXPECT_EQ(read(seal(ContentType::kAlert, base::Bytes{1, 0})), "");
  EXPECT_FALSE(error_);
  EXPECT_TRUE(opener_.ended());
  EXPECT_EQ(read(data("too late")), "");
  EXPECT_FALSE(error_);
}

TEST_F(RecordOpenerTest, AFatalAlertIsAReset) {
  read(seal(ContentType::kAlert, base::Bytes{2, 42}));
  EXPECT_EQ(error_, Error::kReset);
}

TEST_F(RecordOpenerTest, AnAlertOfAnotherSizeIsRefused) {
  read(seal(ContentType::kAlert, base::Bytes{1, 0, 1, 0}));
  EXPECT_EQ(error_, Error::kProtocolViolation);
}

TEST_F(RecordOpenerTest, WhatIsNotSealedIsRefused) {
  read({21, 3, 3, 0, 2, 2, 40});
  EXPECT_EQ(error_, Error::kProtocolViolation);
}

TEST_F(RecordOpenerTest, SizesAreBounded) {
  base::Bytes header{23, 3, 3, 0, 16};
  EXPECT_FALSE(RecordOpener(secret_).ended());
  read(header);
  EXPECT_EQ(error_, Error::kProtocolViolation) << "no room for a type";
  RecordOpener opener(secret_);
  std::swap(opener, opener_);
  base::store_be16(&header[3], kContentMaxBytes + 1 + kTagBytes + 1);
  read(header);
  EXPECT_EQ(error_, Error::kProtocolViolation) << "known from its header to be too long";
}

TEST_F(RecordOpenerTest, RecordsWithoutDataAreTakenForAWhile) {
  for (int i = 0; i < kIdleRecordsMax; ++i) {
    read(data(""));
    ASSERT_FALSE(error_);
  }
  EXPECT_EQ(read(data("x")), "x");
  for (int i = 0; i <= kIdleRecordsMax; ++i) read(data(""));
  EXPECT_EQ(error_, Error::kProtocolViolation);
}

TEST_F(RecordOpenerTest, EveryBitCounts) {
  const base::Bytes good = data("good");
  for (std::size_t i = 0; i < good.size(); ++i) {
    if (i == 1 || i == 2 || i == 3 || i == 4) continue;  // the version is ignored but authenticated; sizes: see above
    base::Bytes bad = good;
    bad[i] ^= 1;
    RecordOpener opener(secret_);
    std::swap(opener, opener_);
    EXPECT_EQ(read(bad), "");
    EXPECT_EQ(error_, Error::kProtocolViolation) << "byte " << i;
  }
}

TEST(RecordSealer, HeadersAndPayloadsAreRecordsOfTheirOwn) {
  const TrafficSecret secret(Suite::kAes128GcmSha256, base::Bytes(32, 7));
  RecordSealer sealer(secret);
  const base::Bytes header(12);
  const base::Bytes payload(100'000);
  const base::ConstBytes buffers[] = {header, payload, header, header, payload};
  GatherCursor from(buffers);
  base::Bytes wire(RecordSealer::kBufferBytes);
  wire.resize(sealer.seal_some(from, wire));
  EXPECT_TRUE(from.done());
  std::vector<std::size_t> sizes;
  for (std::size_t at = 0; at < wire.size();) {
    const std::size_t size = kRecordHeaderBytes + base::load_be16(&wire[at + 3]);
    sizes.push_back(size - kRecordOverheadBytes);
    at += size;
  }
  const std::size_t last = 100'000 - 6 * kContentMaxBytes;
  std::vector<std::size_t> expected{12};
  for (int i = 0; i < 2; ++i) {
    expected.insert(expected.end(), 6, kContentMaxBytes);
    // A rest under kOwnRecordMinBytes shares its record with what follows.
    if (i == 0)
      expected.push_back(last + 2 * header.size());
    else
      expected.push_back(last);
  }
  EXPECT_EQ(sizes, expected);
}

}  // namespace
}  // namespace libp2p::tls
