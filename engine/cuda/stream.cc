#include "engine/cuda/stream.h"

#include "base/log.h"
#include "engine/cuda/kernels.h"
#include "engine/engine_error.h"

namespace kvp2p::engine::cuda {
namespace {

base::Result<> checked(kvc_status status, const char* what) {
  if (status == KVC_OK) return {};
  LOG_ERROR("{}: {}: {}", what, kvc_status_text(status), kvc_last_error());
  return EngineError::kDeviceFailed;
}

}  // namespace

base::Result<std::unique_ptr<Stream>> Stream::create(int device) {
  std::unique_ptr<Stream> stream(new Stream(device));
  if (auto ok = checked(kvc_stream_create(device, &stream->stream_), "cannot make a stream"); !ok) return ok.error();
  return stream;
}

Stream::~Stream() {
  if (!stream_) return;
  kvc_stream_synchronize(stream_);
  kvc_stream_destroy(stream_);
}

base::Result<> Stream::check_launches() const {
  const char* error = take_launch_error();
  if (!error) return {};
  LOG_ERROR("the GPU refused a kernel: {}", error);
  return EngineError::kDeviceFailed;
}

base::Result<> Stream::synchronize() const { return checked(kvc_stream_synchronize(stream_), "the engine's stream"); }

base::Result<> Stream::copy(void* to, const void* from, std::size_t bytes) const {
  return checked(kvc_copy(to, from, bytes, stream_), "copy");
}

}  // namespace kvp2p::engine::cuda
