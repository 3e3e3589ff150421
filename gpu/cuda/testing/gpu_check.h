// A small harness for programs that check kernels on a GPU: they tell every failure and go on. For tests.
#pragma once

#include "gpu/cuda/kvcache.h"

#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

namespace kvp2p::testing {

/// "ok name (n cases)" or "FAILED name: details", a line a group.
class Groups {
 public:
  void run(const std::string& name, const std::function<void()>& group);
  /// Counts one case of the group that runs.
  void expect(bool holds, const std::string& what);
  void not_run(const std::string& name, const std::string& why);
  /// Prints the summary; the program's exit code.
  int finish() const;

 private:
  std::string name_;
  int cases_ = 0;
  int failed_cases_ = 0;
  int groups_ = 0;
  int failed_groups_ = 0;
};

Groups& groups();

/// `call` is KVC_OK; else its text and `what` are told.
bool good(kvc_status call, const std::string& what);

/// Memory between two guards of 256 bytes, filled with a poison. On the device, or pinned.
class Guarded {
 public:
  enum class Kind { kDevice, kPinned };
  /// `offset`: how far from 256-byte alignment `start()` is.
  Guarded(Kind kind, std::size_t bytes, std::size_t offset = 0);
  ~Guarded();
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  std::uint8_t* start() const { return memory_ + kGuard + offset_; }
  void write(const std::vector<std::uint8_t>& bytes);
  /// Waits for all work of `stream`, then the bytes; a broken guard is a failure of the group.
  std::vector<std::uint8_t> read(kvc_stream stream, const std::string& what) const;

  static constexpr std::uint8_t kPoison = 0xa5;

 private:
  static constexpr std::size_t kGuard = 256;

  Kind kind_;
  std::size_t bytes_;
  std::size_t offset_;
  std::uint8_t* memory_ = nullptr;
};

/// Equal, or where they begin to differ and how many bytes do.
void expect_equal(const std::vector<std::uint8_t>& got, const std::vector<std::uint8_t>& expected,
                  const std::string& what);

}  // namespace kvp2p::testing
