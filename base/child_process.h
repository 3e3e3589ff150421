// A child process whose standard output is read line by line; its standard error is ours.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

namespace base {

/// Not thread-safe. Stops the child when destroyed.
class ChildProcess {
 public:
  /// Starts this very program with other arguments. The child dies with its parent.
  static std::optional<ChildProcess> start_self(const std::vector<std::string>& arguments);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();

  /// The next line without its end; nothing at the end of output.
  std::optional<std::string> read_line();
  /// Asks the child to end (SIGTERM) and does not wait: what it prints until then can still be read.
  void terminate();
  /// Waits for the child to end by itself; the exit code, or 128 + signal.
  int wait();
  /// Ends the child with SIGTERM, and with SIGKILL after a grace period of 5 s; the exit code as above.
  int stop();
  pid_t pid() const { return pid_; }

 private:
  ChildProcess(pid_t pid, std::FILE* output) : pid_(pid), output_(output) {}
  pid_t pid_ = -1;  // -1 once waited for
  std::FILE* output_ = nullptr;
  int exit_code_ = -1;
};

}  // namespace base
