list(APPEND LIBP2P_SOURCES reachability/address_observer.cc reachability/observed_addresses.cc)
