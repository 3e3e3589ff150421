// The seed's table: what each stage took.
#pragma once

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
};

/// Rows as aligned text: name, time, bytes, GB/s.
std::string format_stages(const std::vector<StageRow>& rows);

/// "23.6 MB", "1.07 GB": decimal units, as rates are.
std::string format_bytes(std::size_t bytes);

}  // namespace kvp2p::demo
