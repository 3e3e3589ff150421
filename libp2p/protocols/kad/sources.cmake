list(APPEND LIBP2P_SOURCES
  protocols/kad/address_scope.cc
  protocols/kad/behaviour.cc
  protocols/kad/config.cc
  protocols/kad/error.cc
  protocols/kad/kademlia.cc
  protocols/kad/kademlia_impl.cc
  protocols/kad/kademlia_streams.cc
  protocols/kad/key.cc
  protocols/kad/lookup.cc
  protocols/kad/maintenance.cc
  protocols/kad/message.cc
  protocols/kad/provider_store.cc
  protocols/kad/query.cc
  protocols/kad/record_store.cc
  protocols/kad/responder.cc
  protocols/kad/routing_table.cc
  protocols/kad/validator.cc)
