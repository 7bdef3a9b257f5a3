#include "rasterize.h"

#include <algorithm>

#include "depth_key.h"
#include "launch.h"
#include "ops.h"

namespace nr3d {
namespace {

// A warp draws 32 neighbouring faces of a mesh in a slice of the rows: each lane prepares one face,
// then the pixels of all their bounding boxes, one after the other, are shared out among the lanes.
struct Slices {
  int64_t num_chunks;  // of 32 faces, of a mesh
  int num_slices, rows_of_slice;
  int64_t num_warps;
};

// A face ready to be drawn: its bounding box has `num_pixels` pixels, none where it is not drawn.
template <class T>
struct Prepared {
  RasterFace<T> f;
  int32_t face;  // in [0, 2F)
  int first_row, first_column, num_columns;
};

template <class T>
constexpr int kWarps = sizeof(T) == 4 ? 8 : 4;  // of a block

// The faces of one warp, in shared memory.
template <class T>
struct FacesOfWarp {
  Prepared<T> faces[kWarpSize];
  int ends[kWarpSize];  // sums of the numbers of pixels up to each face
};

// Read a face of `mesh`; false, and a complaint, where that cannot be done.
template <class T>
__device__ bool read_face(const RasterizeParams<T>& p, int64_t mesh, int64_t face, Fault* fault) {
  for (int k = 0; k < 3; ++k) {
    const int32_t vertex = p.faces[3 * face + k];
    if (vertex < 0 || vertex >= p.num_vertices) {
      complain(fault, Argument::kFaces, face, k, -1, vertex, 0, p.num_vertices);
      return false;
    }
    const int64_t row = mesh * p.num_vertices + vertex;
    for (int axis = 0; axis < 3; ++axis) {
      const T value = p.vertices[3 * row + axis];
      if (value - value == T(0)) continue;
      complain(fault, Argument::kVertices, mesh, vertex, axis, value, 0, 0);
      return false;
    }
  }
  return true;
}

// Prepare a face for the rows of a slice; gives the number of pixels of its bounding box there.
template <class T>
__device__ int prepare_face(const RasterizeParams<T>& p, int64_t mesh, int64_t face, int first_row,
                            int last_row, Fault* fault, Prepared<T>& prepared) {
  if (!read_face(p, mesh, face, fault)) return 0;
  const T* vertices = p.vertices + 3 * mesh * p.num_vertices;
  RasterFace<T>& f = prepared.f;
  prepared.face = static_cast<int32_t>(face);
  if (!load_face(vertices, p.faces, p.num_faces, face, f)) {
    if (!p.fill_back) return 0;
    prepared.face += static_cast<int32_t>(p.num_faces);
    if (!load_face(vertices, p.faces, p.num_faces, prepared.face, f)) return 0;
  }
  const PixelRange<T> rows = pixel_range(f.y, p.height, first_row, last_row);
  const PixelRange<T> columns = pixel_range(f.x, p.width, 0, p.width - 1);
  if (rows.first > rows.last || columns.first > columns.last) return 0;
  set_weights(f, p.height, p.width);
  prepared.first_row = static_cast<int>(rows.first);
  prepared.first_column = static_cast<int>(columns.first);
  prepared.num_columns = static_cast<int>(columns.last) - prepared.first_column + 1;
  return (static_cast<int>(rows.last) - prepared.first_row + 1) * prepared.num_columns;
}

// Offer the face to pixel number `pixel` of its bounding box.
template <int kPass, class T>
__device__ void draw_pixel(const RasterizeParams<T>& p, const KeyBuffer<T>& buffer, int64_t mesh,
                           const Prepared<T>& prepared, int pixel) {
  const int row = prepared.first_row + pixel / prepared.num_columns;
  const int column = prepared.first_column + pixel % prepared.num_columns;
  const RasterFace<T>& f = prepared.f;
  const T i = static_cast<T>(column), j = static_cast<T>(row);
  if (!covers(f, centre_of(i, p.width), centre_of(j, p.height))) return;
  T w[3];
  weights_at(f, i, j, w);
  const T z = depth_at(w, f.z);
  if (!(z > p.near && z < p.far)) return;
  const int64_t at = (mesh * p.height + p.height - 1 - row) * p.width + column;
  buffer.template offer<kPass>(at, z, prepared.face);
}

template <int kPass, class T>
__global__ void __launch_bounds__(32 * kWarps<T>)
    draw_faces(RasterizeParams<T> p, Slices slices, KeyBuffer<T> buffer, Fault* fault) {
  __shared__ FacesOfWarp<T> room[kWarps<T>];
  const int lane = threadIdx.x % kWarpSize, warp = threadIdx.x / kWarpSize;
  const int64_t number = static_cast<int64_t>(blockIdx.x) * kWarps<T> + warp;
  if (number >= slices.num_warps) return;
  FacesOfWarp<T>& own = room[warp];
  const int64_t mesh = number / (slices.num_slices * slices.num_chunks);
  const int slice = static_cast<int>(number / slices.num_chunks % slices.num_slices);
  const int64_t face = number % slices.num_chunks * kWarpSize + lane;
  const int first_row = slice * slices.rows_of_slice;
  const int last_row = std::min(first_row + slices.rows_of_slice, p.height) - 1;
  int end = 0;
  if (face < p.num_faces) {
    end = prepare_face(p, mesh, face, first_row, last_row, fault, own.faces[lane]);
  }
  for (int by = 1; by < kWarpSize; by *= 2) {
    const int before = __shfl_up_sync(kWholeWarp, end, by);
    if (lane >= by) end += before;
  }
  own.ends[lane] = end;
  __syncwarp();
  const int total = __shfl_sync(kWholeWarp, end, kWarpSize - 1);
  for (int item = lane; item < total; item += kWarpSize) {
    int owner = 0;  // the first face whose pixels end beyond the item
    for (int step = kWarpSize / 2; step > 0; step /= 2) {
      if (own.ends[owner + step - 1] <= item) owner += step;
    }
    const int begin = owner == 0 ? 0 : own.ends[owner - 1];
    draw_pixel<kPass>(p, buffer, mesh, own.faces[owner], item - begin);
  }
}

// One thread for each block of factor x factor pixels.
template <class T>
__global__ void store_faces(RasterizeParams<T> p, KeyBuffer<T> buffer, int64_t num_blocks) {
  const int64_t number = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (number >= num_blocks) return;
  const int width = p.width / p.factor;
  const int64_t line = quotient(number, width), column = number - line * width;
  const int64_t first = (line * p.width + column) * p.factor;
  int covered = 0;
  for (int row = 0; row < p.factor; ++row) {
    for (int column = 0; column < p.factor; ++column) {
      const int64_t pixel = first + static_cast<int64_t>(row) * p.width + column;
      const int32_t face = buffer.face(pixel);
      covered += face >= 0;
      if (p.face_index) {
        p.face_index[pixel] = face;
      } else {
        p.short_face_index[pixel] = static_cast<int16_t>(face);
      }
    }
  }
  if (p.silhouettes) p.silhouettes[number] = T(1) / (p.factor * p.factor) * static_cast<T>(covered);
}

// One thread for each pixel: its exact depth and weights.
template <class T>
__global__ void store_depths(RasterizeParams<T> p, KeyBuffer<T> buffer, int64_t num_pixels) {
  const int64_t pixel = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (pixel >= num_pixels) return;
  const int32_t face = buffer.face(pixel);
  T depth = p.far, w[3] = {T(0), T(0), T(0)};
  if (face >= 0) {
    const int64_t line = quotient(pixel, p.width), mesh = quotient(line, p.height);
    const T* vertices = p.vertices + 3 * mesh * p.num_vertices;
    RasterFace<T> f;
    load_face(vertices, p.faces, p.num_faces, face, f);
    set_weights(f, p.height, p.width);
    weights_at(f, static_cast<T>(pixel % p.width), static_cast<T>(p.height - 1 - line % p.height),
               w);
    depth = depth_at(w, f.z);
  }
  p.depth[pixel] = depth;
  for (int k = 0; k < 3; ++k) p.weights[3 * pixel + k] = w[k];
}

template <class T>
Slices slices_of(const RasterizeParams<T>& p) {
  constexpr int64_t kWarpsWanted = 8192;  // to keep a large device busy
  constexpr int kLeastRows = 8;
  constexpr int kMostPixels = (1 << 26) - 1;  // of a slice: 32 faces' are counted in an int
  Slices slices;
  slices.num_chunks = (p.num_faces + kWarpSize - 1) / kWarpSize;
  const int64_t wanted = kWarpsWanted / (p.num_meshes * slices.num_chunks) + 1;
  const int64_t most = (p.height + kLeastRows - 1) / kLeastRows;
  const int64_t count = std::min(wanted, most);
  const int rows = static_cast<int>((p.height + count - 1) / count);
  slices.rows_of_slice = std::max(1, std::min(rows, kMostPixels / p.width));
  slices.num_slices = (p.height + slices.rows_of_slice - 1) / slices.rows_of_slice;
  slices.num_warps = p.num_meshes * slices.num_chunks * slices.num_slices;
  return slices;
}

template <class T>
int64_t num_pixels(const RasterizeParams<T>& p) {
  return p.num_meshes * p.height * p.width;
}

}  // namespace

template <class T>
void rasterize_cuda(const RasterizeParams<T>& p, const CudaPlace& place) {
  constexpr int kThreads = 256;
  const DeviceGuard guard(place.device);
  const KeyBuffer<T> buffer(place.scratch, num_pixels(p));
  fill_bytes(place.scratch, 0xff, rasterize_scratch(p), place);
  const Slices slices = slices_of(p);
  const dim3 blocks(static_cast<unsigned>((slices.num_warps + kWarps<T> - 1) / kWarps<T>));
  NR3D_LAUNCH((draw_faces<0, T>), blocks, 32 * kWarps<T>, 0, place, p, slices, buffer, place.fault);
  if (KeyBuffer<T>::kPasses == 2) {
    NR3D_LAUNCH((draw_faces<1, T>), blocks, 32 * kWarps<T>, 0, place, p, slices, buffer,
                place.fault);
  }
  const int64_t num_blocks = num_pixels(p) / (p.factor * p.factor);
  NR3D_LAUNCH((store_faces<T>), dim3(static_cast<unsigned>((num_blocks + kThreads - 1) / kThreads)),
              kThreads, 0, place, p, buffer, num_blocks);
  if (!p.depth) return;
  NR3D_LAUNCH((store_depths<T>),
              dim3(static_cast<unsigned>((num_pixels(p) + kThreads - 1) / kThreads)), kThreads, 0,
              place, p, buffer, num_pixels(p));
}

template <class T>
int64_t rasterize_scratch(const RasterizeParams<T>& p) {
  return KeyBuffer<T>::num_bytes(num_pixels(p));
}

template void rasterize_cuda(const RasterizeParams<float>&, const CudaPlace&);
template void rasterize_cuda(const RasterizeParams<double>&, const CudaPlace&);
template int64_t rasterize_scratch(const RasterizeParams<float>&);
template int64_t rasterize_scratch(const RasterizeParams<double>&);

}  // namespace nr3d
