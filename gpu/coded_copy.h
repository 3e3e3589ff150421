// Slices between an engine's strides and coded bytes. Host memory; kernels do the same on a GPU.
#pragma once

#include "codec/head_slice_codec.h"
#include "gpu/strided_copy.h"

namespace kvp2p {

/// Engine → coded: `coded` has format.layer_slice_bytes(). Coded straight out of the engine's memory where that is in
/// wire order, else by way of a slice-sized buffer of this thread. REQUIRES: shape.codec is not kNone.
void gather_coded(const SlicePlan& plan, const CodedShape& shape, const std::uint8_t* region, Slot slot,
                  std::uint8_t* coded);
/// Coded → engine.
void scatter_coded(const SlicePlan& plan, const CodedShape& shape, const std::uint8_t* coded, std::uint8_t* region,
                   Slot slot);

}  // namespace kvp2p
