list(APPEND LIBP2P_SOURCES
  muxers/yamux/receive_buffer.cc
  muxers/yamux/send_batch.cc
  muxers/yamux/session_reader.cc
  muxers/yamux/session_state.cc
  muxers/yamux/session_writer.cc
  muxers/yamux/yamux_frame.cc
  muxers/yamux/yamux_muxer.cc
  muxers/yamux/yamux_session.cc
  muxers/yamux/yamux_stream.cc)
