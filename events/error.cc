#include "events/error.h"

namespace kvp2p {

namespace {

const char* text_of(EventsError error) {
  switch (error) {
    case EventsError::kBadEndpoint:
      return "KV events: not an endpoint to bind to: tcp://127.0.0.1:5557, tcp://*:5557 or ipc:///a/path";
    case EventsError::kCannotBind:
      return "KV events: cannot bind: is the port free, and the address this machine's?";
    case EventsError::kNotBuilt:
      return "KV events: this build has no ZeroMQ";
  }
  return "unknown error";
}

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "events"; }
  std::string message(int value) const override { return text_of(static_cast<EventsError>(value)); }
};

}  // namespace

base::Error make_error_code(EventsError error) {
  static const Category category;
  return {static_cast<int>(error), category};
}

}  // namespace kvp2p
