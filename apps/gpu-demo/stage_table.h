// The seed's table: what each stage took.
#pragma once

#include "apps/gpu-demo/report.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace kvp2p::demo {

struct StageRow {
  std::string name;
  /// Absent: not known here (the other side measures it).
  std::optional<double> milliseconds;
  std::size_t bytes = 0;  // 0: no rate
  /// Nothing went this way.
  bool is_unused = false;
};

/// What a consumer knows, from asking to having. `gpu_memory`: the engine's KV is in a GPU's memory.
std::vector<StageRow> consumer_rows(const ConsumerResult& result, bool gpu_memory);
/// The row of the direct path, and one of the staged path: `bytes` on the way where any went it.
StageRow direct_row(const ConsumerResult& result);
StageRow staged_row(std::string name, std::optional<double> milliseconds, std::size_t bytes);
/// Rows of what `staged` bytes went through, and whether they were compressed on their way.
StageRow network_row(const ConsumerResult& result, std::size_t staged);
StageRow verify_row(const ConsumerResult& result, std::size_t staged);
/// Of a result that was verified: "output and KV equal a run with the cache off".
std::string verdict_of(const ConsumerResult& result);

/// Rows as aligned text: name, time, bytes, GB/s.
std::string format_stages(const std::vector<StageRow>& rows);

/// "23.6 MB", "1.07 GB": decimal units, as rates are.
std::string format_bytes(std::size_t bytes);

}  // namespace kvp2p::demo
