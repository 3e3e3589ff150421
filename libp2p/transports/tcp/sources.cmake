list(APPEND LIBP2P_SOURCES
  transports/tcp/listen_ports.cc
  transports/tcp/send_buffer.cc
  transports/tcp/tcp_listener.cc
  transports/tcp/tcp_stream.cc
  transports/tcp/tcp_transport.cc)
