# Functions that make our targets, so that every target is built the same way.
#
#   kvp2p_library(name SOURCES a.cc … LINK lib …)      a static library named after its folder
#   kvp2p_test(name SOURCES a_test.cc … LINK lib … LABELS unit threaded …)
#                                                      a GoogleTest binary, one ctest entry. Labels: unit (default; run
#                                                      under asan too), threaded (run under tsan too), soak (optimised build
#                                                      alone), e2e, interop, model
#   kvp2p_fuzz(name SOURCES a_fuzz.cc LINK lib …)      a libFuzzer target, only with KVP2P_FUZZ
#   kvp2p_program(name SOURCES a.cc … LINK lib …)      an executable
#   kvp2p_cuda_library(name SOURCES a.cu … LINK lib …) a static library of kernels; only with KVP2P_HAS_CUDA
#   kvp2p_gpu_program(name SOURCES a.cc b.cu … LINK lib …)
#                                                      a test or benchmark that needs a GPU: an executable that goes into
#                                                      the bundle, and no ctest entry; only with KVP2P_HAS_CUDA. Without a
#                                                      GPU it prints "not run: <reason>" and exits with 77
#   kvp2p_bundle(name …)                               other programs for the bundle (make gpu-bundle): its bin/

# What was compiled before, in this folder or in another clone, is not compiled again where ccache is installed.
find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths count relative to the source folder; precompiled headers need the sloppiness (ccache(1), "Precompiled headers").
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}" CCACHE_NOHASHDIR=1
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime "${CCACHE}")
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()

add_library(kvp2p_options INTERFACE)
target_include_directories(kvp2p_options INTERFACE "${CMAKE_SOURCE_DIR}" "${CMAKE_BINARY_DIR}")
# For C++ alone: nvcc knows other flags.
target_compile_options(kvp2p_options INTERFACE
  "$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wshadow;-Woverloaded-virtual;-Werror>")
# Asio: its implementation is compiled once, in base; no deprecated names.
target_compile_definitions(kvp2p_options INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_NO_TS_EXECUTORS)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these in the standard library's own headers at -O2.
  target_compile_options(kvp2p_options INTERFACE
    "$<$<COMPILE_LANGUAGE:CXX>:-fcoroutines;-Wno-maybe-uninitialized;-Wno-stringop-overflow;-Wno-array-bounds;\
-Wno-restrict;-Wno-stringop-overread;-Wno-dangling-pointer;-Wno-mismatched-new-delete>")
endif()
# Assertions stay in the optimised build: a broken invariant must stop the node, not corrupt KV.
string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_RELWITHDEBINFO "${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")
string(REPLACE "-g" "-g1" CMAKE_CXX_FLAGS_RELWITHDEBINFO "${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")
if(KVP2P_SANITIZE)
  # -O1: at -O0 they are two to six times slower (yamux's tests 95 s for 27) and no more telling.
  set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")
  target_compile_options(kvp2p_options INTERFACE
    "$<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${KVP2P_SANITIZE};-fno-sanitize-recover=all;-fno-omit-frame-pointer>")
  target_link_options(kvp2p_options INTERFACE -fsanitize=${KVP2P_SANITIZE})
  if(KVP2P_SANITIZE MATCHES "thread")
    target_compile_options(kvp2p_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-tsan>)
  endif()
endif()
if(KVP2P_FUZZ)
  # Tests need no coverage.
  target_compile_options(kvp2p_options INTERFACE
    "$<$<AND:$<COMPILE_LANGUAGE:CXX>,$<NOT:$<BOOL:$<TARGET_PROPERTY:KVP2P_IS_TEST>>>>:-fsanitize=fuzzer-no-link>")
endif()
find_program(MOLD mold)
if(MOLD)
  target_link_options(kvp2p_options INTERFACE -fuse-ld=mold)
endif()

if(KVP2P_PORTABLE)
  target_link_options(kvp2p_options INTERFACE -static-libstdc++ -static-libgcc)
