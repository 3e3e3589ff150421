# CUDA is found or left out. KVP2P_HAS_CUDA says which; kvp2p_cuda_library() makes a static library of .cu files.
#
# Looked for in: CMAKE_CUDA_COMPILER, .deps/cuda (NVIDIA's PyPI wheels, put there by scripts/setup_cuda.sh), CUDA_HOME,
# /usr/local/cuda, PATH. The runtime is linked statically and the driver is found at run time, so one binary runs with
# and without a GPU.
option(KVP2P_CUDA "Build the CUDA backend where a compiler is found" ON)
set(KVP2P_HAS_CUDA OFF)
if(KVP2P_CUDA AND NOT KVP2P_FUZZ)
  find_program(KVP2P_NVCC nvcc
    HINTS "${CMAKE_SOURCE_DIR}/.deps/cuda/nvidia/cu13/bin" "$ENV{CUDA_HOME}/bin" /usr/local/cuda/bin)
  if(KVP2P_NVCC)
    set(KVP2P_HAS_CUDA ON)
    set(CMAKE_CUDA_COMPILER "${KVP2P_NVCC}")
    set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
    set(CMAKE_CUDA_ARCHITECTURES 80-real 90-real 90-virtual)
    enable_language(CUDA)
    set(CMAKE_CUDA_STANDARD 17)
    set(CMAKE_CUDA_STANDARD_REQUIRED ON)
    set(CMAKE_CUDA_EXTENSIONS OFF)
  endif()
endif()
message(STATUS "CUDA: ${KVP2P_HAS_CUDA} ${KVP2P_NVCC}")
