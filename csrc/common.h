// What every op shares: host and device code in one spelling, pixel coordinates, orientation.
#pragma once
#include <cmath>
#include <cstdint>

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

// The NDC coordinate of the centre of pixel `index` of `size`; index 0 is the left or bottom one.
template <class T>
NR3D_HD T pixel_centre(int index, int size) {
  return static_cast<T>((2.0 * index + 1 - size) / size);
}

// The pixel coordinate of an NDC coordinate: pixel centres lie at integers.
template <class T>
NR3D_HD T to_pixel(T ndc, int size) {
  return (ndc * size + size - 1) / 2;
}

NR3D_HD float floor_of(float value) { return std::floor(value); }
NR3D_HD double floor_of(double value) { return std::floor(value); }

// Faces are numbered 0..F-1; F+f is face f with its vertices in reverse order, its back.
NR3D_HD int corner_of(int64_t face, int64_t num_faces, int corner) {
  return face < num_faces ? corner : 2 - corner;
}

}  // namespace nr3d
