#include "events/kv_event_publisher.h"

namespace kvp2p {

base::Result<std::unique_ptr<KvEventPublisher>> KvEventPublisher::start(KvEventsConfig) {
  return EventsError::kNotBuilt;
}

}  // namespace kvp2p
