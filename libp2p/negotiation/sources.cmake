list(APPEND LIBP2P_SOURCES negotiation/lazy_stream.cc negotiation/multistream_message.cc negotiation/negotiate.cc)
