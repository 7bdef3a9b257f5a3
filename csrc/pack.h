// Eight floats (or four doubles) handled at once on the CPU, in the compiler's own vector types:
// they work for every vector width, and take the same operators and templates as single numbers.
#pragma once
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

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

// Load values of any type: face indices are kept in 32 bits.
template <class V, class Value>
NR3D_HD V load_as(const Value* from) {
  typedef Value Values __attribute__((vector_size(sizeof(Value) * sizeof(V) / sizeof(V{}[0]))));
  Values values;
  std::memcpy(&values, from, sizeof(values));
  return __builtin_convertvector(values, V);
}

// Load `count` values; lanes beyond are 0.
template <class V, class Value>
NR3D_HD V load_some(const Value* from, int count) {
  if (count * sizeof(V{}[0]) == sizeof(V)) return load_as<V>(from);
  V pack = {};
  for (int l = 0; l < count; ++l) pack[l] = from[l];
  return pack;
}

// Load the halves of a pack from two places, in registers: put together in memory they would have
// to be written before the pack can be read.
template <class T, class V, size_t... lane>
NR3D_HD void load_halves(const T* lower, const T* upper, V& pack, std::index_sequence<lane...>) {
  typedef T Half __attribute__((vector_size(sizeof(V) / 2)));
  Half halves[2];
  std::memcpy(&halves[0], lower, sizeof(Half));
  std::memcpy(&halves[1], upper, sizeof(Half));
#if defined(__clang__) || __GNUC__ >= 12
  pack = __builtin_shufflevector(halves[0], halves[1], lane...);
#else
  std::memcpy(&pack, halves, sizeof(V));
#endif
}
template <class T, class V>
NR3D_HD void load_halves(const T* lower, const T* upper, V& pack) {
  load_halves(lower, upper, pack, std::make_index_sequence<sizeof(V) / sizeof(T)>{});
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

// The lanes of two packs at the given places, those of b after those of a.
template <size_t... lane, class V>
NR3D_HD V shuffle(const V& a, const V& b) {
#if defined(__clang__) || __GNUC__ >= 12
  return __builtin_shufflevector(a, b, lane...);
#else
  using Lane = std::conditional_t<sizeof(a[0]) == 4, int32_t, int64_t>;
  typedef Lane Lanes __attribute__((vector_size(sizeof(V))));
  return __builtin_shuffle(a, b, Lanes{static_cast<Lane>(lane)...});
#endif
}

// The sum of the lanes, halves first: the same order for every vector width.
template <size_t kOffset, class V, size_t... lane>
NR3D_HD V rotate(const V& pack, std::index_sequence<lane...>) {
  return shuffle<((lane + kOffset) % sizeof...(lane))...>(pack, pack);
}
template <class T, class V>
NR3D_HD T sum_of_lanes(const V& pack) {
  constexpr int kLanes = Pack<T>::kLanes;
  const std::make_index_sequence<kLanes> lanes{};
  const V halves = pack + rotate<kLanes / 2>(pack, lanes);
  const V quarters = halves + rotate<kLanes / 4>(halves, lanes);
  return kLanes == 4 ? quarters[0] : quarters[0] + quarters[1];
}

// The same of two packs together, with half as many operations.
template <class T, class V, size_t... lane>
NR3D_HD void sums_of_lanes(const V& a, const V& b, T sums[2], std::index_sequence<lane...>) {
  constexpr size_t kLanes = sizeof...(lane), kHalf = kLanes / 2;
  // halves[0], ... of a, then of b
  V sum = shuffle<(lane < kHalf ? lane : lane + kHalf)...>(a, b) +
          shuffle<(lane < kHalf ? lane + kHalf : lane + kLanes)...>(a, b);
  if (kLanes == 8) sum += shuffle<(lane ^ 2)...>(sum, sum);
  sum += shuffle<(lane ^ 1)...>(sum, sum);
  sums[0] = sum[0];
  sums[1] = sum[kHalf];
}
template <class T, class V>
NR3D_HD void sums_of_lanes(const V& a, const V& b, T sums[2]) {
  sums_of_lanes<T>(a, b, sums, std::make_index_sequence<Pack<T>::kLanes>{});
}

// Exchange the rows and columns of a square: of its halves the rows are interleaved, again and
// again.
template <class V, size_t... lane>
NR3D_HD void interleave(const V& a, const V& b, V& low, V& high, std::index_sequence<lane...>) {
  constexpr size_t kLanes = sizeof...(lane);
  low = shuffle<(lane / 2 + lane % 2 * kLanes)...>(a, b);
  high = shuffle<(kLanes / 2 + lane / 2 + lane % 2 * kLanes)...>(a, b);
}
template <class V, int kSide>
NR3D_HD void transpose(V (&square)[kSide]) {
  static_assert(sizeof(V) == kSide * sizeof(square[0][0]));
  for (int done = 1; done < kSide; done *= 2) {
    V next[kSide];
    for (int i = 0; i < kSide / 2; ++i) {
      interleave(square[i], square[i + kSide / 2], next[2 * i], next[2 * i + 1],
                 std::make_index_sequence<kSide>{});
    }
    std::memcpy(square, next, sizeof(next));
  }
}

}  // namespace nr3d
