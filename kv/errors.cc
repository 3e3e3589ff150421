#include "kv/errors.h"

#include <string>

namespace kvp2p {

namespace {

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "kv"; }
  std::string message(int value) const override {
    switch (static_cast<KvError>(value)) {
      case KvError::kNoWeights:
        return "no weight files (*.safetensors, *.gguf or *.bin): name a model's folder";
      case KvError::kWeightsUnreadable:
        return "a weight file cannot be read: check that it is there and who owns it";
      case KvError::kWeightsChanged:
        return "a weight file changed while it was hashed: wait until it is written";
      case KvError::kTooManyWeightFiles:
        return "more weight files than a model may have";
    }
    return "unknown error";
  }
};

}  // namespace

const boost::system::error_category& kv_error_category() {
  static const Category category;
  return category;
}

}  // namespace kvp2p
