# What Debian has no static library of, for builds that run where our packages are not (KVP2P_PORTABLE).

# spdlog and fmt, compiled from their headers. The definitions are those of the shared library, so that objects are the
# same in both builds and come out of the compiler cache.
add_library(kvp2p_spdlog STATIC "${CMAKE_SOURCE_DIR}/cmake/portable/spdlog.cc" "${CMAKE_SOURCE_DIR}/cmake/portable/fmt.cc")
target_compile_definitions(kvp2p_spdlog PUBLIC SPDLOG_SHARED_LIB SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL FMT_SHARED)
set(KVP2P_SPDLOG kvp2p_spdlog)

# OpenBLAS for every kind of processor is 25 MB, too much for each program: one library beside them, of the functions that
# engine/matmul.cc uses and without the Fortran runtime that the others need.
file(WRITE "${CMAKE_BINARY_DIR}/kvp2p_blas.c" "/* Everything is in libopenblas.a. */\ntypedef int kvp2p_blas_nothing;\n")
add_library(kvp2p_blas SHARED "${CMAKE_BINARY_DIR}/kvp2p_blas.c")
target_include_directories(kvp2p_blas INTERFACE ${openblas_INCLUDE_DIRS})
target_link_options(kvp2p_blas PRIVATE -Wl,--no-undefined
  -Wl,-u,cblas_sgemm,-u,cblas_sgemv,-u,openblas_set_num_threads)
target_link_libraries(kvp2p_blas PRIVATE PkgConfig::openblas Threads::Threads m)
set(KVP2P_BLAS kvp2p_blas)
set_property(GLOBAL APPEND PROPERTY KVP2P_BUNDLE kvp2p_blas)

# Programs find it beside themselves.
set(CMAKE_BUILD_WITH_INSTALL_RPATH ON)
set(CMAKE_INSTALL_RPATH "$ORIGIN")
