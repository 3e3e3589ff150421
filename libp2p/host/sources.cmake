list(APPEND LIBP2P_SOURCES host/connection_gate.cc host/connection_set.cc host/connection_upgrader.cc
  host/data_connections.cc host/dial_backoff.cc host/dial_calls.cc host/dial_order.cc host/dial_race.cc host/dialler.cc host/host.cc host/host_connection.cc
  host/host_impl.cc host/identify_service.cc host/inbound_admission.cc host/interface_addresses.cc host/places.cc
  host/refused_securities.cc host/task_group.cc)
