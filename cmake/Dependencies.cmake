# Everything that the build takes from outside. scripts/setup.sh installs it.

if(KVP2P_PORTABLE)
  set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
endif()

find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(Protobuf REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(GTest REQUIRED)
find_package(PkgConfig REQUIRED)
# X25519 and Ed25519: a handshake takes half the time that it takes with OpenSSL 3.0.
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
# AES-GCM, several times as fast as OpenSSL 3.0's. Debian has it for amd64; elsewhere OpenSSL does it all.
find_path(IPSEC_MB_INCLUDE_DIR intel-ipsec-mb.h)
find_library(IPSEC_MB_LIBRARY IPSec_MB)
set(KVP2P_IPSEC_MB)
if(IPSEC_MB_INCLUDE_DIR AND IPSEC_MB_LIBRARY)
  set(KVP2P_IPSEC_MB "${IPSEC_MB_LIBRARY}")
endif()
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(lz4 REQUIRED IMPORTED_TARGET liblz4)
pkg_check_modules(cares REQUIRED IMPORTED_TARGET libcares)
pkg_check_modules(openblas REQUIRED IMPORTED_TARGET openblas)
set(KVP2P_BLAS PkgConfig::openblas)
# KV events for routers; cppzmq is headers beside it.
if(NOT KVP2P_PORTABLE)
  pkg_check_modules(zmq REQUIRED IMPORTED_TARGET libzmq)
  find_path(CPPZMQ_INCLUDE_DIR zmq.hpp REQUIRED)
  set(KVP2P_ZMQ PkgConfig::zmq)
endif()
set(KVP2P_SPDLOG spdlog::spdlog)
if(KVP2P_PORTABLE)
  include(Portable)
endif()

# Debian's libmsgpack-cxx-dev depends on Boost 1.74, which cannot be installed beside 1.81; the headers do without
# Boost, so setup.sh unpacks the package into .deps.
find_path(MSGPACK_INCLUDE_DIR msgpack.hpp
  HINTS "${CMAKE_SOURCE_DIR}/.deps/msgpack-cxx/usr/include" REQUIRED)
add_library(msgpack-cxx INTERFACE)
target_include_directories(msgpack-cxx SYSTEM INTERFACE "${MSGPACK_INCLUDE_DIR}")
target_compile_definitions(msgpack-cxx INTERFACE MSGPACK_NO_BOOST)
