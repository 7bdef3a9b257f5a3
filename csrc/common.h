// What every op shares: host and device code in one spelling, pixel coordinates, orientation.
#pragma once
#include <cmath>
#include <cstdint>
#include <type_traits>

#if defined(__CUDACC__)
#define NR3D_HD __host__ __device__ __forceinline__
#elif defined(__GNUC__)
#define NR3D_HD inline __attribute__((always_inline))  // a vector clone needs its callees inside it
#else
#define NR3D_HD inline
#endif

// Compile a hot CPU loop for several vector widths and pick one when the library is loaded. The
// results do not depend on the choice: nothing is contracted or reordered. Sanitizers cannot run
// the resolver that picks.
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__CUDACC__)
#define NR3D_VECTOR_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define NR3D_VECTOR_CLONES
#endif

namespace nr3d {

// The type of one lane of a pack; a number is its own.
template <class V, class = void>
struct LaneOf {
  using type = V;
};
template <class V>
struct LaneOf<V, decltype(void(V{}[0]))> {
  using type = std::decay_t<decltype(V{}[0])>;
};

// A number, or a pack of lanes, all equal to `value`.
template <class V, class Value>
NR3D_HD V uniform(Value value) {
  return V{} + static_cast<typename LaneOf<V>::type>(value);
}

// The NDC coordinate of the centre of pixel `index` of `size`; index 0 is the left or bottom one.
template <class T>
NR3D_HD T pixel_centre(int index, int size) {
  return static_cast<T>((2.0 * index + 1 - size) / size);
}

// The same of a whole number, or of a pack of them.
template <class V>
NR3D_HD V centre_of(V index, int size) {
  const V extent = uniform<V>(size);
  return (2 * index + 1 - extent) / extent;
}

// The pixel coordinate of an NDC coordinate, or of a pack of them: pixel centres lie at integers.
template <class V>
NR3D_HD V to_pixel(V ndc, int size) {
  const V extent = uniform<V>(size);
  return (ndc * extent + extent - 1) / 2;
}

NR3D_HD float floor_of(float value) { return std::floor(value); }
NR3D_HD double floor_of(double value) { return std::floor(value); }

// Faces are numbered 0..F-1; F+f is face f with its vertices in reverse order, its back.
NR3D_HD int corner_of(int64_t face, int64_t num_faces, int corner) {
  return face < num_faces ? corner : 2 - corner;
}

}  // namespace nr3d
