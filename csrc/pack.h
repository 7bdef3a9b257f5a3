// Sixteen floats (or eight doubles) handled at once on the CPU, in the compiler's own vector types:
// they work for every vector width, and take the same operators and templates as single numbers.
#pragma once
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "common.h"

namespace nr3d {

template <class T>
struct Pack {
  static constexpr int kLanes = 32 / sizeof(T);
  using Integer = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  typedef T Values __attribute__((vector_size(32)));
  typedef Integer Integers __attribute__((vector_size(32)));
};

template <class V, class T>
NR3D_HD void load(const T* from, V& pack) {
  static_assert(sizeof(V) == 32);
  std::memcpy(&pack, from, sizeof(V));
}

// The sum of the lanes, halves first: the same order for every vector width.
template <class T, class V>
NR3D_HD T sum_of_lanes(const V& pack) {
  T lanes[Pack<T>::kLanes];
  std::memcpy(lanes, &pack, sizeof(V));
  for (int half = Pack<T>::kLanes / 2; half > 0; half /= 2) {
    for (int l = 0; l < half; ++l) lanes[l] += lanes[l + half];
  }
  return lanes[0];
}

}  // namespace nr3d
