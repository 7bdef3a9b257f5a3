// The exponential function of numbers that are not positive, and of packs of them: the same bits
// for every instruction set and on CUDA devices, which a mathematical library does not promise.
#pragma once
#include <cstdint>
#include <cstring>

#include "common.h"
#if !defined(__CUDACC__)
#include "pack.h"
#endif

namespace nr3d {

// exp(-x) is a normal number for x up to this.
template <class T>
constexpr T kMostExponent = sizeof(T) == 4 ? T(80) : T(700);

// 2^n of a whole number.
NR3D_HD float power_of_two(float n) {
  const int32_t bits = (static_cast<int32_t>(n) + 127) * (int32_t{1} << 23);
  float power;
  std::memcpy(&power, &bits, sizeof(power));
  return power;
}
NR3D_HD double power_of_two(double n) {
  const int64_t bits = (static_cast<int64_t>(n) + 1023) * (int64_t{1} << 52);
  double power;
  std::memcpy(&power, &bits, sizeof(power));
  return power;
}
#if !defined(__CUDACC__)
template <class V>
NR3D_HD V power_of_two(const V& n) {
  constexpr bool kIsSingle = sizeof(n[0]) == 4;
  using Integers = typename Pack<typename LaneOf<V>::type>::Integers;
  const Integers whole = __builtin_convertvector(n, Integers);
  return (V)((whole + (kIsSingle ? 127 : 1023)) << (kIsSingle ? 23 : 52));
}
#endif

constexpr double inverse_factorial(int k) { return k < 2 ? 1.0 : inverse_factorial(k - 1) / k; }

// The terms from r^k / k! on, divided by r^k.
template <int k, int kDegree, class V>
NR3D_HD V exponential_series(V r) {
  constexpr double kCoefficient = inverse_factorial(k);
  if constexpr (k == kDegree) {
    return uniform<V>(kCoefficient);
  } else {
    return uniform<V>(kCoefficient) + r * exponential_series<k + 1, kDegree>(r);
  }
}

// exp(-x) for x in [0, kMostExponent], within two units of the last place. The argument is reduced
// to |r| <= log(2) / 2; of log(2) a part of 16 bits is split off, whose multiples are exact.
template <class V>
NR3D_HD V exp_of_minus(V x) {
  constexpr int kDegree = sizeof(typename LaneOf<V>::type) == 4 ? 7 : 13;
  constexpr double kPerLog2 = 1.4426950408889634;
  constexpr double kLog2High = 0.693145751953125, kLog2Low = 1.4286068203094172e-6;
  const V n = floor_of(uniform<V>(0.5) - x * uniform<V>(kPerLog2));
  const V r = (-x - n * uniform<V>(kLog2High)) - n * uniform<V>(kLog2Low);
  return exponential_series<0, kDegree>(r) * power_of_two(n);
}

}  // namespace nr3d
