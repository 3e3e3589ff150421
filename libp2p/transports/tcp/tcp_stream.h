// A TCP connection as a Stream.
#pragma once

#include "libp2p/core/stream.h"

#include <boost/asio/ip/tcp.hpp>

#include <memory>

namespace libp2p {

/// Owns its socket, which is non-blocking, on the executor that the socket was made with. Not thread-safe.
///
/// An operation under way holds the socket's state alive, so destroying or resetting the stream meanwhile is safe: the
/// operation fails with Error::kReset and touches its buffer no more. A connection that the other side has torn down
/// is Error::kReset too; other failures are the system's own codes. Destroying it when our direction is closed loses
/// nothing of what was written; to what comes after, the kernel answers with a reset.
class TcpStream final : public Stream {
 public:
  /// REQUIRES: socket is connected.
  explicit TcpStream(boost::asio::ip::tcp::socket socket);
  ~TcpStream() override;

  base::Task<base::Result<std::size_t>> read_some(base::MutableBytes into) override;
  std::size_t read_available(base::MutableBytes into) override;
  base::Task<> wait_readable() override;
  base::Task<base::Result<>> write(base::ConstBytes bytes) override;
  /// One writev for every kIovecsMax buffers that the system takes whole.
  base::Task<base::Result<>> write_gather(std::span<const base::ConstBytes> buffers) override;
  base::Task<base::Result<>> close_write() override;
  bool move_to(const base::Executor& executor) override;
  /// Closes with SO_LINGER 0: what is not sent yet is dropped and the other side sees a reset, not an end of stream.
  void reset() noexcept override;

 private:
  struct State;

  // Shared with the operation under way, which may outlive the stream.
  std::shared_ptr<State> state_;
};

}  // namespace libp2p
