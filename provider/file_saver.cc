#include "provider/file_saver.h"

#include "base/log.h"
#include "base/small_file.h"
#include "base/thread_name.h"

namespace kvp2p {

FileSaver::FileSaver(std::filesystem::path path) : path_(std::move(path)) {
  thread_ = std::thread([this] {
    base::name_this_thread("file saver");
    run();
  });
}

FileSaver::~FileSaver() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void FileSaver::save(std::string content) {
  {
    std::lock_guard lock(mutex_);
    content_ = std::move(content);
  }
  changed_.notify_all();
}

void FileSaver::run() {
  bool told = false;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ending_ || content_; });
    if (!content_) return;
    const std::string content = *std::exchange(content_, std::nullopt);
    lock.unlock();
    const auto written = base::write_small_file(path_, content, 0600);
    if (!written && !std::exchange(told, true)) {
      LOG_ERROR("cannot write {}: {}", path_.string(), written.error().message());
    }
    if (written) told = false;
    lock.lock();
  }
}

}  // namespace kvp2p
