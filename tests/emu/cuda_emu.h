// CUDA on a CPU, for testing kernels where there is no GPU. Every thread of a block is a fiber;
// blocks run one after another. Barriers, ballots and shuffles are meeting points: a thread that
// does not come to where the others wait is reported. NR3D_EMU_ORDER says in which order threads
// take their turns (0 up, 1 down, any other number shuffled by it): a kernel that lacks a barrier
// gives answers that depend on it.
// Not emulated: blocks side by side, warps in lockstep, the order in which memory becomes visible.
#pragma once
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#define __global__ static
#define __device__
#define __host__
#define __shared__ static
#define __launch_bounds__(...)
#define __align__(n) alignas(n)

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned width = 1, unsigned height = 1, unsigned depth = 1)
      : x(width), y(height), z(depth) {}
};
using cudaStream_t = void*;
using cudaError_t = int;

namespace emu {

enum class State { kReady, kAtBarrier, kInWarp, kDone };

struct Thread {
  ucontext_t context;
  State state = State::kReady;
  dim3 index;
  int line = 0;          // where it waits
  unsigned mask = 0;     // for which lanes of its warp
  uint64_t offered = 0;  // what it gives to the others there
  std::unique_ptr<char[]> stack;
};

struct Block {
  ucontext_t scheduler;
  std::vector<Thread> threads;
  unsigned running = 0;
  std::function<void()> kernel;
  std::string error;
};

inline Block block;
inline dim3 block_index, block_size, grid_size;
inline std::vector<char> dynamic_shared;

inline Thread& self() { return block.threads[block.running]; }
inline unsigned lane() { return block.running % 32; }

inline void wait(State state, unsigned mask, int line) {
  Thread& thread = self();
  thread.state = state;
  thread.mask = mask;
  thread.line = line;
  swapcontext(&thread.context, &block.scheduler);
}

inline void run_thread() {
  try {
    block.kernel();
  } catch (const std::exception& error) {
    block.error = error.what();
  }
  self().state = State::kDone;
  swapcontext(&self().context, &block.scheduler);
}

inline void start_thread(unsigned number) {
  constexpr size_t kStackBytes = 128 * 1024;
  Thread& thread = block.threads[number];
  if (!thread.stack) thread.stack.reset(new char[kStackBytes]);
  thread.state = State::kReady;
  thread.index = dim3(number % block_size.x, number / block_size.x % block_size.y,
                      number / (block_size.x * block_size.y));
  getcontext(&thread.context);
  thread.context.uc_stack.ss_sp = thread.stack.get();
  thread.context.uc_stack.ss_size = kStackBytes;
  thread.context.uc_link = nullptr;
  makecontext(&thread.context, run_thread, 0);
}

// Let the lanes of a warp go on if all whom they wait for have come to the same place.
inline bool open_warp(unsigned first, unsigned count) {
  bool opened = false;
  for (unsigned i = first; i < first + count; ++i) {
    const Thread& waiting = block.threads[i];
    if (waiting.state != State::kInWarp) continue;
    bool complete = true;
    for (unsigned k = first; k < first + count; ++k) {
      if ((waiting.mask >> (k - first) & 1) == 0) continue;
      const Thread& other = block.threads[k];
      complete &= other.state == State::kInWarp && other.line == waiting.line;
      if (other.state == State::kDone) block.error = "a lane that others wait for has returned";
    }
    if (!complete) continue;
    const unsigned mask = waiting.mask;
    for (unsigned k = first; k < first + count; ++k) {
      if (mask >> (k - first) & 1) block.threads[k].state = State::kReady;
    }
    opened = true;
  }
  return opened;
}

inline bool open_barrier(unsigned count) {
  int line = 0;
  for (unsigned i = 0; i < count; ++i) {
    const Thread& thread = block.threads[i];
    if (thread.state != State::kAtBarrier) return false;
    if (line != 0 && thread.line != line) {
      block.error = "threads wait at different barriers: lines " + std::to_string(line) + " and " +
                    std::to_string(thread.line);
      return false;
    }
    line = thread.line;
  }
  for (unsigned i = 0; i < count; ++i) block.threads[i].state = State::kReady;
  return true;
}

inline void run_block(const std::vector<unsigned>& order) {
  const unsigned count = static_cast<unsigned>(order.size());
  for (unsigned i = 0; i < count; ++i) start_thread(i);
  for (bool all_done = false; !all_done && block.error.empty();) {
    bool progress = false;
    for (const unsigned number : order) {
      if (block.threads[number].state != State::kReady) continue;
      block.running = number;
      swapcontext(&block.scheduler, &block.threads[number].context);
      progress = true;
    }
    for (unsigned first = 0; first < count; first += 32) {
      progress |= open_warp(first, std::min(32u, count - first));
    }
    progress |= open_barrier(count);
    all_done = std::all_of(block.threads.begin(), block.threads.begin() + count,
                           [](const Thread& thread) { return thread.state == State::kDone; });
    if (!progress && !all_done && block.error.empty()) {
      block.error = "some threads wait where others never come";
    }
  }
}

template <class Kernel>
void launch(const char* name, dim3 grid, dim3 size, size_t shared_bytes, Kernel&& kernel) {
  constexpr size_t kSharedBytes = 48 * 1024;  // more must be asked for, which no kernel does
  const unsigned count = size.x * size.y * size.z;
  if (count == 0 || count > 1024 || grid.x == 0 || grid.y == 0 || grid.z == 0 ||
      grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535 || shared_bytes > kSharedBytes) {
    throw std::runtime_error(std::string("emulation: ") + name + ": no such launch is possible");
  }
  const char* text = std::getenv("NR3D_EMU_ORDER");
  const unsigned seed = text ? static_cast<unsigned>(std::atoi(text)) : 0;
  std::vector<unsigned> order(count);
  for (unsigned i = 0; i < count; ++i) order[i] = seed == 1 ? count - 1 - i : i;
  std::mt19937 generator(seed);
  if (block.threads.size() < count) block.threads.resize(count);
  block.kernel = kernel;
  block.error.clear();
  block_size = size;
  grid_size = grid;
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) {
        block_index = dim3(x, y, z);
        dynamic_shared.assign(shared_bytes, static_cast<char>(0xcd));
        if (seed > 1) std::shuffle(order.begin(), order.end(), generator);
        run_block(order);
        if (!block.error.empty()) {
          throw std::runtime_error(std::string("emulation: ") + name + ": " + block.error);
        }
      }
    }
  }
}

