// Soft silhouettes (Liu et al. 2019, SoftRas). A face covers a pixel to the share
//
//   D = 1 / (1 + exp(-s d^2 / sigma)),   s = 1 inside the face, -1 outside,
//
// d the distance of the pixel's centre to the face's outline, and the silhouette is
// 1 - product of (1 - D) over all faces, both windings alike. Distances are in NDC; where the image
// is no square, in those of its height, so that they are the same along rows and columns.
//
// A face is left out where it has no area, where a corner has a depth of at most `near`, or where
// none has a depth below `far`. A pair of face and pixel is left out where D < 1e-10, outside
// only. What is left out of a pixel changes its value by less than 1e-10 for each such face.
#pragma once
#include <cmath>
#include <cstdint>
#include <limits>

#include "common.h"
#include "exponential.h"
#include "rasterize.h"  // pixel_range, clamp_weight

namespace nr3d {

template <class T>
struct SoftScene {
  const T* vertices;     // [M, V, 3] NDC x, y in [-1, 1], y up; z = depth in scene units
  const int32_t* faces;  // [F, 3] vertex indices, each in [0, V)
  int64_t num_meshes, num_vertices, num_faces;
  int height, width;
  T near, far;  // depths
  T sigma;      // softness, in NDC squared
};

template <class T>
struct SoftSilhouettesParams {
  SoftScene<T> scene;
  T* silhouettes;   // [M, H, W] out: in [0, 1]; row 0 is the top
  T* transparency;  // [M, H, W] out: 1 - silhouettes, where that is small far more precise
};

template <class T>
struct SoftSilhouettesGradientParams {
  SoftScene<T> scene;
  const T* transparency;      // [M, H, W] what was drawn
  const T* grad_silhouettes;  // [M, H, W]
  T* grad_vertices;           // [M, V, 3] out: gradient in NDC; z is 0
};

constexpr double kSoftCut = 23.025850929840455;  // log(1 / 1e-10 - 1): D at -d^2 / sigma = 1e-10

// How far from its outline a face has pixels.
template <class T>
NR3D_HD T reach_of(const SoftScene<T>& scene) {
  return std::sqrt(static_cast<T>(kSoftCut) * scene.sigma);
}

// How many units of distance one of NDC x is.
template <class T>
NR3D_HD T aspect_of(const SoftScene<T>& scene) {
  return static_cast<T>(scene.width) / static_cast<T>(scene.height);
}

// A face ready to be drawn, counter-clockwise, in units of distance.
template <class T>
struct SoftFace {
  int32_t corners[3];                                  // vertices
  int first_row, last_row, first_column, last_column;  // pixels in reach, row 0 at the bottom
  T x[3], y[3];
  T along_x[3], along_y[3], inverse[3];  // edge k leads to corner k + 1; 1 / squared length
  T left, right, bottom, top;
};

template <class T>
NR3D_HD void set_extent(const T c[3], T& low, T& high) {
  low = c[0] < c[1] ? c[0] : c[1];
  high = c[0] < c[1] ? c[1] : c[0];
  low = c[2] < low ? c[2] : low;
  high = c[2] > high ? c[2] : high;
}

// The pixels of one axis, inside [from, to], that are in reach of [low, high] in NDC.
template <class T>
NR3D_HD void set_reach(T low, T high, T reach, int size, int from, int to, int& first, int& last) {
  const T ends[3] = {low - reach, high + reach, low};
  const PixelRange<T> range = pixel_range(ends, size, from, to);
  first = static_cast<int>(range.first);
  last = static_cast<int>(range.last);
}

// Read the corners, counter-clockwise; false where the face is left out.
template <class T>
NR3D_HD bool load_corners(const SoftScene<T>& scene, int64_t mesh, int64_t face, SoftFace<T>& f) {
  bool is_before_far = false, is_behind_near = true;
  for (int k = 0; k < 3; ++k) {
    f.corners[k] = scene.faces[3 * face + k];
    const T* v = scene.vertices + 3 * (mesh * scene.num_vertices + f.corners[k]);
    f.x[k] = v[0];
    f.y[k] = v[1];
    is_behind_near &= v[2] > scene.near;
    is_before_far |= v[2] < scene.far;
  }
  const T a = (f.y[2] - f.y[0]) * (f.x[1] - f.x[0]), b = (f.y[1] - f.y[0]) * (f.x[2] - f.x[0]);
  if (a < b) {  // clockwise
    const int32_t corner = f.corners[1];
    const T x = f.x[1], y = f.y[1];
    f.corners[1] = f.corners[2], f.x[1] = f.x[2], f.y[1] = f.y[2];
    f.corners[2] = corner, f.x[2] = x, f.y[2] = y;
  }
  return is_behind_near && is_before_far && (a < b || a > b);
}

// Prepare a face for the rows [first_row, last_row]; false where it has no pixels there.
template <class T>
NR3D_HD bool load_soft_face(const SoftScene<T>& scene, int64_t mesh, int64_t face, int first_row,
                            int last_row, SoftFace<T>& f) {
  if (!load_corners(scene, mesh, face, f)) return false;
  const T aspect = aspect_of(scene), reach = reach_of(scene);
  set_extent(f.y, f.bottom, f.top);
  set_reach(f.bottom, f.top, reach, scene.height, first_row, last_row, f.first_row, f.last_row);
  if (f.first_row > f.last_row) return false;
  set_extent(f.x, f.left, f.right);
  set_reach(f.left, f.right, reach / aspect, scene.width, 0, scene.width - 1, f.first_column,
            f.last_column);
  if (f.first_column > f.last_column) return false;
  f.left *= aspect;
  f.right *= aspect;
  for (int k = 0; k < 3; ++k) f.x[k] *= aspect;
  for (int k = 0; k < 3; ++k) {
    const int next = k == 2 ? 0 : k + 1;
    f.along_x[k] = f.x[next] - f.x[k];
    f.along_y[k] = f.y[next] - f.y[k];
    const T squared = f.along_x[k] * f.along_x[k] + f.along_y[k] * f.along_y[k];
    f.inverse[k] = squared > T(0) ? T(1) / squared : T(0);
  }
  return true;
}

// The point of a face's outline that is nearest to a pixel. V is a number, or a pack of them:
// several pixels.
template <class V>
struct NearestPoint {
  using Mask = decltype(V{} < V{});
  V squared;    // the distance
  V x, y;       // from the point to the pixel
  V weight[3];  // of the corners in the point
  Mask inside;  // whether the pixel is inside the face
};

// A pixel on the line of a very thin face may be on the inner side of all its edges as they round,
// so that it must be inside the bounding box too.
template <class V, class T>
NR3D_HD NearestPoint<V> find_nearest(const SoftFace<T>& f, V x, V y) {
  NearestPoint<V> nearest = {};
  const V one = uniform<V>(1);
  nearest.squared = uniform<V>(std::numeric_limits<T>::max());
  nearest.inside = (x >= f.left) & (x <= f.right) & (y >= f.bottom) & (y <= f.top);
  for (int k = 0; k < 3; ++k) {
    const int next = k == 2 ? 0 : k + 1, last = next == 2 ? 0 : next + 1;
    const V from_x = x - f.x[k], from_y = y - f.y[k];
    const V share = clamp_weight<V>((from_x * f.along_x[k] + from_y * f.along_y[k]) * f.inverse[k]);
    const V off_x = from_x - share * f.along_x[k], off_y = from_y - share * f.along_y[k];
    const V squared = off_x * off_x + off_y * off_y;
    const auto nearer = squared < nearest.squared;
    nearest.squared = nearer ? squared : nearest.squared;
    nearest.x = nearer ? off_x : nearest.x;
    nearest.y = nearer ? off_y : nearest.y;
    nearest.weight[k] = nearer ? one - share : nearest.weight[k];
    nearest.weight[next] = nearer ? share : nearest.weight[next];
    nearest.weight[last] = nearer ? V{} : nearest.weight[last];
    nearest.inside &= from_y * f.along_x[k] >= from_x * f.along_y[k];
  }
  return nearest;
}

template <class V>
struct SoftShare {
  using Mask = decltype(V{} < V{});
  V share, rest;      // D, or 0 where it does not count, and 1 - D
  Mask counts;        // whether the face covers the pixel at all
  Mask has_gradient;  // not deep inside
};

template <class V, class T>
NR3D_HD SoftShare<V> share_of(const NearestPoint<V>& nearest, T inverse_sigma) {
  const V one = uniform<V>(1), most = uniform<V>(kMostExponent<T>);
  V x = nearest.squared * inverse_sigma;
  x = x < most ? x : most;
  const V e = exp_of_minus(x), larger = one / (one + e), smaller = e / (one + e);
  SoftShare<V> result;
  result.counts = nearest.inside | (x < uniform<V>(kSoftCut));
  result.share = nearest.inside ? larger : result.counts ? smaller : V{};
  result.rest = nearest.inside ? smaller : larger;
  result.has_gradient = result.counts & (x < most);
  return result;
}

// What a face leaves of the transparency of a pixel. Less than `least` is nothing, or numbers too
// small for the processor would slow it down.
template <class V>
NR3D_HD V cover(const SoftShare<V>& share, V transparency) {
  const V least = uniform<V>(sizeof(typename LaneOf<V>::type) == 4 ? 1e-20 : 1e-200);
  const V left = share.counts ? transparency * share.rest : transparency;
  return left < least ? V{} : left;
}

// Add to the corners' gradients, x and y of each, what a pixel gives: `weight` is the gradient of
// its silhouette times its transparency, since d silhouette / d (s d^2 / sigma) is the transparency
// times D. The weights of the nearest point may be taken as fixed: where it is free to move along
// an edge the distance is at its minimum.
template <class V, class T>
NR3D_HD void add_gradient(const NearestPoint<V>& nearest, const SoftShare<V>& share, V weight,
                          T inverse_sigma, V grads[6]) {
  V pull = weight * share.share * (2 * inverse_sigma);
  pull = nearest.inside ? -pull : pull;
  pull = share.has_gradient ? pull : V{};
  const V x = pull * nearest.x, y = pull * nearest.y;
  for (int k = 0; k < 3; ++k) {
    grads[2 * k] += nearest.weight[k] * x;
    grads[2 * k + 1] += nearest.weight[k] * y;
  }
}

}  // namespace nr3d
