// Checks every call of kvcache.h on a GPU against plain references. Usage: kvcache_gpu_test [--quick] [--no-processes]
// --quick: few cases, for compute-sanitizer. Exit code: 0 all well, 1 something failed, 77 no GPU.
#include "gpu/cuda/kvcache_gpu_test.h"

#include <cstdlib>
#include <cstring>

namespace kvp2p::testing {

std::vector<std::uint8_t> random_bytes(std::size_t count, std::mt19937& random) {
  std::vector<std::uint8_t> bytes((count + 3) / 4 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 4) {
    const auto word = static_cast<std::uint32_t>(random());
    std::memcpy(bytes.data() + i, &word, sizeof word);
  }
  bytes.resize(count);
  return bytes;
}

}  // namespace kvp2p::testing

int main(int argc, char** argv) {
  using namespace kvp2p::testing;
  if (argc == 3 && std::strcmp(argv[1], "--importer") == 0) return run_importer(std::atoi(argv[2]));
  GpuTest test;
  bool processes = true;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--quick") == 0) {
      test.quick = true;
    } else if (std::strcmp(argv[i], "--no-processes") == 0) {
      processes = false;
    } else {
      std::fprintf(stderr, "usage: %s [--quick] [--no-processes]\n", argv[0]);
      return 2;
    }
  }
  test.program = "/proc/self/exe";
  if (kvc_device_count(&test.devices) != KVC_OK) {
    std::printf("not run: %s\n", kvc_last_error());
    return 77;
  }
  if (!good(kvc_stream_create(0, &test.stream), "a stream on GPU 0")) return 1;
  run_runtime_groups(test);
  run_paged_groups(test);
  run_ops_groups(test);
  run_convert_groups(test);
  run_codec_groups(test);
  if (processes) {
    run_process_groups(test);
  } else {
    groups().not_run("another process", "--no-processes");
  }
  run_peer_groups(test);
  good(kvc_stream_destroy(test.stream), "destroying the stream");
  return groups().finish();
}