endif()

function(kvp2p_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  if(ARG_SOURCES)
    add_library(${name} STATIC ${ARG_SOURCES})
    target_link_libraries(${name} PUBLIC $<BUILD_INTERFACE:kvp2p_options> ${ARG_LINK} PRIVATE ${ARG_PRIVATE_LINK})
    if(NOT name STREQUAL "base")
      target_precompile_headers(${name} REUSE_FROM base)
    endif()
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE $<BUILD_INTERFACE:kvp2p_options> ${ARG_LINK})
  endif()
endfunction()

function(kvp2p_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE base ${ARG_LINK})
  target_precompile_headers(${name} REUSE_FROM base)
endfunction()

function(kvp2p_cuda_library name)
  if(NOT KVP2P_HAS_CUDA)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC "${CMAKE_SOURCE_DIR}")
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:${KVP2P_CUDA_FLAGS}>)
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
endfunction()

function(kvp2p_bundle)
  set_property(GLOBAL APPEND PROPERTY KVP2P_BUNDLE ${ARGN})
endfunction()

function(kvp2p_gpu_program name)
  if(NOT KVP2P_HAS_CUDA)
    return()
  endif()
  kvp2p_program(${name} ${ARGN})
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:${KVP2P_CUDA_FLAGS}>)
  target_compile_definitions(${name} PRIVATE KVP2P_HAS_CUDA)
  kvp2p_bundle(${name})
endfunction()

# A test's own code is compiled fast rather than well: it runs once. What it tests is optimised as ever. Clang takes half
# the time at -O0, GCC three quarters at -O1 and no less below.
function(kvp2p_compile_as_test name)
  set_target_properties(${name} PROPERTIES KVP2P_IS_TEST ON)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-O1>)
  else()
    target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-O0>)
  endif()
  target_link_libraries(${name} PRIVATE base GTest::gtest GTest::gmock)
endfunction()

function(kvp2p_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  kvp2p_compile_as_test(${name})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest_main)
  target_precompile_headers(${name} REUSE_FROM test_pch)
  add_test(NAME ${name} COMMAND ${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  foreach(label IN LISTS ARG_LABELS)
    set_property(GLOBAL APPEND PROPERTY KVP2P_TESTS_${label} ${name})
  endforeach()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
    ENVIRONMENT "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/cmake/tsan.supp;ASAN_OPTIONS=detect_stack_use_after_return=1")
  if(soak IN_LIST ARG_LABELS)
    # They measure memory, and what one peer takes from another.
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()

function(kvp2p_fuzz name)
  if(NOT KVP2P_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE base ${ARG_LINK})
  target_precompile_headers(${name} REUSE_FROM base)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_property(GLOBAL APPEND PROPERTY KVP2P_FUZZ_TARGETS ${name})
endfunction()

function(kvp2p_finish)
  get_property(unit GLOBAL PROPERTY KVP2P_TESTS_unit)
  get_property(threaded GLOBAL PROPERTY KVP2P_TESTS_threaded)
  get_property(fuzzers GLOBAL PROPERTY KVP2P_FUZZ_TARGETS)
  add_custom_target(unit_tests DEPENDS ${unit})
  add_custom_target(threaded_tests DEPENDS ${threaded})
  add_custom_target(fuzzers DEPENDS ${fuzzers})
  kvp2p_list_files(fuzz_targets.txt ${fuzzers})
  get_property(bundle GLOBAL PROPERTY KVP2P_BUNDLE)
  add_custom_target(bundle DEPENDS ${bundle})
  kvp2p_list_files(bundle.txt ${bundle})
endfunction()

# Writes the paths of the targets' files, one a line, for scripts.
function(kvp2p_list_files file)
  set(paths "")
  foreach(target IN LISTS ARGN)
    string(APPEND paths "$<TARGET_FILE:${target}>\n")
  endforeach()
  file(GENERATE OUTPUT "${CMAKE_BINARY_DIR}/${file}" CONTENT "${paths}")
endfunction()
