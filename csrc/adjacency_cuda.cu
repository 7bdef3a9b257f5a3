#include "adjacency.h"

#include "reduce.h"
#include "shares.h"

namespace nr3d {
namespace {

constexpr int kThreads = 256;
constexpr int kScanThreads = 1024;

struct Faces {
  const int32_t* corners;  // [F, 3]
  int64_t num_corners, num_vertices;

  __device__ bool has(int64_t vertex) const { return vertex >= 0 && vertex < num_vertices; }
};

__global__ void count_corners(Faces faces, uint32_t* counts) {
  const int64_t i = number_of_thread();
  if (i >= faces.num_corners || !faces.has(faces.corners[i])) return;
  atomicAdd(counts + faces.corners[i], uint32_t(1));
}

// Counts become the sums of those before. One block: each thread has a stretch of vertices.
__global__ void __launch_bounds__(kScanThreads)
    find_begins(uint32_t* counts, int64_t num_vertices) {
  __shared__ uint32_t sums[kScanThreads];
  const int64_t length = (num_vertices + kScanThreads - 1) / kScanThreads;
  const int64_t first = threadIdx.x * length;
  const int64_t end = first + length < num_vertices ? first + length : num_vertices;
  uint32_t sum = 0;
  for (int64_t v = first; v < end; ++v) sum += counts[v];
  sums[threadIdx.x] = sum;
  __syncthreads();
  for (unsigned by = 1; by < kScanThreads; by *= 2) {
    const uint32_t before = threadIdx.x >= by ? sums[threadIdx.x - by] : 0;
    __syncthreads();
    sums[threadIdx.x] += before;
    __syncthreads();
  }
  uint32_t begin = sums[threadIdx.x] - sum;
  for (int64_t v = first; v < end; ++v) {
    const uint32_t count = counts[v];
    counts[v] = begin;
    begin += count;
  }
}

// Write each corner to the row of its vertex; where rows began becomes where they end.
__global__ void list_corners(Faces faces, Adjacency adjacency) {
  const int64_t i = number_of_thread();
  if (i >= faces.num_corners || !faces.has(faces.corners[i])) return;
  const uint32_t place = atomicAdd(adjacency.ends + faces.corners[i], uint32_t(1));
  adjacency.corners[place] = static_cast<uint32_t>(i);
}

// Shell sort: of the few corners that most vertices have, an insertion sort.
__device__ void sort_row(uint32_t* row, int64_t count) {
  int64_t gap = 1;
  while (gap < count / 9) gap = 3 * gap + 1;
  for (; gap > 0; gap /= 3) {
    for (int64_t i = gap; i < count; ++i) {
      const uint32_t value = row[i];
      int64_t to = i;
      for (; to >= gap && row[to - gap] > value; to -= gap) row[to] = row[to - gap];
      row[to] = value;
    }
  }
}

__global__ void sort_rows(Adjacency adjacency, int64_t num_vertices) {
  const int64_t v = number_of_thread();
  if (v >= num_vertices) return;
  const uint32_t begin = v > 0 ? adjacency.ends[v - 1] : 0;
  sort_row(adjacency.corners + begin, adjacency.ends[v] - begin);
}

// The sum over the corners of vertex v that every step-th mesh gives to channel c.
template <class T>
__device__ T sum_of_vertex(const CornerSums<T>& p, const Adjacency& adjacency, const T* values,
                           int64_t v, int64_t c, int64_t first, int64_t end, int64_t step) {
  const uint32_t begin = v > 0 ? adjacency.ends[v - 1] : 0, last = adjacency.ends[v];
  T sum = T(0);
  for (int64_t mesh = first; mesh < end; mesh += step) {
    const T* corners = values + mesh * p.num_faces * 3 * p.num_channels + c;
    for (uint32_t n = begin; n < last; ++n) {
      sum += corners[static_cast<int64_t>(adjacency.corners[n]) * p.num_channels];
    }
  }
  return sum;
}

// One thread for each number of the result.
template <class T>
__global__ void sum_meshes_apart(CornerSums<T> p, Adjacency adjacency, const T* values) {
  const int64_t i = number_of_thread(), size = p.num_vertices * p.num_channels;
  if (i >= p.num_meshes * size) return;
  const int64_t mesh = i / size, v = i % size / p.num_channels, c = i % p.num_channels;
  p.vertices[i] = sum_of_vertex(p, adjacency, values, v, c, mesh, mesh + 1, 1);
}

// One warp for each number of the result, which all meshes give to.
template <class T>
__global__ void sum_meshes(CornerSums<T> p, Adjacency adjacency, const T* values) {
  const int64_t i = number_of_thread() / kWarpSize;
  const int lane = threadIdx.x % kWarpSize;
  if (i >= p.num_vertices * p.num_channels) return;
  const T sum = sum_of_warp(sum_of_vertex(p, adjacency, values, i / p.num_channels,
                                          i % p.num_channels, lane, p.num_meshes, kWarpSize));
  if (lane == 0) p.vertices[i] = sum;
}

int64_t whole_lines(int64_t bytes) { return (bytes + 255) / 256 * 256; }

Adjacency find_adjacency(const Faces& faces, void* memory, const CudaPlace& place) {
  char* const bytes = static_cast<char*>(memory);
  const Adjacency adjacency{
      reinterpret_cast<uint32_t*>(bytes),
      reinterpret_cast<uint32_t*>(bytes + whole_lines(4 * faces.num_vertices))};
  const dim3 grid = blocks_for(faces.num_corners, kThreads);
  fill_bytes(adjacency.ends, 0, 4 * faces.num_vertices, place);
  NR3D_LAUNCH(count_corners, grid, kThreads, 0, place, faces, adjacency.ends);
  NR3D_LAUNCH(find_begins, 1, kScanThreads, 0, place, adjacency.ends, faces.num_vertices);
  NR3D_LAUNCH(list_corners, grid, kThreads, 0, place, faces, adjacency);
  NR3D_LAUNCH(sort_rows, blocks_for(faces.num_vertices, kThreads), kThreads, 0, place, adjacency,
              faces.num_vertices);
  return adjacency;
}

template <class T>
int64_t adjacency_bytes(const CornerSums<T>& sums) {
  return whole_lines(4 * sums.num_vertices) + whole_lines(12 * sums.num_faces);
}

}  // namespace

template <class T>
int64_t corner_scratch(const CornerSums<T>& sums) {
  const int64_t count = 3 * sums.num_meshes * sums.num_faces * sums.num_channels;
  return adjacency_bytes(sums) + count * static_cast<int64_t>(sizeof(T));
}

template <class T>
T* corner_values(const CornerSums<T>& sums, void* scratch) {
  return reinterpret_cast<T*>(static_cast<char*>(scratch) + adjacency_bytes(sums));
}

template <class T>
void sum_corners(const CornerSums<T>& sums, const CudaPlace& place) {
  const int64_t size = sums.num_vertices * sums.num_channels;
  if (sums.num_rows * size * sums.num_faces == 0) return;
  const Faces faces{sums.faces, 3 * sums.num_faces, sums.num_vertices};
  const Adjacency adjacency = find_adjacency(faces, place.scratch, place);
  const T* const values = corner_values(sums, place.scratch);
  if (sums.num_rows == sums.num_meshes) {
    NR3D_LAUNCH((sum_meshes_apart<T>), blocks_for(sums.num_meshes * size, kThreads), kThreads, 0,
                place, sums, adjacency, values);
  } else {
    NR3D_LAUNCH((sum_meshes<T>), blocks_for(size * kWarpSize, kThreads), kThreads, 0, place, sums,
                adjacency, values);
  }
}

template int64_t corner_scratch(const CornerSums<float>&);
template int64_t corner_scratch(const CornerSums<double>&);
template float* corner_values(const CornerSums<float>&, void*);
template double* corner_values(const CornerSums<double>&, void*);
template void sum_corners(const CornerSums<float>&, const CudaPlace&);
template void sum_corners(const CornerSums<double>&, const CudaPlace&);

}  // namespace nr3d