// Give `value` to the other lanes and take that of lane `from`.
template <class T>
T exchange(unsigned mask, T value, unsigned from, bool is_valid, int line) {
  static_assert(sizeof(T) <= sizeof(uint64_t));
  std::memcpy(&self().offered, &value, sizeof(T));
  wait(State::kInWarp, mask, line);
  T taken = value;
  const unsigned source = block.running / 32 * 32 + from;
  if (is_valid && (mask >> from & 1))
    std::memcpy(&taken, &block.threads[source].offered, sizeof(T));
  wait(State::kInWarp, mask, line);  // nobody offers anew before all have taken
  return taken;
}

template <class T, class Operation>
T update(T* memory, Operation&& operation) {
  const T before = *memory;
  *memory = operation(before);
  return before;
}
template <class To, class From>
To bits_as(From value) {
  static_assert(sizeof(To) == sizeof(From));
  To result;
  std::memcpy(&result, &value, sizeof(To));
  return result;
}
}  // namespace emu

#define threadIdx (::emu::self().index)
#define blockIdx (::emu::block_index)
#define blockDim (::emu::block_size)
#define gridDim (::emu::grid_size)

inline void __syncthreads(int line = __builtin_LINE()) {
  emu::wait(emu::State::kAtBarrier, 0, line);
}
inline void __syncwarp(unsigned mask = ~0u, int line = __builtin_LINE()) {
  emu::wait(emu::State::kInWarp, mask, line);
}
inline void __threadfence() {}
inline void __threadfence_system() {}

template <class T>
T __shfl_sync(unsigned mask, T value, int from, int line = __builtin_LINE()) {
  return emu::exchange(mask, value, static_cast<unsigned>(from) & 31, true, line);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by, int line = __builtin_LINE()) {
  return emu::exchange(mask, value, (emu::lane() + by) & 31, emu::lane() + by < 32, line);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned by, int line = __builtin_LINE()) {
  return emu::exchange(mask, value, (emu::lane() - by) & 31, emu::lane() >= by, line);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int by, int line = __builtin_LINE()) {
  return emu::exchange(mask, value, emu::lane() ^ static_cast<unsigned>(by), true, line);
}
inline unsigned __ballot_sync(unsigned mask, int predicate, int line = __builtin_LINE()) {
  emu::self().offered = predicate != 0;
  emu::wait(emu::State::kInWarp, mask, line);
  unsigned bits = 0;
  for (unsigned k = 0; k < 32; ++k) {
    if (mask >> k & 1) {
      const uint64_t offered = emu::block.threads[emu::block.running / 32 * 32 + k].offered;
      bits |= static_cast<unsigned>(offered & 1) << k;
    }
  }
  emu::wait(emu::State::kInWarp, mask, line);
  return bits;
}
inline bool __any_sync(unsigned mask, int predicate, int line = __builtin_LINE()) {
  return __ballot_sync(mask, predicate, line) != 0;
}
inline bool __all_sync(unsigned mask, int predicate, int line = __builtin_LINE()) {
  return __ballot_sync(mask, !predicate, line) == 0;
}
inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
inline int __clz(int bits) { return bits == 0 ? 32 : __builtin_clz(static_cast<unsigned>(bits)); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }

template <class T>
T atomicAdd(T* memory, T value) {
  return emu::update(memory, [&](T before) { return static_cast<T>(before + value); });
}
template <class T>
T atomicMin(T* memory, T value) {
  return emu::update(memory, [&](T before) { return std::min(before, value); });
}
template <class T>
T atomicMax(T* memory, T value) {
  return emu::update(memory, [&](T before) { return std::max(before, value); });
}
template <class T>
T atomicOr(T* memory, T value) {
  return emu::update(memory, [&](T before) { return static_cast<T>(before | value); });
}
template <class T>
T atomicCAS(T* memory, T expected, T value) {
  return emu::update(memory, [&](T before) { return before == expected ? value : before; });
}

inline unsigned __float_as_uint(float value) { return emu::bits_as<unsigned>(value); }
inline float __uint_as_float(unsigned bits) { return emu::bits_as<float>(bits); }
inline long long __double_as_longlong(double value) { return emu::bits_as<long long>(value); }
inline double __longlong_as_double(long long bits) { return emu::bits_as<double>(bits); }

inline long long __double2ll_rn(double value) { return std::llrint(value); }

inline cudaError_t cudaMemsetAsync(void* memory, int byte, size_t count, cudaStream_t) {
  std::memset(memory, byte, count);
  return 0;
}

namespace nr3d {
inline void check_cuda(cudaError_t, const char*) {}
struct DeviceGuard {
  explicit DeviceGuard(int) {}
};
}  // namespace nr3d

#define NR3D_LAUNCH(kernel, grid, block, shared_bytes, place, ...) \
  ::emu::launch(#kernel, grid, block, shared_bytes, [=] { kernel(__VA_ARGS__); })
#define NR3D_DYNAMIC_SHARED(T, name) \
  T* const name = reinterpret_cast<T*>(::emu::dynamic_shared.data())
