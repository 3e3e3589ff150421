list(APPEND LIBP2P_SOURCES protocols/ping/ping.cc)
