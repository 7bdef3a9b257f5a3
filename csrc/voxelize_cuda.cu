#include "voxelize.h"

#include "ops.h"
#include "shares.h"
#include "voxel_bits.h"
#include "watch.h"

namespace nr3d {
namespace {

constexpr int kThreads = 256;
constexpr int kFloodThreads = 512;

__device__ void mark(const VoxelBits& bits, const int (&cell)[3], uint32_t* shell) {
  if (cell[0] < 0 || cell[1] < 0 || cell[2] < 0) return;
  atomicOr(shell + word_of(bits, cell[0], cell[1], cell[2] / 32), uint32_t(1) << cell[2] % 32);
}

// Mark the four cells around each grid point that the face covers in one projection, the columns
// shared by a warp.
template <class T>
__device__ void mark_columns(const ColumnFace<T>& f, const PassAxes& axes, const VoxelBits& bits,
                             uint32_t* shell) {
  if (f.det == 0 || f.us.last < f.us.first || f.vs.last < f.vs.first) return;
  const int num_v = f.vs.last - f.vs.first + 1;
  const int count = (f.us.last - f.us.first + 1) * num_v;
  for (int n = threadIdx.x % kWarpSize; n < count; n += kWarpSize) {
    const int u = f.us.first + n / num_v, v = f.vs.first + n % num_v;
    const int w = crossed_cell(f, u, v, bits.resolution);
    if (w < 0) continue;
#pragma unroll
    for (int corner = 0; corner < 4; ++corner) {
      int cell[3] = {w, w, w};
      cell[axes.axis[0]] = u - (corner & 1);
      cell[axes.axis[1]] = v - (corner >> 1);
      mark(bits, cell, shell);
    }
  }
}

template <class T>
__device__ void mark_corner(const T (&corner)[3], const VoxelBits& bits, uint32_t* shell) {
  const T end = static_cast<T>(bits.resolution);
  bool inside = true;
  for (int axis = 0; axis < 3; ++axis) inside &= corner[axis] >= 0 && corner[axis] < end;
  if (!inside) return;
  const int cell[3] = {static_cast<int>(corner[0]), static_cast<int>(corner[1]),
                       static_cast<int>(corner[2])};
  mark(bits, cell, shell);
}

// One warp for each face of each mesh.
template <class T>
__global__ void __launch_bounds__(kThreads)
    mark_faces(VoxelizeParams<T> p, VoxelBits bits, Fault* fault) {
  watch_vertices(p.vertices, p.num_meshes, p.num_vertices, fault);
  watch_faces(p.faces, p.num_faces, p.num_vertices, fault);
  const int64_t number = number_of_thread() / kWarpSize;
  if (number >= p.num_meshes * p.num_faces) return;
  const int64_t mesh = number / p.num_faces, face = number % p.num_faces;
  uint32_t* const shell = bits.shell + mesh * bits.words_of_mesh;
  T corners[3][3];
  for (int k = 0; k < 3; ++k) {
    const int64_t vertex = p.faces[3 * face + k];
    if (!is_inside(vertex, 0, p.num_vertices)) return;
    const T* from = p.vertices + 3 * (mesh * p.num_vertices + vertex);
    for (int axis = 0; axis < 3; ++axis) corners[k][axis] = to_grid(from[axis], p.resolution);
  }
  if (threadIdx.x % kWarpSize == 0) {
    for (int k = 0; k < 3; ++k) mark_corner(corners[k], bits, shell);
  }
#pragma unroll
  for (int pass = 0; pass < 3; ++pass) {
    const PassAxes axes = axes_of_pass(pass);
    mark_columns(column_face(corners, axes.axis, p.resolution), axes, bits, shell);
  }
}

// Let what is outside spread through the words of a line, and within each; one thread has the line.
// Whether it grew.
__device__ bool spread_along(const VoxelBits& bits, const uint32_t* shell, uint32_t* outside,
                             int64_t first, int64_t step) {
  uint32_t before = 0;
  bool grew = false;
  for (int n = 0; n < bits.resolution; ++n) {
    const int64_t i = first + n * step;
    const uint32_t now = outside[i], free = free_cells(bits, shell[i], i % bits.words_of_column);
    before = smear(now | (before & free), free);
    if (before == now) continue;
    outside[i] = before;
    grew = true;
  }
  return grew;
}

// The same from word to word of a column, both ways.
__device__ bool spread_in_column(const VoxelBits& bits, const uint32_t* shell, uint32_t* outside,
                                 int64_t first) {
  bool grew = false;
  for (int way = 1; way >= -1; way -= 2) {
    uint32_t carried = 0;
    for (int n = 0; n < bits.words_of_column; ++n) {
      const int word = way > 0 ? n : bits.words_of_column - 1 - n;
      const int64_t i = first + word;
      const uint32_t now = outside[i], free = free_cells(bits, shell[i], word);
      const uint32_t next = smear(now | (carried & free), free);
      carried = way > 0 ? next >> 31 : next << 31;
      if (next == now) continue;
      outside[i] = next;
      grew = true;
    }
  }
  return grew;
}

// Find what the shell does not enclose: one block for each mesh sweeps along the axes until nothing
// changes. In a sweep each line belongs to one thread.
__global__ void __launch_bounds__(kFloodThreads) flood(VoxelBits bits) {
  __shared__ int has_grown;
  const uint32_t* const shell = bits.shell + blockIdx.x * bits.words_of_mesh;
  uint32_t* const outside = bits.outside + blockIdx.x * bits.words_of_mesh;
  const int size = bits.resolution, words = bits.words_of_column;
  const int64_t y_step = words, x_step = int64_t(size) * words;
  for (int64_t i = threadIdx.x; i < bits.words_of_mesh; i += blockDim.x) {
    outside[i] = free_cells(bits, shell[i], i % words) & border_cells(bits, i);
  }
  for (bool goes_on = true; goes_on;) {
    bool grew = false;
    if (threadIdx.x == 0) has_grown = 0;
    __syncthreads();
    for (int64_t i = threadIdx.x; i < x_step; i += blockDim.x) {  // along y: x and word
      const int64_t first = i / words * x_step + i % words;
      grew |= spread_along(bits, shell, outside, first, y_step);
      grew |= spread_along(bits, shell, outside, first + (size - 1) * y_step, -y_step);
    }
    __syncthreads();
    for (int64_t i = threadIdx.x; i < x_step; i += blockDim.x) {  // along x: y and word
      grew |= spread_along(bits, shell, outside, i, x_step);
      grew |= spread_along(bits, shell, outside, i + (size - 1) * x_step, -x_step);
    }
    __syncthreads();
    for (int64_t i = threadIdx.x; words > 1 && i < size * size; i += blockDim.x) {
      grew |= spread_in_column(bits, shell, outside, i * words);
    }
    if (grew) has_grown = 1;
    __syncthreads();
    goes_on = has_grown != 0;
    __syncthreads();
  }
}

// One thread for each voxel.
__global__ void store(VoxelBits bits, int64_t count, bool fill, uint8_t* voxels) {
  const int64_t i = number_of_thread();
  if (i >= count) return;
  const int64_t column = i / bits.resolution;
  const int z = static_cast<int>(i % bits.resolution);
  const uint32_t* const words = (fill ? bits.outside : bits.shell) + column * bits.words_of_column;
  voxels[i] = (words[z / 32] >> z % 32 & 1) != (fill ? 1u : 0u);
}

}  // namespace

template <class T>
void voxelize_cuda(const VoxelizeParams<T>& p, const CudaPlace& place) {
  if (p.num_meshes == 0) return;
  const DeviceGuard guard(place.device);
  const VoxelBits bits = voxel_bits(p.num_meshes, p.resolution, place.scratch);
  const int64_t count = p.num_meshes * p.resolution * p.resolution * p.resolution;
  const int64_t num_faces = p.num_faces > 0 ? p.num_meshes * p.num_faces : 1;
  fill_bytes(bits.shell, 0, 4 * p.num_meshes * bits.words_of_mesh, place);
  NR3D_LAUNCH((mark_faces<T>), blocks_for(num_faces, kThreads / kWarpSize), kThreads, 0, place, p,
              bits, place.fault);
  if (p.fill) NR3D_LAUNCH(flood, dim3(p.num_meshes), kFloodThreads, 0, place, bits);
  NR3D_LAUNCH(store, blocks_for(count, kThreads), kThreads, 0, place, bits, count, p.fill,
              p.voxels);
}

template <class T>
int64_t voxelize_scratch(const VoxelizeParams<T>& p) {
  return 8 * p.num_meshes * voxel_bits(p.num_meshes, p.resolution, nullptr).words_of_mesh;
}

template void voxelize_cuda(const VoxelizeParams<float>&, const CudaPlace&);
template void voxelize_cuda(const VoxelizeParams<double>&, const CudaPlace&);
template int64_t voxelize_scratch(const VoxelizeParams<float>&);
template int64_t voxelize_scratch(const VoxelizeParams<double>&);

}  // namespace nr3d
