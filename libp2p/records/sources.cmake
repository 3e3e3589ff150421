list(APPEND LIBP2P_SOURCES records/peer_record.cc records/signed_envelope.cc)
libp2p_proto(records/records.proto)
