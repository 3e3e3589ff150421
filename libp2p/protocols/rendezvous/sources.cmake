list(APPEND LIBP2P_SOURCES
  protocols/rendezvous/message.cc protocols/rendezvous/registrations.cc protocols/rendezvous/rendezvous.cc)
