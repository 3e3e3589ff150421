list(APPEND LIBP2P_SOURCES peer_store/peer_store.cc peer_store/peer_store_text.cc)
