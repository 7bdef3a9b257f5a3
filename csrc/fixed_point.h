// Sums that come out the same in whatever order threads add to them: of whole numbers. A bound on
// the terms, found beforehand, says how many of them make 1. For .cu files.
#pragma once
#include "launch.h"

namespace nr3d {

using FixedPoint = unsigned long long;  // two's complement, as atomicAdd takes it

// The bits of a number that is not negative; they have its order, and NaN comes last.
__device__ inline unsigned long long bits_of(double value) {
  return static_cast<unsigned long long>(__double_as_longlong(value));
}

// Raise a bound, kept as bits, to the largest value of the warp's lanes, or to NaN. All lanes of
// the warp must come here: one of them writes.
__device__ inline void raise_bound(unsigned long long* bound, double value) {
  unsigned long long bits = bits_of(value);
  for (int by = kWarpSize / 2; by > 0; by /= 2) {
    const unsigned long long other = __shfl_xor_sync(kWholeWarp, bits, by);
    bits = other > bits ? other : bits;
  }
  if (threadIdx.x % kWarpSize == 0 && bits != 0) atomicMax(bound, bits);
}

// How many of the steps of a sum make 1, if no sum exceeds `bound`: a power of 2, so that scaling
// does not round. 0 where the bound is not finite or 0.
__device__ inline double steps_of(double bound) {
  constexpr int kBits = 62;
  if (!(bound > 0.0) || !(bound < 1e300)) return 0.0;
  return exp2(static_cast<double>(kBits) - ceil(log2(bound)));
}

// Add a term; what is beyond the bound counts as the bound.
__device__ inline void add_fixed(FixedPoint* sum, double term, double steps) {
  constexpr double kMost = 4611686018427387904.0;  // 2^62
  double count = term * steps;
  count = count < kMost ? count : kMost;
  count = count > -kMost ? count : -kMost;
  atomicAdd(sum, static_cast<FixedPoint>(__double2ll_rn(count)));
}

// The number that a sum stands for.
__device__ inline double number_of(FixedPoint sum, double steps) {
  return static_cast<double>(static_cast<long long>(sum)) / steps;
}

}  // namespace nr3d
