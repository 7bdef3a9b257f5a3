#include "soft_silhouettes.h"

#include "launch.h"
#include "ops.h"
#include "soft_faces.h"

namespace nr3d {
namespace {

// Pixels, both ends included; none where last_row < first_row. Row 0 is the bottom.
struct Rectangle {
  int first_row, last_row, first_column, last_column;
};
__device__ inline bool overlap(const Rectangle& a, const Rectangle& b) {
  return a.first_row <= b.last_row && b.first_row <= a.last_row &&
         a.first_column <= b.last_column && b.first_column <= a.last_column;
}

// One thread for each face of each mesh: find the pixels in its reach.
template <class T>
__global__ void find_rectangles(SoftScene<T> scene, Rectangle* rectangles, Fault* fault) {
  const int64_t number = static_cast<int64_t>(blockIdx.x) * kSoftThreads + threadIdx.x;
  if (number >= scene.num_meshes * scene.num_faces) return;
  const int64_t mesh = number / scene.num_faces, face = number % scene.num_faces;
  Rectangle found{0, -1, 0, -1};
  SoftFace<T> f;
  if (is_readable(scene, mesh, face, fault) &&
      load_soft_face(scene, mesh, face, 0, scene.height - 1, f)) {
    found = {f.first_row, f.last_row, f.first_column, f.last_column};
  }
  rectangles[number] = found;
}

// An image is drawn by blocks of threads, one for each tile of 16 x 16 pixels; each warp has 4 rows
// of 8 of them.
constexpr int kTile = 16, kWarpRows = 4, kWarpColumns = 8;

struct Tile {
  int64_t mesh;
  Rectangle of_block, of_warp;
  int row, column;  // of the thread's pixel
};

__device__ inline Tile tile_of_thread(int tiles_of_row, int tiles_of_mesh) {
  const int lane = threadIdx.x % kWarpSize, warp = threadIdx.x / kWarpSize;
  const int number = static_cast<int>(blockIdx.x % tiles_of_mesh);
  Tile tile;
  tile.mesh = blockIdx.x / tiles_of_mesh;
  const int row = number / tiles_of_row * kTile, column = number % tiles_of_row * kTile;
  tile.of_block = {row, row + kTile - 1, column, column + kTile - 1};
  const int warp_row = row + warp / 2 * kWarpRows, warp_column = column + warp % 2 * kWarpColumns;
  tile.of_warp = {warp_row, warp_row + kWarpRows - 1, warp_column, warp_column + kWarpColumns - 1};
  tile.row = warp_row + lane / kWarpColumns;
  tile.column = warp_column + lane % kWarpColumns;
  return tile;
}

// The number of threads of the block before this one that keep something; all of them in `total`.
__device__ inline int place_in_block(bool keeps, int* counts, int& total) {
  const int lane = threadIdx.x % kWarpSize, warp = threadIdx.x / kWarpSize;
  const unsigned keepers = __ballot_sync(kWholeWarp, keeps);
  if (lane == 0) counts[warp] = __popc(keepers);
  __syncthreads();
  int place = __popc(keepers & ((1u << lane) - 1));
  total = 0;
  for (int w = 0; w < kSoftThreads / kWarpSize; ++w) {
    if (w < warp) place += counts[w];
    total += counts[w];
  }
  return place;
}

// Cover the thread's pixel by a face that reaches its warp.
template <class T>
__device__ T cover_pixel(const SoftFace<T>& f, const Tile& tile, T x, T y, T inverse_sigma,
                         T transparency) {
  const bool in_reach = tile.row >= f.first_row && tile.row <= f.last_row &&
                        tile.column >= f.first_column && tile.column <= f.last_column;
  if (!in_reach || transparency == T(0)) return transparency;
  return cover(share_of(find_nearest(f, x, y), inverse_sigma), transparency);
}

// The block goes through the faces in their order, as many at a time as it has threads: those that
// reach the tile are prepared in shared memory, then all pixels go through them.
template <class T>
__global__ void __launch_bounds__(kSoftThreads)
    draw_tiles(SoftSilhouettesParams<T> p, const Rectangle* rectangles, int tiles_of_row,
               int tiles_of_mesh) {
  __shared__ SoftFace<T> faces[kSoftThreads];
  __shared__ int counts[kSoftThreads / kWarpSize];
  const SoftScene<T>& scene = p.scene;
  const Tile tile = tile_of_thread(tiles_of_row, tiles_of_mesh);
  const T x = x_of(scene, tile.column), y = y_of(scene, tile.row);
  const T inverse_sigma = T(1) / scene.sigma;
  T transparency = T(1);
  for (int64_t first = 0; first < scene.num_faces; first += kSoftThreads) {
    const int64_t face = first + threadIdx.x;
    const bool reaches = face < scene.num_faces &&
                         overlap(rectangles[tile.mesh * scene.num_faces + face], tile.of_block);
    int total;
    // Nobody goes on from here before all have left the faces of the last round.
    const int place = place_in_block(reaches, counts, total);
    if (reaches) load_soft_face(scene, tile.mesh, face, 0, scene.height - 1, faces[place]);
    __syncthreads();
    for (int i = 0; i < total; ++i) {
      const SoftFace<T>& f = faces[i];
      if (!overlap({f.first_row, f.last_row, f.first_column, f.last_column}, tile.of_warp)) {
        continue;
      }
      transparency = cover_pixel(f, tile, x, y, inverse_sigma, transparency);
    }
  }
  if (tile.row >= scene.height || tile.column >= scene.width) return;
  const int64_t line = tile.mesh * scene.height + scene.height - 1 - tile.row;
  p.transparency[line * scene.width + tile.column] = transparency;
  p.silhouettes[line * scene.width + tile.column] = T(1) - transparency;
}

}  // namespace

template <class T>
void soft_silhouettes_cuda(const SoftSilhouettesParams<T>& p, const CudaPlace& place) {
  const SoftScene<T>& scene = p.scene;
  const DeviceGuard guard(place.device);
  auto* rectangles = static_cast<Rectangle*>(place.scratch);
  NR3D_LAUNCH((find_rectangles<T>), blocks_for(scene.num_meshes * scene.num_faces), kSoftThreads, 0,
              place, scene, rectangles, place.fault);
  const int tiles_of_row = (scene.width + kTile - 1) / kTile;
  const int tiles_of_mesh = (scene.height + kTile - 1) / kTile * tiles_of_row;
  NR3D_LAUNCH((draw_tiles<T>), dim3(static_cast<unsigned>(scene.num_meshes * tiles_of_mesh)),
              kSoftThreads, 0, place, p, rectangles, tiles_of_row, tiles_of_mesh);
}

template <class T>
int64_t soft_silhouettes_scratch(const SoftSilhouettesParams<T>& p) {
  return p.scene.num_meshes * p.scene.num_faces * static_cast<int64_t>(sizeof(Rectangle));
}

template void soft_silhouettes_cuda(const SoftSilhouettesParams<float>&, const CudaPlace&);
template void soft_silhouettes_cuda(const SoftSilhouettesParams<double>&, const CudaPlace&);
template int64_t soft_silhouettes_scratch(const SoftSilhouettesParams<float>&);
template int64_t soft_silhouettes_scratch(const SoftSilhouettesParams<double>&);

}  // namespace nr3d
