// Cameras: where the points of a mesh lie in front of each of its views, and where a perspective or
// an orthographic projection puts them.
#pragma once
#include <cstdint>

#include "common.h"

namespace nr3d {

// Meshes and their cameras, N for each.
template <class T>
struct ViewParams {
  const T* points;  // [B, V, 3] in the mesh frame, any length unit
  const T* eyes;    // [B, N, 3] in the mesh frame
  const T* axes;    // [B, N, 3, 3] unit vectors x, y, z of the camera frame, one per row
  int64_t num_meshes, num_points, num_views;
  T tangent;  // of half the field of view; 0 projects orthographically, one unit to one of NDC
};

template <class T>
struct ProjectParams {
  ViewParams<T> views;
  T* projected;  // [B * N, V, 3] out: x, y in NDC, depth in the unit of the points
};

template <class T>
struct ProjectGradientParams {
  ViewParams<T> views;
  const T* grad_projected;  // [B * N, V, 3]
  T* grad_points;           // [B, V, 3] out
};

template <class T>
struct ProjectCameraGradientParams {
  ViewParams<T> views;
  const T* grad_projected;  // [B * N, V, 3]
  T* grad_eyes;             // [B, N, 3] out
  T* grad_axes;             // [B, N, 3, 3] out
};

template <class T>
struct Vector {
  T x, y, z;
};

template <class T>
NR3D_HD Vector<T> load_vector(const T* from) {
  return {from[0], from[1], from[2]};
}
template <class T>
NR3D_HD void store_vector(const Vector<T>& vector, T* to) {
  to[0] = vector.x, to[1] = vector.y, to[2] = vector.z;
}
template <class T>
NR3D_HD T dot(const Vector<T>& a, const Vector<T>& b) {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}
template <class T>
NR3D_HD Vector<T> difference(const Vector<T>& a, const Vector<T>& b) {
  return {a.x - b.x, a.y - b.y, a.z - b.z};
}
template <class T>
NR3D_HD void add(const Vector<T>& term, Vector<T>& sum) {
  sum.x += term.x, sum.y += term.y, sum.z += term.z;
}
template <class T>
NR3D_HD void add_scaled(T factor, const Vector<T>& term, Vector<T>& sum) {
  sum.x += factor * term.x, sum.y += factor * term.y, sum.z += factor * term.z;
}

template <class T>
struct Camera {
  Vector<T> eye, x, y, z;  // the position and the axes
  T tangent;
};

// The camera of a row of `eyes` and `axes`.
template <class T>
NR3D_HD Camera<T> load_camera(const ViewParams<T>& p, int64_t row) {
  const T* axes = p.axes + 9 * row;
  return {load_vector(p.eyes + 3 * row), load_vector(axes), load_vector(axes + 3),
          load_vector(axes + 6), p.tangent};
}

// From the eye to a point, in the camera frame.
template <class T>
NR3D_HD Vector<T> to_camera(const Camera<T>& camera, const Vector<T>& from_eye) {
  return {dot(camera.x, from_eye), dot(camera.y, from_eye), dot(camera.z, from_eye)};
}

// Back: what the camera frame calls `seen`, as a direction of the mesh frame.
template <class T>
NR3D_HD Vector<T> from_camera(const Camera<T>& camera, const Vector<T>& seen) {
  return {camera.x.x * seen.x + camera.y.x * seen.y + camera.z.x * seen.z,
          camera.x.y * seen.x + camera.y.y * seen.y + camera.z.y * seen.z,
          camera.x.z * seen.x + camera.y.z * seen.y + camera.z.z * seen.z};
}

// x, y in NDC and depth. Points behind the camera are mirrored; depth 0 gives infinity or NaN.
template <class T>
NR3D_HD Vector<T> project_point(const Camera<T>& camera, const Vector<T>& point) {
  const Vector<T> seen = to_camera(camera, difference(point, camera.eye));
  if (!(camera.tangent > 0)) return seen;
  // Two divisions, as the authors' renderer rounds.
  return {seen.x / seen.z / camera.tangent, seen.y / seen.z / camera.tangent, seen.z};
}

// The gradient of the point in the camera frame, from the gradient of its projection.
template <class T>
NR3D_HD Vector<T> unproject_gradient(const Camera<T>& camera, const Vector<T>& from_eye,
                                     const Vector<T>& grad) {
  if (!(camera.tangent > 0)) return grad;
  const Vector<T> seen = to_camera(camera, from_eye);
  const T extent = seen.z * camera.tangent;
  const T x = grad.x / extent, y = grad.y / extent;
  return {x, y, grad.z - (x * seen.x + y * seen.y) / seen.z};
}

}  // namespace nr3d
