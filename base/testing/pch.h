// Precompiled for every test: what is for every target, and GoogleTest.
#pragma once

#include "base/pch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
