#include "libp2p/protocols/relay/voucher.h"

#include "libp2p/core/error.h"
#include "libp2p/records/signed_envelope.h"

#include <gtest/gtest.h>

namespace libp2p::relay {
namespace {

using multiformats::PeerId;
using multiformats::PrivateKey;

class VoucherTest : public ::testing::Test {
 protected:
  PrivateKey key_ = PrivateKey::generate();
  PrivateKey other_key_ = PrivateKey::generate();
  Voucher voucher_{PeerId::from_public_key(key_.public_key()), PeerId::from_public_key(other_key_.public_key()), 1900};
};

TEST_F(VoucherTest, WhatIsSealedIsOpened) { EXPECT_EQ(open_voucher(seal_voucher(key_, voucher_)).value(), voucher_); }

TEST_F(VoucherTest, AChangedByteIsNoticed) {
  base::Bytes sealed = seal_voucher(key_, voucher_);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    sealed[i] ^= 1;
    EXPECT_FALSE(open_voucher(sealed)) << i;
    sealed[i] ^= 1;
  }
}

TEST_F(VoucherTest, AnotherRelaysNameIsRefused) {
  // Signed by somebody who is not the relay that it names.
  base::Bytes payload{0x0a, static_cast<std::uint8_t>(voucher_.relay.as_bytes().size())};
  base::append(payload, voucher_.relay.as_bytes());
  payload.push_back(0x12);
  payload.push_back(static_cast<std::uint8_t>(voucher_.peer.as_bytes().size()));
  base::append(payload, voucher_.peer.as_bytes());
  const auto envelope = seal_envelope(other_key_, "libp2p-relay-rsvp", base::as_bytes("\x03\x02"), payload);
  EXPECT_EQ(open_voucher(serialise_envelope(envelope)).error(), Error::kBadSignature);
}

TEST_F(VoucherTest, WhatIsNoVoucherIsRefused) {
  const auto sealed = [&](std::string_view domain, std::string_view type, base::ConstBytes payload) {
    return serialise_envelope(seal_envelope(key_, domain, base::as_bytes(type), payload));
  };
  EXPECT_FALSE(open_voucher({}));
  EXPECT_EQ(open_voucher(sealed("libp2p-relay-rsvp", "\x03\x01", {})).error(), Error::kMalformedMessage);
  EXPECT_EQ(open_voucher(sealed("libp2p-peer-record", "\x03\x02", {})).error(), Error::kBadSignature);
  EXPECT_EQ(open_voucher(sealed("libp2p-relay-rsvp", "\x03\x02", {})).error(), Error::kMalformedMessage);
  EXPECT_EQ(open_voucher(base::Bytes(kSignedEnvelopeMaxBytes + 1)).error(), Error::kMessageTooLong);
}

}  // namespace
}  // namespace libp2p::relay
