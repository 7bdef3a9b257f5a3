// Depths and faces as whole numbers whose order is that of drawing: the least wins a pixel. For .cu
// files: integer atomics give the same result in whatever order threads arrive.
#pragma once
#include "launch.h"

namespace nr3d {

using Key = unsigned long long;

constexpr Key kNothing = ~Key{0};  // behind every depth

// Bits whose order is that of the numbers. -0 has been made 0 before.
__device__ inline unsigned ordered_bits(float depth) {
  const unsigned bits = __float_as_uint(depth);
  return bits ^ (bits >> 31 != 0 ? 0xffffffffu : 0x80000000u);
}
__device__ inline Key ordered_bits(double depth) {
  const Key bits = static_cast<Key>(__double_as_longlong(depth));
  return bits ^ (bits >> 63 != 0 ? ~Key{0} : Key{1} << 63);
}

// Which face each pixel shows, while faces are drawn. In single precision depth and face are one
// number; in double precision the faces are drawn twice, for the least depth first, then for the
// least face at that depth.
template <class T>
struct KeyBuffer;

template <>
struct KeyBuffer<float> {
  static constexpr int kPasses = 1;
  Key* keys;  // [M, H, W]

  KeyBuffer(void* memory, int64_t) : keys(static_cast<Key*>(memory)) {}

  static int64_t num_bytes(int64_t num_pixels) { return num_pixels * 8; }

  template <int kPass>
  __device__ void offer(int64_t pixel, float depth, int32_t face) const {
    const Key key = static_cast<Key>(ordered_bits(depth + 0.0f)) << 32 | static_cast<Key>(face);
    if (key < keys[pixel]) atomicMin(keys + pixel, key);
  }
  __device__ int32_t face(int64_t pixel) const {
    const Key key = keys[pixel];
    return key == kNothing ? -1 : static_cast<int32_t>(key & 0xffffffffu);
  }
};

template <>
struct KeyBuffer<double> {
  static constexpr int kPasses = 2;
  Key* depths;      // [M, H, W]
  unsigned* faces;  // [M, H, W]

  KeyBuffer(void* memory, int64_t num_pixels)
      : depths(static_cast<Key*>(memory)),
        faces(reinterpret_cast<unsigned*>(depths + num_pixels)) {}

  static int64_t num_bytes(int64_t num_pixels) { return num_pixels * 12; }

  template <int kPass>
  __device__ void offer(int64_t pixel, double depth, int32_t face) const {
    const Key key = ordered_bits(depth + 0.0);
    if (kPass == 0) {
      if (key < depths[pixel]) atomicMin(depths + pixel, key);
    } else if (key == depths[pixel]) {
      atomicMin(faces + pixel, static_cast<unsigned>(face));
    }
  }
  __device__ int32_t face(int64_t pixel) const {
    const unsigned face = faces[pixel];
    return face == 0xffffffffu ? -1 : static_cast<int32_t>(face);
  }
};

}  // namespace nr3d
