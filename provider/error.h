// What can go wrong when a node starts, connects and stops.
#pragma once

#include "base/result.h"

namespace kvp2p {

enum class NodeError {
  kBadClusterKey = 1,
  kClusterKeyFileBad,
  kClusterKeyFileReadableByOthers,
  kConfigDirUnusable,
  kNoConfigDir,
  kTooManyNodes,
  kBadStaging,
  kBadListFile,
  kBadClusterFile,
  kBadTenant,
  kOpenWithClusterFile,
  kConnectTimeout,
  kNoHello,
  kStopped,
};

base::Error make_error_code(NodeError error);

}  // namespace kvp2p

template <>
struct boost::system::is_error_code_enum<kvp2p::NodeError> : std::true_type {};
