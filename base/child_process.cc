#include "base/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>
#include <utility>

namespace base {

namespace {

constexpr std::size_t kLineBytesMax = 1 << 20;
constexpr auto kGracePeriod = std::chrono::seconds(5);

}  // namespace

std::optional<ChildProcess> ChildProcess::start_self(const std::vector<std::string>& arguments) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  std::string program = "/proc/self/exe";
  std::vector<char*> argv{program.data()};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(127);  // the parent went before prctl
    dup2(ends[1], STDOUT_FILENO);
    execv("/proc/self/exe", argv.data());
    _exit(127);
  }
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    return std::nullopt;
  }
  return ChildProcess(pid, fdopen(ends[0], "r"));
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      output_(std::exchange(other.output_, nullptr)),
      exit_code_(other.exit_code_) {}

ChildProcess::~ChildProcess() {
  stop();
  if (output_ != nullptr) std::fclose(output_);
}

std::optional<std::string> ChildProcess::read_line() {
  std::string line;
  for (int c; (c = std::fgetc(output_)) != EOF && line.size() < kLineBytesMax;) {
    if (c == '\n') return line;
    line.push_back(static_cast<char>(c));
  }
  return std::nullopt;
}

int ChildProcess::wait() {
  if (pid_ <= 0) return exit_code_;
  int status = 0;
  while (waitpid(pid_, &status, 0) != pid_) {
  }
  pid_ = -1;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return exit_code_;
}

void ChildProcess::terminate() {
  if (pid_ > 0) kill(pid_, SIGTERM);
}

int ChildProcess::stop() {
  if (pid_ <= 0) return exit_code_;
  terminate();
  const auto kill_at = std::chrono::steady_clock::now() + kGracePeriod;
  siginfo_t ended{};
  while (std::chrono::steady_clock::now() < kill_at && ended.si_pid == 0) {
    waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (ended.si_pid == 0) kill(pid_, SIGKILL);
  return wait();
}

}  // namespace base
