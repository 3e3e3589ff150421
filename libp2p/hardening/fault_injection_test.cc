// Every read and write of the stack breaks once, in each way there is: whatever breaks, everything comes to its end,
// and nothing is left.
#include "libp2p/hardening/fault_session.h"

#include <gtest/gtest.h>

namespace libp2p::hardening {
namespace {

using testing::FaultKind;

class FaultInjectionTest : public ::testing::TestWithParam<FaultCase> {};

TEST_P(FaultInjectionTest, EverythingEndsWhicheverOperationBreaks) {
  std::size_t at = 0;
  while (FaultSession(GetParam(), at).run() && !HasFailure()) ++at;
  RecordProperty("sessions", static_cast<int>(at));
  std::printf("%zu operations\n", at);
  EXPECT_GT(at, 30u) << "the session has hardly any operations";
}

/// In the one, writes do not wait, and what has come is read at once; in the other, everything waits for everything.
constexpr testing::MemoryPipeOptions kFast{.offers_read_available = true};
constexpr testing::MemoryPipeOptions kSlow{.capacity_bytes = 2000, .read_bytes_max = 1500};

std::vector<FaultCase> all_cases() {
  std::vector<FaultCase> cases;
  for (const FaultLayer layer : {FaultLayer::kRaw, FaultLayer::kSecured, FaultLayer::kMuxed}) {
    for (const bool at_dialler : {true, false}) {
      for (const FaultKind kind : {FaultKind::kShort, FaultKind::kError, FaultKind::kCancel, FaultKind::kEnd}) {
        for (const auto& network : {kFast, kSlow}) cases.push_back({layer, at_dialler, kind, network});
      }
    }
  }
  return cases;
}

std::string name_of(const ::testing::TestParamInfo<FaultCase>& info) {
  constexpr const char* kLayers[] = {"Raw", "Secured", "Muxed"};
  constexpr const char* kKinds[] = {"Short", "Error", "Cancel", "End"};
  return std::string(kLayers[static_cast<int>(info.param.layer)]) + kKinds[static_cast<int>(info.param.kind)] +
         (info.param.at_dialler ? "AtDialler" : "AtListener") +
         (info.param.network.offers_read_available ? "Fast" : "Slow");
}

INSTANTIATE_TEST_SUITE_P(Cases, FaultInjectionTest, ::testing::ValuesIn(all_cases()), name_of);

}  // namespace
}  // namespace libp2p::hardening
