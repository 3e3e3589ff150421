// Two sides of TLS over a pipe in memory. For tests.
#pragma once

#include "libp2p/core/error.h"
#include "libp2p/security/tls/testing/openssl_peer.h"
#include "libp2p/security/tls/testing/test_certificate.h"
#include "libp2p/security/tls/tls_security.h"
#include "libp2p/testing/security_fixture.h"

namespace libp2p::tls {

using libp2p::testing::kYamux;
using libp2p::testing::Outcome;
using libp2p::testing::ReadOutcome;

using TlsFixture = libp2p::testing::SecurityFixture<TlsSecurity>;
using TlsPairFixture = libp2p::testing::SecuredPair<TlsFixture>;

}  // namespace libp2p::tls
