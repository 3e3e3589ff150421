#include "libp2p/security/tls/tls_fixture.h"
#include "multiformats/foreign_key.h"
#include "multiformats/key_vectors.h"

namespace libp2p::tls {
namespace {

using TlsSecurityTest = TlsFixture;

TEST_F(TlsSecurityTest, BothSidesLearnWhoTheOtherIs) {
  for (std::size_t read_bytes_max : {std::size_t{1}, std::size_t{7}, SIZE_MAX}) {
    make_pipe(read_bytes_max);
    dial(listener_id_);
    listen();
    run();
    ASSERT_TRUE(dialled_ && *dialled_) << dialled_->error().message();
    ASSERT_TRUE(accepted_ && *accepted_) << accepted_->error().message();
    EXPECT_EQ((*dialled_)->remote_peer, listener_id_);
    EXPECT_EQ((*dialled_)->remote_key, listener_key_.public_key());
    EXPECT_EQ((*dialled_)->muxer, kYamux);
    EXPECT_EQ((*accepted_)->remote_peer, dialler_id_);
    EXPECT_EQ((*accepted_)->remote_key, dialler_key_.public_key());
    EXPECT_EQ((*accepted_)->muxer, kYamux);
  }
}

TEST_F(TlsSecurityTest, WrongPeerIdIsRefused) {
  make_pipe();
  dial(dialler_id_);  // not who answers
  listen();
  run();
  ASSERT_TRUE(dialled_ && !*dialled_);
  EXPECT_EQ(dialled_->error(), Error::kPeerIdMismatch);
  ASSERT_TRUE(accepted_ && !*accepted_);
}

TEST_F(TlsSecurityTest, TheMuxerIsTheFirstOfTheDiallersThatTheListenerKnows) {
  dialler_ = TlsSecurity(dialler_key_, {"/a", "/b", "/c"});
  listener_ = TlsSecurity(listener_key_, {"/c", "/b"});
  make_pipe();
  dial();
  listen();
  run();
  ASSERT_TRUE(dialled_ && *dialled_ && accepted_ && *accepted_);
  EXPECT_EQ((*dialled_)->muxer, "/b");
  EXPECT_EQ((*accepted_)->muxer, "/b");
}

TEST_F(TlsSecurityTest, WithNoMuxerInCommonItIsLeftToMultistream) {
  dialler_ = TlsSecurity(dialler_key_, {"/a"});
  listener_ = TlsSecurity(listener_key_, {"/b"});
  make_pipe();
  dial();
  listen();
  run();
  ASSERT_TRUE(dialled_ && *dialled_ && accepted_ && *accepted_);
  EXPECT_EQ((*dialled_)->muxer, "");
  EXPECT_EQ((*accepted_)->muxer, "");
}

TEST_F(TlsSecurityTest, AResetInTheMiddleEndsIt) {
  make_pipe();
  dial();
  run();
  EXPECT_FALSE(dialled_);
  listener_raw_->reset();
  run();
  ASSERT_TRUE(dialled_ && !*dialled_);
  EXPECT_EQ(dialled_->error(), Error::kReset);
}

TEST_F(TlsSecurityTest, WhatIsNoTlsIsRefused) {
  make_pipe();
  listen();
  start(write_raw(*dialler_raw_, base::as_bytes("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")));
  run();
  ASSERT_TRUE(accepted_ && !*accepted_);
  EXPECT_EQ(accepted_->error(), Error::kHandshakeFailed);
}

/// Plays one side by OpenSSL alone.
class TlsPeerTest : public TlsFixture {
 protected:
  static base::Task<> shake(testing::OpensslPeer& peer, std::optional<bool>& outcome) {
    const bool succeeded = co_await peer.handshake();
    outcome = succeeded;
  }
  /// Shows a certificate to our listener and our dialler, and returns what each makes of it.
  std::pair<base::Error, base::Error> show(const testing::TestCertificateOptions& options) {
    const Certificate made = testing::make_test_certificate(options);
    testing::OpensslPeerOptions peer;
    peer.certificate = made.certificate.get();
    peer.key = made.key.get();
    return meet(peer);
  }
  std::pair<base::Error, base::Error> meet(testing::OpensslPeerOptions options) {
    options.dials = true;
    make_pipe();
    listen();
    auto first = std::make_unique<testing::OpensslPeer>(std::move(dialler_raw_), options);
    std::optional<bool> shaken;
    start(shake(*first, shaken));
    run();
    EXPECT_TRUE(accepted_);
    const base::Error ours_listens = error_of(accepted_);
    peer_id_ = accepted_ && *accepted_ ? (*accepted_)->remote_peer : multiformats::PeerId();

    options.dials = false;
    make_pipe();
    dial();
    testing::OpensslPeer second(std::move(listener_raw_), options);
    start(shake(second, shaken));
    run();
    EXPECT_TRUE(dialled_);
    const base::Error ours_dials = error_of(dialled_);
    run();
    return {ours_listens, ours_dials};
  }
  static base::Error error_of(const Outcome& outcome) {
    return outcome && !*outcome ? outcome->error() : base::Error();
  }
  void expect_refused(const testing::TestCertificateOptions& options, Error error) {
    const auto [listening, dialling] = show(options);
    EXPECT_EQ(listening, error) << listening.message();
    EXPECT_EQ(dialling, error) << dialling.message();
  }
  void expect_taken(const testing::TestCertificateOptions& options) {
    const auto [listening, dialling] = show(options);
    EXPECT_FALSE(listening) << listening.message();
    EXPECT_FALSE(dialling) << dialling.message();
  }
  testing::TestCertificateOptions good() const {
    testing::TestCertificateOptions options;
    options.signed_key = [this](base::ConstBytes key) { return make_signed_key(peer_key_, key); };
    return options;
  }

