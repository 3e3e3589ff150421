#include "codec/head_slice_codec.h"
#include "gpu/strided_copy.h"
#include "gpu/testing/cuda_cases.h"
#include "gpu/testing/engine_memory.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstring>

namespace kvp2p::testing {

namespace {

/// Through pinned memory, waiting for it. Any failure is fatal for a test.
void copy_now(int device, void* to, const void* from, std::size_t bytes, bool to_device) {
  void* pinned = nullptr;
  kvc_stream stream = nullptr;
  kvc_status status = kvc_pinned_alloc(bytes, &pinned);
  if (status == KVC_OK) status = kvc_stream_create(device, &stream);
  if (status == KVC_OK && to_device) std::memcpy(pinned, from, bytes);
  if (status == KVC_OK) status = kvc_copy(to_device ? to : pinned, to_device ? pinned : from, bytes, stream);
  if (status == KVC_OK) status = kvc_stream_synchronize(stream);
  if (status == KVC_OK && !to_device) std::memcpy(to, pinned, bytes);
  if (status != KVC_OK) throw std::runtime_error(std::string("test memory: ") + kvc_last_error());
  kvc_stream_destroy(stream);
  kvc_pinned_free(pinned);
}

template <class Start>
Outcome started(Start start) {
  auto promise = std::make_shared<std::promise<base::Result<>>>();
  Outcome outcome = promise->get_future();
  start([promise](base::Result<> result) { promise->set_value(result); });
  return outcome;
}

}  // namespace

DeviceMemory::DeviceMemory(int device, NamedLayout named, std::uint32_t seed)
    : device_(device), named_(std::move(named)), expected_(named_.region_bytes, kPoison) {
  std::uint64_t state = seed;
  if (seed != 0) {
    for (std::size_t i = 0; i < expected_.size(); i += sizeof state) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      const std::uint64_t mixed = state ^ state >> 29;
      std::memcpy(&expected_[i], &mixed, std::min(sizeof mixed, expected_.size() - i));
    }
  }
  if (layout().format.codec != Codec::kNone) make_finite();
  if (kvc_device_alloc(device, named_.region_bytes, &start_) != KVC_OK) {
    throw std::runtime_error(std::string("no device memory for a test: ") + kvc_last_error());
  }
  upload();
}

DeviceMemory::~DeviceMemory() { kvc_device_free(device_, start_); }

/// Sets the upper bits of each element's exponent, in any of the types.
void DeviceMemory::make_finite() {
  const ObjectFormat& format = layout().format;
  const std::size_t bytes = element_bytes(format.element);
  for (std::uint32_t layer = 0; layer < format.shard.layers(); ++layer) {
    for (Slot slot = 0; slot < layout().slots(); ++slot) {
      for (std::size_t row = 0; row < format.shard.heads() * format.rows(); ++row) {
        const auto head = static_cast<std::uint32_t>(row / format.rows());
        const auto plane = static_cast<std::uint32_t>(row % format.rows() / kBlockTokens);
        std::uint8_t* at = &expected_[element_offset(layout(), layer, slot, head, plane,
                                                     static_cast<std::uint32_t>(row % kBlockTokens), 0)];
        for (std::uint32_t dim = 1; dim <= format.head_dim; ++dim) {
          std::uint8_t& highest = at[dim * bytes - 1];
          highest = static_cast<std::uint8_t>((highest & 0x83) | 0x3c);
        }
      }
    }
  }
}

void DeviceMemory::upload() { copy_now(device_, start_, expected_.data(), expected_.size(), true); }

std::vector<std::uint8_t> DeviceMemory::download() const {
  std::vector<std::uint8_t> bytes(named_.region_bytes);
  copy_now(device_, bytes.data(), start_, bytes.size(), false);
  return bytes;
}

std::vector<std::uint8_t> DeviceMemory::expected_slice(std::uint32_t layer, Slot slot) const {
  const ObjectFormat& format = layout().format;
  std::vector<std::uint8_t> wire(format.engine_layer_slice_bytes());
  gather_slice(make_slice_plan(layout(), layer), expected_.data(), slot, wire.data());
  if (format.codec == Codec::kNone) return wire;
  std::vector<std::uint8_t> coded(format.layer_slice_bytes());
  encode_head_slices(CodedShape::of(format), wire, coded);
  return coded;
}

void DeviceMemory::expect_slice(std::uint32_t layer, Slot slot, const std::uint8_t* wire) {
  const ObjectFormat& format = layout().format;
  const std::size_t row = format.head_dim * element_bytes(format.element);
  std::vector<std::uint8_t> decoded;
  if (format.codec != Codec::kNone) {
    decoded.resize(format.engine_layer_slice_bytes());
    decode_head_slices(CodedShape::of(format), {wire, format.layer_slice_bytes()}, decoded);
    wire = decoded.data();
  }
  for (std::uint32_t head = 0; head < format.shard.heads(); ++head) {
    for (std::uint32_t plane = 0; plane < format.planes; ++plane) {
      for (std::uint32_t token = 0; token < kBlockTokens; ++token, wire += row) {
        std::memcpy(&expected_[element_offset(layout(), layer, slot, head, plane, token, 0)], wire, row);
      }
    }
  }
}

std::string DeviceMemory::difference() const {
  const auto held = download();
  if (held == expected_) return {};
  for (std::size_t i = 0; i < held.size(); ++i) {
    if (held[i] != expected_[i]) {
      return name() + ": byte " + std::to_string(i) + " of " + std::to_string(held.size()) + " is " +
             std::to_string(held[i]) + ", not " + std::to_string(expected_[i]);
    }
  }
  return {};
}

Outcome start_gather(GpuConnector& connector, RegionId region, std::vector<SliceCopy> slices, ReadyEvent ready) {
  return started([&](CopyDone done) { connector.gather(region, std::move(slices), ready, std::move(done)); });
}

Outcome start_scatter(GpuConnector& connector, RegionId region, std::vector<SliceCopy> slices, ReadyEvent ready) {
  return started([&](CopyDone done) { connector.scatter(region, std::move(slices), ready, std::move(done)); });
}

Outcome start_direct(GpuConnector& connector, ImportId from, RegionId to, std::vector<IndexPair> slots,
                     std::vector<IndexPair> layers, ReadyEvent ready) {
  return started([&](CopyDone done) {
    connector.copy_direct(from, to, std::move(slots), std::move(layers), ready, std::move(done));
  });
}

std::string failure_of(Outcome& outcome, const std::string& what) {
  if (outcome.wait_for(std::chrono::minutes(1)) != std::future_status::ready) return what + ": not done in a minute";
  const auto result = outcome.get();
  return result ? std::string() : what + ": " + result.error().message();
}

std::vector<SliceCopy> slices_of(const LayoutDesc& layout, const std::vector<Slot>& slots, std::uint8_t* host) {
  std::vector<SliceCopy> slices;
  for (const Slot slot : slots) {
    for (std::uint32_t layer = 0; layer < layout.layers.size(); ++layer) {
      slices.push_back({slot, layer, host});
      host += layout.format.layer_slice_bytes();
    }
  }
  return slices;
}

}  // namespace kvp2p::testing
