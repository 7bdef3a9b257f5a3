// The voxelizer of the nmr-voxel32 protocol (Kato et al. 2018): which cells of a cubic grid a mesh
// touches or encloses.
#pragma once
#include <cmath>
#include <cstdint>

#include "common.h"

namespace nr3d {

template <class T>
struct VoxelizeParams {
  const T* vertices;     // [B, V, 3] finite; the cube [-0.5, 0.5]^3 fills the grid
  const int32_t* faces;  // [F, 3] vertex indices, each in [0, V)
  uint8_t* voxels;       // [B, R, R, R] out: 0 or 1, axes x, y, z
  int64_t num_meshes, num_vertices, num_faces;
  int resolution;  // R, at least 2
  bool fill;       // occupy what the shell encloses too
};

// The order in which each of the three passes takes the axes: a column runs along the last one.
struct PassAxes {
  int axis[3];
};
NR3D_HD PassAxes axes_of_pass(int pass) { return {{pass == 0 ? 2 : 0, pass == 1 ? 2 : 1, pass}}; }

// Mesh frame to grid: cell i is [i, i+1). The cube leaves half a cell free on each side.
template <class T>
NR3D_HD T to_grid(T coordinate, int resolution) {
  const T shrink = static_cast<T>(resolution - 1) / static_cast<T>(resolution);
  return (coordinate * shrink + static_cast<T>(0.5)) * static_cast<T>(resolution);
}

// The integers in [0, size) that lie between the smallest and the largest of three numbers.
struct GridRange {
  int first, last;
};
template <class T>
NR3D_HD GridRange grid_range(T a, T b, T c, int size) {
  const T low = a < b ? (a < c ? a : c) : (b < c ? b : c);
  const T high = a > b ? (a > c ? a : c) : (b > c ? b : c);
  if (!(high >= 0 && low <= static_cast<T>(size - 1))) return {0, -1};
  return {low <= 0 ? 0 : static_cast<int>(std::ceil(low)),
          high >= static_cast<T>(size - 1) ? size - 1 : static_cast<int>(std::floor(high))};
}

// A face as one pass sees it: columns stand on the points (u, v), w runs along them.
template <class T>
struct ColumnFace {
  T u, v, w;         // the first corner
  T u1, v1, w1;      // from the first corner to the second
  T u2, v2, w2;      // from the first corner to the third
  T det;             // twice the projected area, 0 for a face seen edge-on
  GridRange us, vs;  // the columns that can meet it
};

template <class T>
NR3D_HD ColumnFace<T> column_face(const T (&corners)[3][3], const int (&axes)[3], int resolution) {
  const int a = axes[0], b = axes[1], c = axes[2];
  ColumnFace<T> f;
  f.u = corners[0][a], f.v = corners[0][b], f.w = corners[0][c];
  f.u1 = corners[1][a] - f.u, f.v1 = corners[1][b] - f.v, f.w1 = corners[1][c] - f.w;
  f.u2 = corners[2][a] - f.u, f.v2 = corners[2][b] - f.v, f.w2 = corners[2][c] - f.w;
  f.det = f.v1 * f.u2 - f.v2 * f.u1;
  f.us = grid_range(corners[0][a], corners[1][a], corners[2][a], resolution);
  f.vs = grid_range(corners[0][b], corners[1][b], corners[2][b], resolution);
  return f;
}

// The cell along the column at (u, v) that the face crosses, or -1 where it meets none in the grid.
template <class T>
NR3D_HD int crossed_cell(const ColumnFace<T>& f, int u, int v, int resolution) {
  const T up = static_cast<T>(u) - f.u, vp = static_cast<T>(v) - f.v;
  const T t1 = (f.u2 * vp - f.v2 * up) / f.det;
  const T t2 = (f.v1 * up - f.u1 * vp) / f.det;
  const bool inside = t1 >= 0 && t2 >= 0 && t1 + t2 <= 1;  // false for NaN, and so det = 0
  const T w = t1 * f.w1 + t2 * f.w2 + f.w;
  return inside && w >= 0 && w < static_cast<T>(resolution) ? static_cast<int>(w) : -1;
}

}  // namespace nr3d
