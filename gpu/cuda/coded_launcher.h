// Takes the tables of a gather or scatter of a coded region.
#pragma once

#include "gpu/cuda/paged_plan.h"

struct CUstream_st;

namespace kvc {

class CodedLauncher final : public PagedLauncher {
 public:
  /// `host`: the wire side is host memory.
  CodedLauncher(const kvc_region& region, bool encodes, bool host, CUstream_st* stream);

  bool has_bulk() const override { return false; }
  kvc_status launch(const SmallSlices& table, const CopyKind& kind) override;
  kvc_status launch(const MediumSlices& table, const CopyKind& kind) override;
  kvc_status launch(const LargeSlices& table, const CopyKind& kind) override;
  // Region to region nothing is coded.
  kvc_status launch(const SmallSlots&, const CopyKind&) override { return KVC_ERROR_ARGUMENT; }
  kvc_status launch(const MediumSlots&, const CopyKind&) override { return KVC_ERROR_ARGUMENT; }
  kvc_status launch(const LargeSlots&, const CopyKind&) override { return KVC_ERROR_ARGUMENT; }

 private:
  Coding coding_;
  unsigned blocks_max_;
  bool encodes_;
  CUstream_st* stream_;
};

}  // namespace kvc
