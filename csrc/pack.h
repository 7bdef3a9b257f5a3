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

template <class T>
constexpr T kLaneNumbers[8] = {0, 1, 2, 3, 4, 5, 6, 7};

template <class V, class T>
NR3D_HD void load(const T* from, V& pack) {
  static_assert(sizeof(V) == 32);
  std::memcpy(&pack, from, sizeof(V));
}

template <class V, class T>
NR3D_HD void store(const V& pack, T* to) {
  static_assert(sizeof(V) == 32);
  std::memcpy(to, &pack, sizeof(V));
}

// values[at], lane by lane.
template <class Integers>
NR3D_HD Integers gather(const int32_t* values, const Integers& at) {
  using Integer = std::decay_t<decltype(at[0])>;
  constexpr int kLanes = sizeof(Integers) / sizeof(Integer);
  Integer offsets[kLanes], gathered[kLanes];
  store(at, offsets);
  for (int l = 0; l < kLanes; ++l) gathered[l] = values[offsets[l]];
  Integers result;
  load(gathered, result);
  return result;
}

// Append to `picked` the numbers of the lanes where the mask is set, counted from `first`. Room for
// a whole pack must be there.
template <class Integers>
NR3D_HD void pick(const Integers& mask, int first, int32_t* picked, int& num_picked) {
  using Integer = std::decay_t<decltype(mask[0])>;
  constexpr int kLanes = sizeof(Integers) / sizeof(Integer);
  Integer lanes[kLanes];
  store(mask, lanes);
  int num = num_picked;
  for (int l = 0; l < kLanes; ++l) {
    picked[num] = first + l;
    num -= static_cast<int>(lanes[l]);
  }
  num_picked = num;
}

// Whether any lane of a mask is set.
template <class Integers>
NR3D_HD bool any(const Integers& mask) {
  uint64_t parts[4];
  store(mask, parts);
  return (parts[0] | parts[1] | parts[2] | parts[3]) != 0;
}

// Of values that fit an integer.
template <class V>
NR3D_HD V floor_of(const V& values) {
  using T = std::decay_t<decltype(values[0])>;
  const V truncated =
      __builtin_convertvector(__builtin_convertvector(values, typename Pack<T>::Integers), V);
  const V one = V{} + T(1);
  return truncated - (truncated > values ? one : V{});
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
