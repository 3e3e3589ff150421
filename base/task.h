// Coroutines.
//
// GCC 12 miscompiles some temporaries inside co_await expressions. Rules that keep clear of it, and are easy to read:
//   - no braced initialiser and no lambda with captures inside a co_await expression: name the value first;
//   - a coroutine takes what it keeps by value, and spans or references only to what outlives it;
//   - no coroutine lambda with captures: write a function that takes parameters.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace base {

/// A coroutine's result. Lazy: it starts when awaited or spawned.
template <class T = void>
using Task = boost::asio::awaitable<T>;

/// Where a coroutine's code runs. One executor never runs two pieces of code at once.
using Executor = boost::asio::any_io_executor;

/// Runs `task` on `executor` on its own. An exception that leaves it is a bug and ends the process with its message.
void spawn(const Executor& executor, Task<> task);

/// Lets other ready coroutines of this executor run first.
Task<> yield_now();

}  // namespace base
