// Rows of elements, and the codecs as docs/codecs.md defines them, an element at a time in double precision. For tests.
#pragma once

#include "codec/head_slice_codec.h"

#include <random>

namespace kvp2p::testing {

/// Of `slices` head slices: normally distributed, some groups much larger or smaller than others, some all zeroes.
base::Bytes random_rows(const CodedShape& shape, std::size_t slices, float spread, std::mt19937& random);

float element_at(const CodedShape& shape, base::ConstBytes engine, std::size_t index);
/// Rounded to the shape's element.
void set_element(const CodedShape& shape, base::MutableBytes engine, std::size_t index, float value);

/// REQUIRES: finite values that a scale reaches.
base::Bytes coded_by_definition(const CodedShape& shape, base::ConstBytes engine);

}  // namespace kvp2p::testing
