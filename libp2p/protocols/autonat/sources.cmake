list(APPEND LIBP2P_SOURCES
  protocols/autonat/autonat_message.cc
  protocols/autonat/client.cc
  protocols/autonat/client_impl.cc
  protocols/autonat/reachability_table.cc
  protocols/autonat/server.cc
  protocols/autonat/server_impl.cc)
libp2p_proto(protocols/autonat/autonat.proto)
