#include "checks.h"

#include <algorithm>
#include <limits>
#include <type_traits>

namespace nr3d {
namespace {

// The first index where `is_bad` holds, or -1: whole blocks without a branch, then within the bad
// one.
template <class T, class Predicate>
int64_t find_first(const T* values, int64_t count, Predicate is_bad) {
  constexpr int64_t kBlock = 256;
  for (int64_t start = 0; start < count; start += kBlock) {
    const int64_t end = std::min(count, start + kBlock);
    int any = 0;
    for (int64_t i = start; i < end; ++i) any |= is_bad(values[i]);
    if (any == 0) continue;
    for (int64_t i = start; i < end; ++i) {
      if (is_bad(values[i])) return i;
    }
  }
  return -1;
}

}  // namespace

template <class T>
int64_t find_non_finite(const T* values, int64_t count) {
  return find_first(values, count, [](T value) { return !(value - value == T(0)); });
}

template <class T>
int64_t find_out_of_range(const T* values, int64_t count, int64_t low, int64_t high) {
  // One comparison in the width of T: what is below `low` wraps around to beyond the range.
  using Unsigned = std::make_unsigned_t<T>;
  const int64_t end = std::min<int64_t>(high, std::numeric_limits<T>::max());
  const Unsigned first = static_cast<Unsigned>(low);
  const Unsigned size = static_cast<Unsigned>(std::max<int64_t>(end - low, 0));
  return find_first(values, count, [first, size](T value) {
    return static_cast<Unsigned>(static_cast<Unsigned>(value) - first) >= size;
  });
}

template int64_t find_non_finite(const float*, int64_t);
template int64_t find_non_finite(const double*, int64_t);
template int64_t find_out_of_range(const int32_t*, int64_t, int64_t, int64_t);
template int64_t find_out_of_range(const int64_t*, int64_t, int64_t, int64_t);

}  // namespace nr3d
