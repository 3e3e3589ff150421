list(APPEND LIBP2P_SOURCES negotiation/multistream_message.cc negotiation/negotiate.cc)
