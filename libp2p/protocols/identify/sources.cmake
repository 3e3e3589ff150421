list(APPEND LIBP2P_SOURCES protocols/identify/identify_message.cc protocols/identify/identify_protocol.cc)
