// Copies layer slices of one region straight into another, converting the layout on the way. Host memory.
#pragma once

#include "gpu/connector.h"
#include "gpu/strided_copy.h"

#include <vector>

namespace kvp2p {

/// One side: a region's start and the plans of its layers.
struct PlannedRegion {
  std::uint8_t* start = nullptr;
  const std::vector<SlicePlan>& plans;
};

/// Whether blocks of one are blocks of the other, but for the layers that each holds.
bool differ_only_in_layers(const ObjectFormat& a, const ObjectFormat& b);

/// Every layer pair of every slot pair. One memcpy where both sides are plain, with neighbours joined; a pass through a
/// slice-sized buffer of this thread where neither is.
/// REQUIRES: formats differ only in layers; slots and layers are in bounds.
void copy_between(const PlannedRegion& from, const PlannedRegion& to, const std::vector<IndexPair>& slots,
                  const std::vector<IndexPair>& layers);

}  // namespace kvp2p
