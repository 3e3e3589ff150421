# CUDA is found or left out. KVP2P_HAS_CUDA says which; targets are made by the functions in Targets.cmake.
#
# Looked for in: CMAKE_CUDA_COMPILER, .deps/cuda (NVIDIA's PyPI wheels, put there by scripts/setup_cuda.sh), CUDA_HOME,
# /usr/local/cuda, PATH. A compiler that is found must work: to do without, configure with -DKVP2P_CUDA=OFF. The runtime
# is linked statically and the driver is found at run time, so one binary runs with and without a GPU.
option(KVP2P_CUDA "Build the CUDA backend where a compiler is found" ON)
set(KVP2P_HAS_CUDA OFF)
# The fuzz targets are parsers, built by clang: nothing of CUDA is in them.
if(KVP2P_CUDA)
  if(CMAKE_CUDA_COMPILER)
    set(KVP2P_NVCC "${CMAKE_CUDA_COMPILER}")
  else()
    find_program(KVP2P_NVCC nvcc
      HINTS "${CMAKE_SOURCE_DIR}/.deps/cuda/nvidia/cu13/bin" "$ENV{CUDA_HOME}/bin" /usr/local/cuda/bin)
  endif()
  if(KVP2P_NVCC)
    set(KVP2P_HAS_CUDA ON)
    set(CMAKE_CUDA_COMPILER "${KVP2P_NVCC}")
    set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
    if(KVP2P_SANITIZE)
      # The sanitizers' tests run no kernel; one architecture, so that the kernels' host side links.
      set(CMAKE_CUDA_ARCHITECTURES 90-real)
    else()
      set(CMAKE_CUDA_ARCHITECTURES 80-real 90-real 90-virtual)
    endif()
    enable_language(CUDA)
    set(CMAKE_CUDA_STANDARD 17)  # CMake 3.25 knows no other for nvcc 13
    set(CMAKE_CUDA_STANDARD_REQUIRED ON)
    set(CMAKE_CUDA_EXTENSIONS OFF)
    if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 11.8)
      message(FATAL_ERROR "${KVP2P_NVCC} is CUDA ${CMAKE_CUDA_COMPILER_VERSION}, which does not know sm_90: "
        "run scripts/setup_cuda.sh, or configure with -DKVP2P_CUDA=OFF")
    endif()
    set(KVP2P_CUDA_FLAGS --Werror=all-warnings -Xcompiler=-Wall,-Wextra,-Werror -lineinfo)
    # The host side of .cu files; nvcc takes a comma for the end of an option.
    string(REPLACE "," ";" sanitizers "${KVP2P_SANITIZE}")
    foreach(sanitizer IN LISTS sanitizers)
      list(APPEND KVP2P_CUDA_FLAGS -Xcompiler=-fsanitize=${sanitizer})
    endforeach()
    if(KVP2P_SANITIZE)
      list(APPEND KVP2P_CUDA_FLAGS -Xcompiler=-fno-sanitize-recover=all,-fno-omit-frame-pointer)
    endif()
    # Assertions stay in the optimised build, as in C++.
    string(REPLACE "-DNDEBUG" "" CMAKE_CUDA_FLAGS_RELWITHDEBINFO "${CMAKE_CUDA_FLAGS_RELWITHDEBINFO}")
  endif()
endif()
if(KVP2P_HAS_CUDA)
  message(STATUS "CUDA: ${CMAKE_CUDA_COMPILER_VERSION}, ${KVP2P_NVCC}, for ${CMAKE_CUDA_ARCHITECTURES}")
else()
  message(STATUS "CUDA: left out (no compiler found, or KVP2P_CUDA=OFF)")
endif()
