// Layouts as plans of the C ABI. For tests.
#pragma once

#include "gpu/cuda/kvcache.h"
#include "gpu/strided_copy.h"
#include "gpu/testing/layouts.h"

#include <vector>

namespace kvp2p::testing {

inline kvc_slice_plan to_kvc(const SlicePlan& plan) {
  kvc_slice_plan made = {};
  made.base = plan.base;
  for (int i = 0; i < 3; ++i) made.loops[i] = {plan.loops[i].count, plan.loops[i].engine_stride};
  made.run_bytes = plan.run_bytes;
  made.slice_bytes = plan.slice_bytes;
  made.block_stride = plan.block_stride;
  made.slot_stride = plan.slot_stride;
  made.slots_per_block = plan.slots_per_block;
  return made;
}

/// A plan a layer.
inline std::vector<kvc_slice_plan> plans_of(const LayoutDesc& layout) {
  std::vector<kvc_slice_plan> plans;
  for (std::uint32_t layer = 0; layer < layout.layers.size(); ++layer) {
    plans.push_back(to_kvc(make_slice_plan(layout, layer)));
  }
  return plans;
}

}  // namespace kvp2p::testing
