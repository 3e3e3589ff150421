list(APPEND LIBP2P_SOURCES
  security/noise/cipher_state.cc security/noise/noise_crypto.cc security/noise/noise_payload.cc
  security/noise/noise_frames.cc security/noise/noise_security.cc security/noise/noise_state.cc
  security/noise/noise_stream.cc)
libp2p_proto(security/noise/noise_payload.proto)
