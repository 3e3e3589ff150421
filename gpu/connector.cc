#include "gpu/connector.h"

namespace kvp2p {

const char* to_text(DirectLink link) {
  switch (link) {
    case DirectLink::kSameDevice:
      return "same GPU";
    case DirectLink::kNvlink:
      return "NVLink";
    case DirectLink::kPcie:
      return "PCIe peer access";
    case DirectLink::kSharedMemory:
      return "shared host memory";
  }
  return "unknown";
}

}  // namespace kvp2p
