// Hard rasterization (Kato et al. 2018): which face is seen at each pixel centre, how deep, and
// where on it.
#pragma once
#include <cmath>
#include <cstdint>

#include "common.h"
#if !defined(__CUDACC__)
#include "pack.h"  // the formulas take packs too
#endif

namespace nr3d {

template <class T>
struct RasterizeParams {
  const T* vertices;          // [M, V, 3] NDC x, y in [-1, 1], y up; z = depth in scene units
  const int32_t* faces;       // [F, 3] vertex indices, each in [0, V)
  int32_t* face_index;        // [M, H, W] out: -1 or [0, F), [F, 2F) for backs; row 0 is the top
  int16_t* short_face_index;  // the same where it is wanted in 16 bits; one of the two is null
  T* depth;        // [M, H, W] out: depth, `far` where nothing is seen; may be null with weights
  T* weights;      // [M, H, W, 3] out: screen-space barycentric weights, else 0
  T* silhouettes;  // [M, H/factor, W/factor] out: the share of covered pixels; may be null
  int64_t num_meshes, num_vertices, num_faces;
  int height, width;
  int factor;      // divides height and width
  T near, far;     // depths outside the open interval are not drawn
  bool fill_back;  // draw faces from behind too
};

// A face ready to be drawn: its corners in drawing order and the coefficients of its weights. V is
// a number, or a pack of them (several faces), here and below.
template <class V>
struct RasterFace {
  V x[3], y[3], z[3];  // NDC and depth of the corners
  V m[3][3];           // weight k at pixel (i, j) is m[k][0] i + m[k][1] j + m[k][2]
};

// Whether a face is seen from its front: false where it has no area.
template <class V>
NR3D_HD auto is_front(const RasterFace<V>& f) {
  return (f.y[2] - f.y[0]) * (f.x[1] - f.x[0]) > (f.y[1] - f.y[0]) * (f.x[2] - f.x[0]);
}

// Fill in the corners of `face` (in [0, 2F)). False where it is seen from behind or has no area.
template <class T>
NR3D_HD bool load_face(const T* vertices, const int32_t* faces, int64_t num_faces, int64_t face,
                       RasterFace<T>& f) {
  const int32_t* corners = faces + 3 * (face < num_faces ? face : face - num_faces);
  for (int k = 0; k < 3; ++k) {
    const T* v = vertices + 3 * static_cast<int64_t>(corners[corner_of(face, num_faces, k)]);
    f.x[k] = v[0];
    f.y[k] = v[1];
    f.z[k] = v[2];
  }
  return is_front(f);
}

// The inverse of the matrix with columns (px_k, py_k, 1), px and py in pixels.
template <class V>
NR3D_HD void set_weights(RasterFace<V>& f, int height, int width) {
  V px[3], py[3];
  for (int k = 0; k < 3; ++k) {
    px[k] = to_pixel(f.x[k], width);
    py[k] = to_pixel(f.y[k], height);
  }
  const V det = px[2] * (py[0] - py[1]) + px[0] * (py[1] - py[2]) + px[1] * (py[2] - py[0]);
  for (int k = 0; k < 3; ++k) {
    const int a = k == 2 ? 0 : k + 1, b = a == 2 ? 0 : a + 1;
    f.m[k][0] = py[a] - py[b];
    f.m[k][1] = px[b] - px[a];
    f.m[k][2] = px[a] * py[b] - px[b] * py[a];
  }
  V* m = &f.m[0][0];
  for (int l = 0; l < 9; ++l) m[l] /= det;
}

// Clamp to [0, 1]; NaN becomes 0. V is a number or a pack of them, here and below.
template <class V>
NR3D_HD V clamp_weight(V w) {
  const V nothing = V{}, one = nothing + 1;
  const V positive = w > nothing ? w : nothing;
  return positive < one ? positive : one;
}

// Depth from weights: perspective-correct interpolation, 1 / sum of w_k / z_k.
template <class V>
NR3D_HD V depth_at(const V w[3], const V z[3]) {
  return (V{} + 1) / (w[0] / z[0] + w[1] / z[1] + w[2] / z[2]);
}

// The weights of the face at pixel (i, j), counted from the bottom left: clamped, then scaled to
// sum to 1.
template <class V>
NR3D_HD void weights_at(const RasterFace<V>& f, V i, V j, V w[3]) {
  for (int k = 0; k < 3; ++k) w[k] = clamp_weight(f.m[k][0] * i + f.m[k][1] * j + f.m[k][2]);
  const V sum = w[0] + w[1] + w[2];
  for (int k = 0; k < 3; ++k) w[k] /= sum;
}

// The two terms of the edge function of the edge from corner a: a point (x, y) in NDC lies beyond
// the edge where along(y) < across(x).
template <class V, class T>
NR3D_HD V along(const RasterFace<T>& f, int a, V y) {
  return (y - f.y[a]) * (f.x[a == 2 ? 0 : a + 1] - f.x[a]);
}
template <class V, class T>
NR3D_HD V across(const RasterFace<T>& f, int a, V x) {
  return (x - f.x[a]) * (f.y[a == 2 ? 0 : a + 1] - f.y[a]);
}

// Whether the pixel centre (x, y) in NDC lies in the face; its border belongs to it.
template <class T>
NR3D_HD bool covers(const RasterFace<T>& f, T x, T y) {
  bool inside = true;
  for (int a = 0; a < 3; ++a) inside &= !(along(f, a, y) < across(f, a, x));
  return inside;
}

// The pixels [first, last] inside [from, to] of one axis whose centres lie between the least and
// the largest of NDC a, b and c. Near-collinear faces cover nothing beyond, however their edge
// functions round. All of V, whole numbers; of none, last < first.
template <class V>
struct PixelRange {
  V first, last, low, high;  // NDC
};
template <class V>
NR3D_HD PixelRange<V> pixel_range(const V c[3], int size, int from, int to) {
  const V zero{}, one = zero + 1, least = uniform<V>(from), most = uniform<V>(to);
  V low = c[0] < c[1] ? c[0] : c[1], high = c[0] < c[1] ? c[1] : c[0];
  low = c[2] < low ? c[2] : low;
  high = c[2] > high ? c[2] : high;
  const V slack = one / 64;  // the pixel coordinates are rounded, so the ends are tried
  V first = to_pixel(low, size) - slack, last = to_pixel(high, size) + slack;
  first = first > least ? first : least;
  first = first < most + 1 ? -floor_of(-first) : most + 1;
  last = last < most ? last : most;
  last = last > least - 1 ? floor_of(last) : least - 1;
  first += centre_of(first, size) < low ? one : zero;
  last -= centre_of(last, size) > high ? one : zero;
  return {first, last, low, high};
}

}  // namespace nr3d
