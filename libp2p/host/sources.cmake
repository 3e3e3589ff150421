list(APPEND LIBP2P_SOURCES host/connection_set.cc host/connection_upgrader.cc host/dialler.cc host/host.cc
  host/host_connection.cc host/host_impl.cc host/identify_service.cc host/interface_addresses.cc host/task_group.cc)
