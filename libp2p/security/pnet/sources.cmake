list(APPEND LIBP2P_SOURCES
  security/pnet/pnet_stream.cc security/pnet/pre_shared_key.cc security/pnet/xsalsa20.cc)
