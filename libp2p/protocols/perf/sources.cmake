list(APPEND LIBP2P_SOURCES protocols/perf/perf.cc)
