#include "provider/error.h"

namespace kvp2p {

namespace {

const char* text_of(NodeError error) {
  switch (error) {
    case NodeError::kBadClusterKey:
      return "cluster key is 64 hex digits: copy it from cluster.key on another node";
    case NodeError::kClusterKeyFileBad:
      return "cluster.key does not hold 64 hex digits: copy it from another node, or delete it for a new key";
    case NodeError::kClusterKeyFileReadableByOthers:
      return "cluster.key may be read or written by other users: run chmod 600 on it";
    case NodeError::kConfigDirUnusable:
      return "the configuration folder cannot be written: check its owner and free space, or name another one";
    case NodeError::kNoConfigDir:
      return "neither XDG_CONFIG_HOME nor HOME is set: name a configuration folder";
    case NodeError::kTooManyNodes:
      return "64 nodes of this user run with this configuration folder: stop some, or use an ephemeral identity";
    case NodeError::kBadStaging:
      return "staging pool is out of bounds: 4 to 4096 slots of 64 KiB to 64 MiB, a whole number of 4 KiB pages each";
    case NodeError::kBadListFile:
      return "a file of peers cannot be read: the log says which, and what is wrong in it";
    case NodeError::kBadClusterFile:
      return "the cluster file cannot be read: the log says what is wrong in it";
    case NodeError::kBadTenant:
      return "a tenant is to be one of the cluster file that has a salt there, or is to have a salt file of 32 to 128 "
             "hex digits that is its owner's alone";
    case NodeError::kOpenWithClusterFile:
      return "an open node serves anyone, a cluster file says who is served: only one of them";
    case NodeError::kConnectTimeout:
      return "no connection before the deadline: check the address and that the node runs";
    case NodeError::kNoHello:
      return "connected, but the other node did not join: both need the same cluster key, or it does not speak the KV "
             "protocol";
    case NodeError::kStopped:
      return "the node has stopped";
  }
  return "unknown error";
}

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "node"; }
  std::string message(int value) const override { return text_of(static_cast<NodeError>(value)); }
};

}  // namespace

base::Error make_error_code(NodeError error) {
  static const Category category;
  return {static_cast<int>(error), category};
}

}  // namespace kvp2p
