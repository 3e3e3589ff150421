list(APPEND LIBP2P_SOURCES
  protocols/dcutr/dcutr_message.cc
  protocols/dcutr/hole_puncher.cc
  protocols/dcutr/hole_puncher_impl.cc)
libp2p_proto(protocols/dcutr/dcutr.proto)
