// Expected failures are values.
//
// A call that can fail for reasons outside the program returns Result<T>. Each module has one enum of its errors, made
// an error_code by make_error_code() and is_error_code_enum; the category's message says what went wrong and, where
// there is something to do, what to do. Exceptions are for bugs.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

namespace base {

using Error = boost::system::error_code;

template <class T = void>
using Result = boost::system::result<T>;

}  // namespace base
