// A line of progress on a terminal; nothing where standard error is none.
#pragma once

#include <cstddef>
#include <string>

namespace kvp2p::demo {

class Progress {
 public:
  Progress();
  ~Progress() { clear(); }
  /// Replaces the line: "prefill 256 of 512".
  void show(const std::string& what, std::size_t done, std::size_t all);
  void show(const std::string& what);
  void clear();

 private:
  bool on_terminal_;
  bool shown_ = false;
};

}  // namespace kvp2p::demo
