// The groups of kvcache_gpu_test, a function a group.
#pragma once

#include "gpu/cuda/testing/gpu_check.h"

#include <random>

namespace kvp2p::testing {

/// What all groups share.
struct GpuTest {
  bool quick = false;
  int devices = 0;
  kvc_stream stream = nullptr;
  const char* program = nullptr;
};

std::vector<std::uint8_t> random_bytes(std::size_t count, std::mt19937& random);

void run_paged_groups(const GpuTest& test);
void run_ops_groups(const GpuTest& test);
void run_convert_groups(const GpuTest& test);
void run_codec_groups(const GpuTest& test);
void run_runtime_groups(const GpuTest& test);
void run_process_groups(const GpuTest& test);
void run_peer_groups(const GpuTest& test);

/// The other process of run_process_groups().
int run_importer(int socket);

}  // namespace kvp2p::testing
