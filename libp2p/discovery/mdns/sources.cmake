list(APPEND LIBP2P_SOURCES
  discovery/mdns/answer_schedule.cc discovery/mdns/dns_message.cc discovery/mdns/mdns_protocol.cc
  discovery/mdns/mdns_service.cc discovery/mdns/multicast_socket.cc discovery/mdns/network_interface.cc
  discovery/mdns/sightings.cc)
