list(APPEND LIBP2P_SOURCES
  security/tls/aead.cc security/tls/certificate.cc security/tls/ipsec_mb_aead.cc security/tls/openssl_aead.cc
  security/tls/openssl_types.cc security/tls/post_handshake.cc
  security/tls/record_cipher.cc security/tls/record_opener.cc security/tls/record_sealer.cc
  security/tls/signed_key.cc security/tls/tls_handshake.cc security/tls/tls_security.cc security/tls/tls_stream.cc
  security/tls/traffic_secret.cc)
