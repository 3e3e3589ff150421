#include "gpu/cuda/testing/gpu_check.h"

#include <algorithm>
#include <cstdlib>

namespace kvp2p::testing {

Groups& groups() {
  static Groups all;
  return all;
}

void Groups::run(const std::string& name, const std::function<void()>& group) {
  name_ = name;
  cases_ = failed_cases_ = 0;
  ++groups_;
  group();
  if (failed_cases_ == 0) {
    std::printf("ok %s (%d cases)\n", name.c_str(), cases_);
  } else {
    ++failed_groups_;
    std::printf("FAILED %s: %d of %d cases\n", name.c_str(), failed_cases_, cases_);
  }
  std::fflush(stdout);
}

void Groups::expect(bool holds, const std::string& what) {
  constexpr int kTold = 12;  // of a group; the rest are counted
  ++cases_;
  if (holds) return;
  if (++failed_cases_ <= kTold) std::printf("FAILED %s: %s\n", name_.c_str(), what.c_str());
}

void Groups::not_run(const std::string& name, const std::string& why) {
  std::printf("not run %s: %s\n", name.c_str(), why.c_str());
}

int Groups::finish() const {
  std::printf("%d groups, %d failed\n", groups_, failed_groups_);
  return failed_groups_ == 0 ? 0 : 1;
}

bool good(kvc_status call, const std::string& what) {
  if (call == KVC_OK) return true;
  groups().expect(false, what + ": " + kvc_status_text(call) + ": " + kvc_last_error());
  return false;
}

Guarded::Guarded(Kind kind, std::size_t bytes, std::size_t offset) : kind_(kind), bytes_(bytes), offset_(offset) {
  void* made = nullptr;
  const std::size_t all = bytes_ + offset_ + 2 * kGuard;
  if (!good(kind == Kind::kDevice ? kvc_device_alloc(0, all, &made) : kvc_pinned_alloc(all, &made), "allocating")) {
    std::exit(1);  // nothing else can be checked
  }
  memory_ = static_cast<std::uint8_t*>(made);
  const std::vector<std::uint8_t> poison(all, kPoison);
  good(kvc_copy(memory_, poison.data(), all, nullptr), "poisoning");
  good(kvc_stream_synchronize(nullptr), "poisoning");
}

Guarded::~Guarded() {
  if (kind_ == Kind::kDevice) {
    kvc_device_free(0, memory_);
  } else {
    kvc_pinned_free(memory_);
  }
}

void Guarded::write(const std::vector<std::uint8_t>& bytes) {
  good(kvc_copy(start(), bytes.data(), std::min(bytes.size(), bytes_), nullptr), "writing");
  good(kvc_stream_synchronize(nullptr), "writing");
}

std::vector<std::uint8_t> Guarded::read(kvc_stream stream, const std::string& what) const {
  good(kvc_stream_synchronize(stream), what);
  std::vector<std::uint8_t> all(bytes_ + offset_ + 2 * kGuard);
  good(kvc_copy(all.data(), memory_, all.size(), nullptr), what);
  good(kvc_stream_synchronize(nullptr), what);
  const std::size_t first = kGuard + offset_;
  std::size_t broken = 0;
  for (std::size_t i = 0; i < all.size(); ++i) broken += (i < first || i >= first + bytes_) && all[i] != kPoison;
  if (broken != 0) groups().expect(false, what + ": " + std::to_string(broken) + " bytes written outside");
  return {all.begin() + static_cast<std::ptrdiff_t>(first), all.begin() + static_cast<std::ptrdiff_t>(first + bytes_)};
}

void expect_equal(const std::vector<std::uint8_t>& got, const std::vector<std::uint8_t>& expected,
                  const std::string& what) {
  if (got == expected) return groups().expect(true, what);
  if (got.size() != expected.size()) return groups().expect(false, what + ": sizes differ");
  std::size_t first = got.size();
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (got[i] == expected[i]) continue;
    first = std::min(first, i);
    ++wrong;
  }
  groups().expect(false, what + ": " + std::to_string(wrong) + " of " + std::to_string(got.size()) +
                             " bytes, first at " + std::to_string(first) + ": " + std::to_string(got[first]) +
                             ", not " + std::to_string(expected[first]));
}

}  // namespace kvp2p::testing
