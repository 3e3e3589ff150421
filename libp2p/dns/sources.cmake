list(APPEND LIBP2P_SOURCES dns/address_names.cc dns/cares_lookup.cc dns/cares_resolver.cc)
