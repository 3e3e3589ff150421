// A moving average in which each new value counts a quarter.
#pragma once

namespace kvp2p {

class MovingAverage {
 public:
  void add(double value) {
    value_ = has_value_ ? value_ + (value - value_) / 4 : value;
    has_value_ = true;
  }
  /// 0 while nothing was added.
  double value() const { return value_; }

 private:
  double value_ = 0;
  bool has_value_ = false;
};

}  // namespace kvp2p
