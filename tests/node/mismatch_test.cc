// A consumer whose model, element type or shard differs from the producer's gets nothing, and both sides' logs say in
// which field they differ.
#include "base/testing/captured_log.h"
#include "provider/testing/test_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
using base::testing::CapturedLog;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::in;
using testing::Shape;
using testing::TestEngine;

Shape producer_shape() {
  Shape shape;
  shape.layers = 4;
  shape.heads = 4;
  shape.engine_blocks = 8;
  return shape;
}

struct Difference {
  std::string name;
  /// What both logs must name.
  std::string field;
  Shape shape = producer_shape();
  std::string weights = "weights";
  /// The consumer asks with the producer's own fingerprint: only the format differs.
  bool same_model = false;
  std::uint32_t head_begin = 0;
};

class MismatchTest : public ::testing::TestWithParam<Difference> {};

TEST_P(MismatchTest, IsAMissAndBothLogsNameTheField) {
  const Difference& difference = GetParam();
  CapturedLog log;
  auto producer_node = testing::start_test_node();
  auto consumer_node = testing::start_test_node();
  testing::connect(*producer_node, *consumer_node);
  const ModelSpec producer_model = testing::test_model(producer_shape());
  TestEngine producer(producer_node->core(), testing::nhd(producer_shape()), producer_model);
  const ModelSpec consumer_model =
      difference.same_model ? producer_model : testing::test_model(difference.shape, difference.weights);
  auto layout = testing::nhd(difference.shape);
  layout.layout.format.shard.head_begin += difference.head_begin;
  layout.layout.format.shard.head_end += difference.head_begin;
  TestEngine consumer(consumer_node->core(), layout, consumer_model);
  const auto tokens = testing::test_tokens(4);
  testing::publish(producer, keys_from_tokens(producer.fingerprint(), tokens), 4);

  const MatchId match = consumer.core().match({.fingerprint = consumer.fingerprint(),
                                               .keys = keys_from_tokens(consumer.fingerprint(), tokens),
                                               .shards = {consumer.layout().format},
                                               .deadline = in(5s)});
  const auto status = consumer.core().wait_match(match, in(10s)).value();
  EXPECT_EQ(status.blocks, 0u);
  EXPECT_THAT(status.reason, HasSubstr(difference.field));
  for (Slot slot = 0; slot < 4; ++slot) EXPECT_TRUE(consumer.is_poisoned(slot));
  consumer_node->stop();
  producer_node->stop();

  const std::string asked_by = consumer_node->peer_id().to_text();
  const std::string asked_of = producer_node->peer_id().to_text();
  const auto short_name = [](const std::string& id) { return id.substr(id.size() - 6); };
  EXPECT_THAT(log.lines(), Contains(AllOf(HasSubstr(short_name(asked_by)), HasSubstr(difference.field))))
      << "the producer's log";
  EXPECT_THAT(log.lines(), Contains(AllOf(HasSubstr(short_name(asked_of)), HasSubstr(difference.field))))
      << "the consumer's log";
}

Difference other_weights() { return {.name = "Weights", .field = "weights_digest", .weights = "other weights"}; }

Difference other_element() {
  Difference difference{.name = "ElementType", .field = "kv_element"};
  difference.shape.element = ElementType::kBf16;
  return difference;
}

Difference element_of_one_model() {
  Difference difference{.name = "ElementTypeOfTheSameModel", .field = "element", .same_model = true};
  difference.shape.element = ElementType::kBf16;
  return difference;
}

Difference other_shard() {
  // As many heads as there are, but not those that the producer holds.
  return {.name = "Shard", .field = "heads", .same_model = true, .head_begin = 2};
}

INSTANTIATE_TEST_SUITE_P(All, MismatchTest,
                         ::testing::Values(other_weights(), other_element(), element_of_one_model(), other_shard()),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace kvp2p
