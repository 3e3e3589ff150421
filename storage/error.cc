#include "storage/error.h"

namespace kvp2p {

namespace {

const char* text_of(StorageError error) {
  switch (error) {
    case StorageError::kNoRoom:
      return "no room in the block store: everything in it is being read or written; give it more bytes to store more";
    case StorageError::kBadFormat:
      return "block format is out of bounds";
  }
  return "unknown error";
}

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "storage"; }
  std::string message(int value) const override { return text_of(static_cast<StorageError>(value)); }
};

}  // namespace

base::Error make_error_code(StorageError error) {
  static const Category category;
  return {static_cast<int>(error), category};
}

}  // namespace kvp2p