  multiformats::PrivateKey peer_key_ = multiformats::PrivateKey::generate();
  multiformats::PeerId peer_id_;
};

TEST_F(TlsPeerTest, AGoodCertificateIsTaken) {
  expect_taken(good());
  EXPECT_EQ(peer_id_, multiformats::PeerId::from_public_key(peer_key_.public_key()));
}

TEST_F(TlsPeerTest, TheExtensionMayBeCritical) {
  auto options = good();
  options.signed_key_is_critical = true;
  expect_taken(options);
}

TEST_F(TlsPeerTest, CertificatesMayHaveOtherKeys) {
  for (const char* type : {"ED25519", "P-384", "RSA"}) {
    auto options = good();
    options.make_key = [type] {
      const std::string name = type;
      if (name == "RSA") return KeyPointer(EVP_RSA_gen(2048));
      return KeyPointer(name == "P-384" ? EVP_EC_gen("P-384") : EVP_PKEY_Q_keygen(nullptr, nullptr, type));
    };
    if (std::string(type) == "ED25519") options.digest = nullptr;
    expect_taken(options);
  }
}

TEST_F(TlsPeerTest, ExpiredIsRefused) {
  auto options = good();
  options.valid_to_seconds = -60;
  expect_refused(options, Error::kHandshakeFailed);
}

TEST_F(TlsPeerTest, NotYetValidIsRefused) {
  auto options = good();
  options.valid_from_seconds = 600;
  expect_refused(options, Error::kHandshakeFailed);
}

TEST_F(TlsPeerTest, WithoutTheExtensionItIsRefused) {
  auto options = good();
  options.signed_key = nullptr;
  expect_refused(options, Error::kMalformedMessage);
}

TEST_F(TlsPeerTest, AMalformedExtensionIsRefused) {
  auto options = good();
  options.signed_key = [this](base::ConstBytes key) {
    base::Bytes value = make_signed_key(peer_key_, key);
    value.push_back(0);
    return value;
  };
  expect_refused(options, Error::kMalformedMessage);
}

TEST_F(TlsPeerTest, TwoExtensionsAreRefused) {
  auto options = good();
  options.more_extensions.push_back({kSignedKeyOid, {0x30, 0x00}, false});
  expect_refused(options, Error::kMalformedMessage);
}

TEST_F(TlsPeerTest, ASignatureOverAnotherKeyIsRefused) {
  auto options = good();
  options.signed_key = [this](base::ConstBytes key) {
    base::Bytes other = base::to_bytes(key);
    other.back() ^= 1;
    return make_signed_key(peer_key_, other);
  };
  expect_refused(options, Error::kBadSignature);
}

TEST_F(TlsPeerTest, ACertificateThatIsNotSelfSignedIsRefused) {
  auto options = good();
  options.signs_with_other_key = true;
  expect_refused(options, Error::kBadSignature);
}

TEST_F(TlsPeerTest, AnUnknownCriticalExtensionIsRefusedAnUncriticalOneIsNot) {
  auto options = good();
  options.more_extensions.push_back({"1.3.6.1.4.1.53594.9.9", {0x05, 0x00}, false});
  expect_taken(options);
  options.more_extensions[0].is_critical = true;
  expect_refused(options, Error::kHandshakeFailed);
}

TEST_F(TlsPeerTest, WeakKeysAndDigestsAreRefused) {
  auto options = good();
  options.digest = EVP_sha1();
  expect_refused(options, Error::kHandshakeFailed);
  options = good();
  options.make_key = [] { return KeyPointer(EVP_RSA_gen(1024)); };
  expect_refused(options, Error::kHandshakeFailed);
}

TEST_F(TlsPeerTest, TwoCertificatesAreRefused) {
  const Certificate made = testing::make_test_certificate(good());
  testing::OpensslPeerOptions options;
  options.certificate = made.certificate.get();
  options.key = made.key.get();
  options.second_certificate = made.certificate.get();
  const auto [listening, dialling] = meet(options);
  EXPECT_EQ(listening, Error::kHandshakeFailed);
  EXPECT_EQ(dialling, Error::kHandshakeFailed);
}

TEST_F(TlsPeerTest, ADiallerWithoutACertificateIsRefused) {
  make_pipe();
  listen();
  testing::OpensslPeerOptions options;
  options.dials = true;
  testing::OpensslPeer peer(std::move(dialler_raw_), options);
  std::optional<bool> shaken;
  start(shake(peer, shaken));
  run();
  EXPECT_EQ(error_of(accepted_), Error::kHandshakeFailed);
}

TEST_F(TlsPeerTest, Tls12IsRefused) {
  const Certificate made = testing::make_test_certificate(good());
  testing::OpensslPeerOptions options;
  options.certificate = made.certificate.get();
  options.key = made.key.get();
  options.version = TLS1_2_VERSION;
  const auto [listening, dialling] = meet(options);
  EXPECT_EQ(listening, Error::kHandshakeFailed);
  EXPECT_EQ(dialling, Error::kHandshakeFailed);
}

TEST_F(TlsPeerTest, WithoutAlpnItIsRefused) {
  const Certificate made = testing::make_test_certificate(good());
  testing::OpensslPeerOptions options;
  options.certificate = made.certificate.get();
  options.key = made.key.get();
  options.protocols.clear();
  const auto [listening, dialling] = meet(options);
  EXPECT_EQ(listening, Error::kHandshakeFailed);
  EXPECT_EQ(dialling, Error::kHandshakeFailed);
}

TEST_F(TlsPeerTest, ADiallerThatOffersNothingWeKnowIsRefused) {
  const Certificate made = testing::make_test_certificate(good());
  testing::OpensslPeerOptions options;
  options.certificate = made.certificate.get();
  options.key = made.key.get();
  options.protocols = {"h2"};
  const auto [listening, dialling] = meet(options);
  EXPECT_EQ(listening, Error::kHandshakeFailed);
  EXPECT_EQ(dialling, Error::kHandshakeFailed) << "a listener may pick only what was offered";
}

class TlsKeyTypeTest : public TlsPeerTest, public ::testing::WithParamInterface<std::string_view> {};

TEST_P(TlsKeyTypeTest, PeersWithSuchHostKeysAreKnown) {
  const multiformats::testing::ForeignKey key(multiformats::testing::from_hex(GetParam()));
  auto options = good();
  const auto value = [&key](base::ConstBytes subject_public_key, bool damaged) {
    base::Bytes content;
    base::Bytes message = signed_bytes(subject_public_key);
    if (damaged) message.back() ^= 1;
    const base::Bytes fields[] = {key.public_protobuf(), key.sign(message)};
    const auto header = [](base::Bytes& to, std::uint8_t tag, std::size_t size) {
      to.push_back(tag);
      if (size >= 0x100) to.insert(to.end(), {0x82, static_cast<std::uint8_t>(size >> 8)});
      if (size >= 0x80 && size < 0x100) to.push_back(0x81);
      to.push_back(static_cast<std::uint8_t>(size));
    };
    for (const base::Bytes& field : fields) {
      header(content, 0x04, field.size());
      base::append(content, field);
    }
    base::Bytes bytes;
    header(bytes, 0x30, content.size());
    base::append(bytes, content);
    return bytes;
  };
  options.signed_key = [&value](base::ConstBytes subject) { return value(subject, false); };
  expect_taken(options);
  EXPECT_EQ(peer_id_, multiformats::PeerId::from_public_key(key.public_key()));
  options.signed_key = [&value](base::ConstBytes subject) { return value(subject, true); };
  expect_refused(options, Error::kBadSignature);
}

INSTANTIATE_TEST_SUITE_P(Secp256k1EcdsaRsa, TlsKeyTypeTest,
                         ::testing::Values(multiformats::testing::kSecp256k1Private,
                                           multiformats::testing::kEcdsaPrivate, multiformats::testing::kRsaPrivate));

}  // namespace
}  // namespace libp2p::tls
