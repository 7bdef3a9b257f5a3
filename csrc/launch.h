// What a .cu file needs beside its formulas: launching kernels, and complaining from within them.
// tests/emu/cuda_emu.h has the same for running the very same files on a CPU.
#pragma once
#include "common.h"
#include "place.h"

#if defined(NR3D_EMULATE_CUDA)
#include "cuda_emu.h"
#else
#include <cuda_runtime.h>

#include <stdexcept>
#include <string>

namespace nr3d {

inline void check_cuda(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  const bool is_missing = error == cudaErrorNoKernelImageForDevice ||
                          error == cudaErrorInvalidPtx || error == cudaErrorUnsupportedPtxVersion;
  throw std::runtime_error(std::string("CUDA: ") + what + ": " + cudaGetErrorString(error) +
                           (is_missing ? "; `nr3d doctor` says how to build for this device" : ""));
}

// Makes a device the current one, for as long as it lives.
class DeviceGuard {
 public:
  explicit DeviceGuard(int device) {
    check_cuda(cudaGetDevice(&before_), "cudaGetDevice");
    if (before_ != device) check_cuda(cudaSetDevice(device), "cudaSetDevice");
    device_ = device;
  }
  ~DeviceGuard() {
    if (before_ != device_) cudaSetDevice(before_);
  }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  int before_ = -1, device_ = -1;
};

}  // namespace nr3d

// NR3D_LAUNCH((kernel<T>), grid, block, bytes of dynamic shared memory, place, arguments...)
#define NR3D_LAUNCH(kernel, grid, block, shared_bytes, place, ...)                                 \
  do {                                                                                             \
    kernel<<<grid, block, shared_bytes, static_cast<cudaStream_t>((place).stream)>>>(__VA_ARGS__); \
    ::nr3d::check_cuda(cudaGetLastError(), #kernel);                                               \
  } while (0)

// The dynamic shared memory of a block, as an array of T.
#define NR3D_DYNAMIC_SHARED(T, name)                            \
  extern __shared__ __align__(16) unsigned char nr3d_shared_[]; \
  T* const name = reinterpret_cast<T*>(nr3d_shared_)
#endif

namespace nr3d {

constexpr unsigned kWholeWarp = 0xffffffffu;
constexpr int kWarpSize = 32;

// a / b, by the quick division of 32 bits where that is enough.
__device__ inline int64_t quotient(int64_t a, int b) {
  if (a >> 32 != 0) return a / b;
  return static_cast<unsigned>(a) / static_cast<unsigned>(b);
}

// Fill device memory with a byte. No synchronisation, no allocation.
inline void fill_bytes(void* memory, int byte, size_t count, const CudaPlace& place) {
  if (count == 0) return;
  check_cuda(cudaMemsetAsync(memory, byte, count, static_cast<cudaStream_t>(place.stream)),
             "cudaMemsetAsync");
}

// Tell the host of a bad value; the first of all threads to complain is heard.
__device__ inline void complain(Fault* fault, Argument argument, int64_t i, int64_t j, int64_t k,
                                double value, int64_t low, int64_t end) {
  auto* state = reinterpret_cast<unsigned long long*>(&fault->state);
  if (*reinterpret_cast<volatile unsigned long long*>(state) != 0) return;
  if (atomicCAS(state, 0ull, 1ull) != 0ull) return;
  fault->argument = static_cast<int64_t>(argument);
  fault->place[0] = i;
  fault->place[1] = j;
  fault->place[2] = k;
  fault->value = value;
  fault->low = low;
  fault->end = end;
  __threadfence_system();
  *reinterpret_cast<volatile unsigned long long*>(state) = 2ull;
}

}  // namespace nr3d
