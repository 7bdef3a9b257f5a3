// How the threads of a grid share out what there is to do. For .cu files.
#pragma once
#include "launch.h"

namespace nr3d {

// Enough blocks for one thread each. None for nothing, which cannot be launched.
inline dim3 blocks_for(int64_t count, int threads) {
  return dim3(static_cast<unsigned>((count + threads - 1) / threads));
}

// The number of this thread among all of them.
__device__ inline int64_t number_of_thread() {
  return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline int64_t number_of_threads() {
  return static_cast<int64_t>(gridDim.x) * blockDim.x;
}

}  // namespace nr3d
