#include "libp2p/security/tls/tls_security.h"

#include "base/log.h"
#include "libp2p/core/error.h"
#include "libp2p/security/tls/certificate.h"

#include <array>

namespace libp2p::tls {

namespace {

constexpr std::size_t kReadBytes = 4 * 1024;

SslContextPointer context_for(const multiformats::PrivateKey& identity) {
  const Certificate certificate = make_certificate(identity, std::time(nullptr));
  return TlsHandshake::make_context(certificate.certificate.get(), certificate.key.get());
}

base::Task<base::Result<>> run(Stream& raw, TlsHandshake& handshake) {
  for (;;) {
    const auto is_over = handshake.advance();
    const base::Bytes output = handshake.take_output();
    if (!output.empty()) {
      auto written = co_await raw.write(output);
      // Why we end it says more than that the other side has gone meanwhile.
      if (!written && is_over) co_return written;
    }
    if (!is_over) co_return is_over.error();
    if (*is_over) co_return base::Result<>();
    std::array<std::uint8_t, kReadBytes> buffer;
    const base::MutableBytes space(buffer);
    auto count = co_await raw.read_some(space);
    if (!count) co_return count.error();
    if (*count == 0) co_return Error::kUnexpectedEof;
    auto taken = handshake.give_input(space.first(*count));
    if (!taken) co_return taken;
  }
}

}  // namespace

TlsSecurity::TlsSecurity(const multiformats::PrivateKey& identity, std::vector<std::string> muxers)
    : muxers_(std::move(muxers)), context_(context_for(identity)) {}

base::Task<base::Result<SecuredStream>> TlsSecurity::secure(std::unique_ptr<Stream> raw, TlsHandshake::Role role,
                                                            std::optional<multiformats::PeerId> expected) {
  TlsHandshake::Config config{context_.get(), role, muxers_, std::move(expected), std::time(nullptr)};
  TlsHandshake handshake(std::move(config));
  auto done = co_await run(*raw, handshake);
  if (!done) co_return done.error();
  TrafficSecrets secrets = handshake.take_secrets();
  secrets.records_per_key = records_per_key_;
  LOG_DEBUG("TLS 1.3 with {}", cipher_name(secrets.send.suite()));
  auto stream = std::make_unique<TlsStream>(std::move(raw), std::move(secrets));
  co_return SecuredStream{std::move(stream), multiformats::PeerId::from_public_key(handshake.remote_key()),
                          handshake.remote_key(), handshake.muxer()};
}

base::Task<base::Result<SecuredStream>> TlsSecurity::secure_outbound(std::unique_ptr<Stream> raw,
                                                                     std::optional<multiformats::PeerId> expected) {
  return secure(std::move(raw), TlsHandshake::Role::kDialler, std::move(expected));
}

base::Task<base::Result<SecuredStream>> TlsSecurity::secure_inbound(std::unique_ptr<Stream> raw) {
  return secure(std::move(raw), TlsHandshake::Role::kListener, std::nullopt);
}

}  // namespace libp2p::tls
