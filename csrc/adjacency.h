// Which corners of the faces meet at each vertex, found on a CUDA device: who owns a vertex sums
// over its corners in a fixed order.
#pragma once
#include <cstdint>

#include "place.h"

namespace nr3d {

// Rows of different lengths, one for each vertex: [ends[v - 1], ends[v]) of `corners`.
struct Adjacency {
  uint32_t* ends;     // [V] where the rows end
  uint32_t* corners;  // [3F] 3 f + k for corner k of face f, ascending in each row
};

// Corners of faces, whose values are to be summed at the vertices.
template <class T>
struct CornerSums {
  const int32_t* faces;  // [F, 3]; what is out of range belongs to no vertex
  T* vertices;           // [rows, V, C] out; rows: M, or 1 for the sum over the meshes
  int64_t num_meshes, num_rows, num_faces, num_vertices, num_channels;
};

// The bytes of scratch memory that it takes.
template <class T>
int64_t corner_scratch(const CornerSums<T>& sums);

// The values, [M, F, 3, C] in scratch memory.
template <class T>
T* corner_values(const CornerSums<T>& sums, void* scratch);

// Sum up the values.
template <class T>
void sum_corners(const CornerSums<T>& sums, const CudaPlace& place);

}  // namespace nr3d
