// Perf: how fast bytes go up and down a stream (libp2p/specs perf/perf.md). The client says how many bytes it wants,
// sends some and closes its direction; the server, having read to the end, sends as many as were asked for.
#pragma once

#include "base/clock.h"
#include "libp2p/core/stream.h"

#include <cstdint>
#include <memory>
#include <string_view>

namespace libp2p {

inline constexpr std::string_view kPerfProtocol = "/perf/1.0.0";
/// Bytes that are written and read at once; each side of a stream holds one buffer of this size.
inline constexpr std::size_t kPerfChunkBytes = 256 * 1024;
/// A stream on which no chunk goes either way for this long is ended.
inline constexpr base::Duration kPerfIdleTimeout = std::chrono::seconds(30);
/// Inbound perf streams that one connection may hold open.
inline constexpr std::size_t kPerfStreamsPerConnectionMax = 16;

/// Serves one stream to its end. It sends whatever number of bytes the client asks for and takes: serve it only to
/// those who may have the bandwidth. `clock` outlives the task.
base::Task<> serve_perf(base::Clock& clock, std::unique_ptr<Stream> stream);

struct PerfResult {
  /// From the first byte sent to the server's first byte, or its end: it has read everything then.
  base::Duration upload{};
  /// From then on to the end.
  base::Duration download{};
};

/// One measurement, on a stream that has agreed on kPerfProtocol. Error::kUnexpectedEof or kProtocolViolation if fewer
/// or more bytes come than were asked for, kTimeout if the server falls silent, and the stream's errors; the stream has
/// been reset then. `clock` outlives the task.
base::Task<base::Result<PerfResult>> measure_perf(base::Clock& clock, std::unique_ptr<Stream> stream,
                                                  std::uint64_t upload_bytes, std::uint64_t download_bytes);

}  // namespace libp2p
