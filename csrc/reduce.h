// Sums over the threads of a warp or a block, always in the same order. For .cu files.
#pragma once
#include "launch.h"

namespace nr3d {

// The sum over each kLanes neighbouring lanes, a power of 2, which all of them get. All lanes of
// the warp must come here.
template <int kLanes, class T>
__device__ inline T sum_of_lanes(T value) {
  for (int by = kLanes / 2; by > 0; by /= 2) value += __shfl_xor_sync(kWholeWarp, value, by);
  return value;
}

// The sum over a warp, which every lane gets.
template <class T>
__device__ inline T sum_of_warp(T value) {
  return sum_of_lanes<kWarpSize>(value);
}

// The sums over a block of each of the values of its threads; thread 0 gets them. `room` is shared
// memory for kCount values of every warp. All threads of the block must come here.
template <int kCount, class T>
__device__ inline void sum_of_block(T (&values)[kCount], T* room) {
  const int warp = threadIdx.x / kWarpSize, num_warps = blockDim.x / kWarpSize;
  for (int k = 0; k < kCount; ++k) {
    const T sum = sum_of_warp(values[k]);
    if (threadIdx.x % kWarpSize == 0) room[warp * kCount + k] = sum;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int k = 0; k < kCount; ++k) {
      values[k] = room[k];
      for (int w = 1; w < num_warps; ++w) values[k] += room[w * kCount + k];
    }
  }
  __syncthreads();
}

}  // namespace nr3d
