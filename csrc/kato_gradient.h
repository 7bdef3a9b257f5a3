// The approximate gradient of a hard image (Kato et al. 2018): how far an edge is from a pixel
// whose change would lower the loss, and what that says to the edge's two vertices.
#pragma once
#include <cmath>
#include <cstdint>
#include <limits>

#include "common.h"
#if !defined(__CUDACC__)
#include "pack.h"  // the formulas take packs too
#endif

namespace nr3d {

template <class T>
struct KatoGradientParams {
  const T* vertices;                // [M, V, 3] NDC x, y in [-1, 1], y up; z is not read
  const int32_t* faces;             // [F, 3] vertex indices, each in [0, V)
  const int32_t* face_index;        // [M, H, W] the face seen: -1 or [0, 2F); row 0 is the top
  const int16_t* short_face_index;  // the same in 16 bits; one of the two is null
  const T* image;  // [M, C, H, W] the hard image; null: the silhouette of face_index, C = 1
  const T*
      grad_image;    // [M, C, H, W] gradient of the loss; of a silhouette [M, H/factor, W/factor]
  T* grad_vertices;  // [M, V, 3] out: gradient in NDC; z is 0
  int64_t num_meshes, num_vertices, num_faces;
  int num_channels, height, width;
  int factor;  // a silhouette is the mean of factor x factor pixels; else 1
  T eps;       // added to the distances, NDC
};

// The two ways to walk over an image. Along a column (u = x, v = y) edges move in y; along a row
// (u = y, v = x) in x.
enum class Axis { kColumns, kRows };

// An edge from A to B in pixel coordinates. V is a number, or a pack of them: several edges.
template <class V>
struct Edge {
  V au, av, bu;
  V slope;     // of AB: dv / du
  V outwards;  // 1 or -1: the face ends at this edge towards larger v or towards smaller
};

// Whether an edge from u = low to u = high crosses the line. Truncation towards zero is the
// reference's: an edge that ends in (-1, 0) still crosses line 0. One that is a line itself crosses
// none.
template <class V>
NR3D_HD auto crosses(const V& low, const V& high, const V& line) {
  return (low < high) & (low <= line) & ((line <= high) | ((line == V{}) & (high > V{} - 1)));
}

// Where the edge meets line u.
template <class V>
NR3D_HD V crossing(const Edge<V>& edge, V u) {
  return edge.av + edge.slope * (u - edge.au);
}

// The face's last pixel before a crossing of the edge; the next one outwards is the first beyond.
// Positions off the image stay off it.
template <class V, class T>
NR3D_HD V inner_pixel(const Edge<V>& edge, V crossing, T length) {
  const V least = V{} - length - T(1), most = V{} + length + T(1);
  V inner = crossing * edge.outwards;
  inner = inner > least ? inner : least;
  inner = inner < most ? inner : most;
  return floor_of(inner) * edge.outwards;
}

// Where line u leaves the face with corners A, B and C again, through AC or BC.
template <class V>
NR3D_HD V second_crossing(const V a[2], const V b[2], const V c[2], V u) {
  const V on_ac = a[1] + (c[1] - a[1]) / (c[0] - a[0]) * (u - a[0]);
  const V on_bc = c[1] + (b[1] - c[1]) / (b[0] - c[0]) * (u - c[0]);
  return (u - a[0]) * (u - c[0]) < V{} ? on_ac : on_bc;
}

// The last pixel of the face on line u, as seen from edge AB. NaN becomes 0.
template <class V>
NR3D_HD V far_pixel(const V a[2], const V b[2], const V c[2], V outwards, V u, int length) {
  const V zero = V{}, most = uniform<V>(length - 1);
  V pixel = second_crossing(a, b, c, u);
  pixel = pixel > zero ? pixel : zero;
  pixel = pixel < most ? pixel : most;
  return -floor_of(-pixel * outwards) * outwards;
}

// How far vertex A (or B) moves along v, in NDC, for each pixel that the crossing moves; 0 where
// moving it cannot move the crossing.
template <class T, class V>
NR3D_HD V lever_of_a(const Edge<V>& e, V u, int size) {
  return u == e.bu ? V{} : (e.bu - e.au) * (T(2) / size) / (e.bu - u);
}
template <class T, class V>
NR3D_HD V lever_of_b(const Edge<V>& e, V u, int size) {
  return u == e.au ? V{} : (e.bu - e.au) * (T(2) / size) / (u - e.au);
}

// The sum of a vertex's distance to a pixel and eps is lever * t + signed_eps for pixels t beyond
// the edge. Without a lever it is infinite, and the pull 0.
template <class T, class V>
NR3D_HD V signed_eps(const Edge<V>& edge, V lever, T eps) {
  const V beyond = lever * edge.outwards, positive = V{} + eps, negative = V{} - eps;
  const V infinite = V{} + std::numeric_limits<T>::infinity();
  return beyond > V{} ? positive : beyond < V{} ? negative : infinite;
}

// What a pixel at signed distance t (pixels) whose change lowers the loss by `gain` adds to a
// vertex.
template <class V, class T>
NR3D_HD V pull(const V& gain, T lever, const V& t, T eps) {
  const V distance = lever * t;
  const V further = distance + eps, nearer = distance - eps;
  return -gain / (distance > T(0) ? further : nearer);
}

}  // namespace nr3d
