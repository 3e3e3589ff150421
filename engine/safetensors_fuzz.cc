// Safetensors headers and indexes, and the checks that a reader relies on.
#include "engine/safetensors.h"

#include <cstdlib>

using namespace kvp2p::engine;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ConstBytes bytes(data, size);
  if (size < kSafetensorsLengthBytes) return 0;
  (void)parse_safetensors_length(bytes.first(kSafetensorsLengthBytes), size);
  // The input's first 8 bytes are the size of the data section, so that headers of large files are tried too.
  const std::uint64_t data_bytes = base::load_le64(data);
  const std::string_view json = base::as_text(bytes.subspan(kSafetensorsLengthBytes));
  (void)parse_safetensors_index(json);
  const auto header = parse_safetensors_header(json, data_bytes);
  if (!header) return 0;
  std::uint64_t total = 0;
  for (const auto& [name, info] : *header) {
    if (info.begin > info.end || info.end > data_bytes) std::abort();
    total += info.end - info.begin;
  }
  if (total != data_bytes) std::abort();
  return 0;
}
