// Looking through an input for values that no op can work with.
#pragma once
#include <cstdint>

namespace nr3d {

// The first index of a NaN or an infinity, or -1.
template <class T>
int64_t find_non_finite(const T* values, int64_t count);

// The first index of a value outside [low, high), or -1.
template <class T>
int64_t find_out_of_range(const T* values, int64_t count, int64_t low, int64_t high);

}  // namespace nr3d
