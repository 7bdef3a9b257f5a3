// The approximate gradient of a hard image (Kato et al. 2018): how far an edge is from a pixel
// whose change would lower the loss, and what that says to the edge's two vertices.
#pragma once
#include <cmath>
#include <cstdint>

#include "common.h"

namespace nr3d {

template <class T>
struct KatoGradientParams {
  const T* vertices;          // [M, V, 3] NDC x, y in [-1, 1], y up; z is not read
  const int32_t* faces;       // [F, 3] vertex indices, each in [0, V)
  const int32_t* face_index;  // [M, H, W] the face seen: -1 or [0, 2F); row 0 is the top
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

// An edge from A to B in pixel coordinates, with the third vertex C of its face.
template <class T>
struct Edge {
  T au, av, bu, bv, cu, cv;
  T slope;           // of AB: dv / du
  bool outwards_up;  // the face ends at this edge towards larger v, not towards smaller
};

template <class T>
NR3D_HD Edge<T> make_edge(const T u[3], const T v[3], int e, Axis axis) {
  const int b = e == 2 ? 0 : e + 1, c = b == 2 ? 0 : b + 1;
  Edge<T> edge{u[e], v[e], u[b], v[b], u[c], v[c], T(0), false};
  edge.slope = (edge.bv - edge.av) / (edge.bu - edge.au);
  edge.outwards_up = (edge.au < edge.bu) == (axis == Axis::kRows);
  return edge;
}

// The lines [first, last] that the edge crosses. Truncation towards zero is the reference's: an
// edge that ends in (-1, 0) still visits line 0.
template <class T>
NR3D_HD void lines_of(const Edge<T>& edge, int size, int& first, int& last) {
  const T low = edge.au < edge.bu ? edge.au : edge.bu, high = edge.au < edge.bu ? edge.bu : edge.au;
  first = low <= T(0) ? 0 : low >= T(size) ? size : static_cast<int>(std::ceil(low));
  last = high <= T(-1) ? -1 : high >= T(size - 1) ? size - 1 : static_cast<int>(high);
}

// The pixels on both sides of a crossing of the edge: the last one of the face and the first
// beyond. Positions off the image stay off it.
template <class T>
NR3D_HD int inner_pixel(const Edge<T>& edge, T crossing, int length) {
  const T inner = edge.outwards_up ? std::floor(crossing) : std::ceil(crossing);
  const T from_below = inner > T(-2) ? inner : T(-2);
  return static_cast<int>(from_below < T(length + 1) ? from_below : T(length + 1));
}
template <class T>
NR3D_HD int outer_pixel(const Edge<T>& edge, int inner) {
  return edge.outwards_up ? inner + 1 : inner - 1;
}

// Where the edge meets line u.
template <class T>
NR3D_HD T crossing(const Edge<T>& edge, T u) {
  return edge.av + edge.slope * (u - edge.au);
}

// Where line u leaves the face again, through AC or BC.
template <class T>
NR3D_HD T second_crossing(const Edge<T>& e, T u) {
  return (u - e.au) * (u - e.cu) < T(0) ? e.av + (e.cv - e.av) / (e.cu - e.au) * (u - e.au)
                                        : e.cv + (e.bv - e.cv) / (e.bu - e.cu) * (u - e.cu);
}

// The last pixel of the face on line u, as seen from the edge.
template <class T>
NR3D_HD int far_pixel(const Edge<T>& edge, T u, int length) {
  const T c = second_crossing(edge, u);
  const T pixel = edge.outwards_up ? std::ceil(c) : std::floor(c);
  return pixel > T(0) ? pixel < T(length - 1) ? static_cast<int>(pixel) : length - 1 : 0;
}

// How far vertex A (or B) moves along v, in NDC, for each pixel that the crossing moves; 0 where
// moving it cannot move the crossing.
template <class T>
NR3D_HD T lever_of_a(const Edge<T>& e, T u, int size) {
  return e.bu == u ? T(0) : (e.bu - e.au) / (e.bu - u) * T(2) / size;
}
template <class T>
NR3D_HD T lever_of_b(const Edge<T>& e, T u, int size) {
  return e.au == u ? T(0) : (e.bu - e.au) / (u - e.au) * T(2) / size;
}

// What a pixel at signed distance t (pixels) whose change lowers the loss by `gain` adds to a
// vertex. V is T or a pack of T.
template <class V, class T>
NR3D_HD V pull(const V& gain, T lever, const V& t, T eps) {
  const V distance = lever * t;
  const V further = distance + eps, nearer = distance - eps;
  return -gain / (distance > T(0) ? further : nearer);
}

}  // namespace nr3d
