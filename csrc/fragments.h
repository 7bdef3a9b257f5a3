// What rasterization found, as the operations that come after it read it.
#pragma once
#include <cstdint>

#include "common.h"

namespace nr3d {

template <class T>
struct Fragments {
  const T* vertices;          // [M, V, 3] what was rasterized: NDC x, y; z = depth in scene units
  const int32_t* faces;       // [F, 3] vertex indices, each in [0, V)
  const int32_t* face_index;  // [M, H, W] the face seen: -1 or [0, 2F); row 0 is the top
  const T* depth;             // [M, H, W] its depth
  const T* weights;           // [M, H, W, 3] screen-space barycentric weights
  int64_t num_meshes, num_vertices, num_faces;
  int height, width;
};

template <class T>
NR3D_HD int64_t num_pixels(const Fragments<T>& seen) {
  return static_cast<int64_t>(seen.height) * seen.width;
}

// The vertices of one mesh.
template <class T>
NR3D_HD const T* vertices_of(const Fragments<T>& seen, int64_t mesh) {
  return seen.vertices + 3 * mesh * seen.num_vertices;
}

// The vertices of a face in [0, 2F), in drawing order.
template <class T>
NR3D_HD void corners_of(const Fragments<T>& seen, int64_t face, int32_t corners[3]) {
  const int64_t first = 3 * (face < seen.num_faces ? face : face - seen.num_faces);
  for (int k = 0; k < 3; ++k) corners[k] = seen.faces[first + corner_of(face, seen.num_faces, k)];
}

// Screen-space weights (w) as weights on the surface itself, from the depths of the pixel and of
// the corners.
template <class T>
NR3D_HD void correct_perspective(const T w[3], T depth, const T z[3], T corrected[3]) {
  for (int k = 0; k < 3; ++k) corrected[k] = w[k] * depth / z[k];
}

// The vertices of the face that a pixel shows, in drawing order, and its weights on the surface.
// `pixel` counts those of all meshes.
template <class T>
NR3D_HD void surface_weights(const Fragments<T>& seen, int64_t mesh, int64_t pixel, int64_t face,
                             int32_t corners[3], T w[3]) {
  const T* vertices = vertices_of(seen, mesh);
  T z[3];
  corners_of(seen, face, corners);
  for (int k = 0; k < 3; ++k) z[k] = vertices[3 * static_cast<int64_t>(corners[k]) + 2];
  correct_perspective(seen.weights + 3 * pixel, seen.depth[pixel], z, w);
}

}  // namespace nr3d
