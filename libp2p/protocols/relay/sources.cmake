list(APPEND LIBP2P_SOURCES
  protocols/relay/carry.cc
  protocols/relay/circuit_address.cc
  protocols/relay/circuit_transport.cc
  protocols/relay/client.cc
  protocols/relay/client_impl.cc
  protocols/relay/client_reservations.cc
  protocols/relay/error.cc
  protocols/relay/relay_message.cc
  protocols/relay/server.cc
  protocols/relay/server_impl.cc
  protocols/relay/server_table.cc
  protocols/relay/voucher.cc)
libp2p_proto(protocols/relay/relay.proto)
