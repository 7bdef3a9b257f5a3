// What both directions of soft silhouettes share on CUDA devices. For .cu files.
#pragma once
#include "launch.h"
#include "soft_silhouettes.h"

namespace nr3d {

constexpr int kSoftThreads = 256;

// Whether a face can be read; else it is complained of.
template <class T>
__device__ bool is_readable(const SoftScene<T>& scene, int64_t mesh, int64_t face, Fault* fault) {
  for (int k = 0; k < 3; ++k) {
    const int32_t vertex = scene.faces[3 * face + k];
    if (vertex < 0 || vertex >= scene.num_vertices) {
      complain(fault, Argument::kFaces, face, k, -1, vertex, 0, scene.num_vertices);
      return false;
    }
    const int64_t row = mesh * scene.num_vertices + vertex;
    for (int axis = 0; axis < 3; ++axis) {
      const T value = scene.vertices[3 * row + axis];
      if (value - value == T(0)) continue;
      complain(fault, Argument::kVertices, mesh, vertex, axis, value, 0, 0);
      return false;
    }
  }
  return true;
}

// The centre of a pixel in units of distance.
template <class T>
__device__ T x_of(const SoftScene<T>& scene, int column) {
  return centre_of(static_cast<T>(column), scene.width) * aspect_of(scene);
}
template <class T>
__device__ T y_of(const SoftScene<T>& scene, int row) {
  return centre_of(static_cast<T>(row), scene.height);
}

inline dim3 blocks_for(int64_t num_threads) {
  return dim3(static_cast<unsigned>((num_threads + kSoftThreads - 1) / kSoftThreads));
}

}  // namespace nr3d
