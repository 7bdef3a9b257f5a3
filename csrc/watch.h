// Looking at the values that kernels rely on, and telling of bad ones. For .cu files: each thread
// of a grid looks at its share, so that no launch is spent on it.
#pragma once
#include "fragments.h"
#include "shares.h"

namespace nr3d {

__device__ inline bool is_inside(int64_t index, int64_t low, int64_t end) {
  return index >= low && index < end;
}

template <class T>
__device__ inline void watch_vertices(const T* vertices, int64_t num_meshes, int64_t num_vertices,
                                      Fault* fault) {
  const int64_t count = 3 * num_meshes * num_vertices;
  for (int64_t i = number_of_thread(); i < count; i += number_of_threads()) {
    const T value = vertices[i];
    if (value - value == T(0)) continue;
    complain(fault, Argument::kVertices, i / (3 * num_vertices), i / 3 % num_vertices, i % 3,
             static_cast<double>(value), 0, 0);
  }
}

__device__ inline void watch_faces(const int32_t* faces, int64_t num_faces, int64_t num_vertices,
                                   Fault* fault) {
  for (int64_t i = number_of_thread(); i < 3 * num_faces; i += number_of_threads()) {
    if (is_inside(faces[i], 0, num_vertices)) continue;
    complain(fault, Argument::kFaces, i / 3, i % 3, -1, faces[i], 0, num_vertices);
  }
}

template <class T>
__device__ inline void watch_face_index(const Fragments<T>& seen, Fault* fault) {
  const int64_t plane = num_pixels(seen), count = seen.num_meshes * plane;
  for (int64_t i = number_of_thread(); i < count; i += number_of_threads()) {
    const int32_t face = seen.face_index[i];
    if (is_inside(face, -1, 2 * seen.num_faces)) continue;
    complain(fault, Argument::kFaceIndex, i / plane, i % plane / seen.width, i % seen.width, face,
             -1, 2 * seen.num_faces);
  }
}

// All that nr3d/ops/fragments.py checks on the CPU.
template <class T>
__device__ inline void watch_fragments(const Fragments<T>& seen, Fault* fault) {
  watch_vertices(seen.vertices, seen.num_meshes, seen.num_vertices, fault);
  watch_faces(seen.faces, seen.num_faces, seen.num_vertices, fault);
  watch_face_index(seen, fault);
}

// Whether a face exists, front or back, and its corners do.
template <class T>
__device__ inline bool is_drawable(const Fragments<T>& seen, int64_t face) {
  if (!is_inside(face, 0, 2 * seen.num_faces)) return false;
  int32_t corners[3];
  corners_of(seen, face, corners);
  bool all = true;
  for (int k = 0; k < 3; ++k) all &= is_inside(corners[k], 0, seen.num_vertices);
  return all;
}

}  // namespace nr3d
