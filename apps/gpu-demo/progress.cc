#include "apps/gpu-demo/progress.h"

#include <unistd.h>

#include <cstdio>

namespace kvp2p::demo {

Progress::Progress() : on_terminal_(isatty(STDERR_FILENO) == 1) {}

void Progress::show(const std::string& what, std::size_t done, std::size_t all) {
  show(what + " " + std::to_string(done) + " of " + std::to_string(all));
}

void Progress::show(const std::string& what) {
  if (!on_terminal_) return;
  std::fprintf(stderr, "\r\x1b[K%s", what.c_str());
  std::fflush(stderr);
  shown_ = true;
}

void Progress::clear() {
  if (!shown_) return;
  std::fprintf(stderr, "\r\x1b[K");
  shown_ = false;
}

}  // namespace kvp2p::demo
