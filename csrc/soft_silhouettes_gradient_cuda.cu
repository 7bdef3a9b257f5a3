#include <algorithm>

#include "fixed_point.h"
#include "launch.h"
#include "ops.h"
#include "reduce.h"
#include "soft_faces.h"
#include "soft_silhouettes.h"

namespace nr3d {
namespace {

// What the kernels of one gradient share, in scratch memory that begins as zeros.
struct SoftSums {
  FixedPoint* grads;           // [M, V, 2] x and y, in units of distance
  unsigned long long* bounds;  // [M] bits of the largest gradient of a pixel

  SoftSums(void* memory, int64_t num_vertices)
      : grads(static_cast<FixedPoint*>(memory)), bounds(grads + 2 * num_vertices) {}
};

// What the faces of a pixel give together is less than 10 / sqrt(sigma) times its gradient: of one
// it is at most 2 d / sigma, with d^2 < 23.03 sigma, times the transparency and D; and
// those products sum to less than 1, the chance that exactly one of the faces covers the pixel.
template <class T>
__device__ double steps_of_mesh(const SoftScene<T>& scene, double grad) {
  const double num_pixels = static_cast<double>(scene.height) * scene.width;
  return steps_of(10.0 / std::sqrt(static_cast<double>(scene.sigma)) * grad * num_pixels);
}

__device__ inline double bound_of(const SoftSums& sums, int64_t mesh) {
  return __longlong_as_double(static_cast<long long>(sums.bounds[mesh]));
}

// Find the largest |gradient| of each mesh.
template <class T>
__global__ void find_bounds(SoftSilhouettesGradientParams<T> p, SoftSums sums,
                            unsigned blocks_of_mesh) {
  const int64_t mesh = blockIdx.x / blocks_of_mesh, block = blockIdx.x % blocks_of_mesh;
  const int64_t num_pixels = static_cast<int64_t>(p.scene.height) * p.scene.width;
  const T* grads = p.grad_silhouettes + mesh * num_pixels;
  double largest = 0.0;
  const int64_t stride = static_cast<int64_t>(blocks_of_mesh) * kSoftThreads;
  for (int64_t i = block * kSoftThreads + threadIdx.x; i < num_pixels; i += stride) {
    const double grad = std::fabs(static_cast<double>(grads[i]));
    largest = grad > largest || grad != grad ? grad : largest;
  }
  raise_bound(sums.bounds + mesh, largest);
}

// Faces are differentiated in slices of the rows where they are few.
struct SoftSlices {
  int count, rows;
};

// Let the pixels of a face in reach of it, shared out among the lanes, pull at its corners.
template <class T>
__device__ void pull_corners(const SoftSilhouettesGradientParams<T>& p, int64_t mesh,
                             const SoftFace<T>& f, T grads[6]) {
  const SoftScene<T>& scene = p.scene;
  const T inverse_sigma = T(1) / scene.sigma;
  const int num_columns = f.last_column - f.first_column + 1;
  const int64_t num_pixels = static_cast<int64_t>(f.last_row - f.first_row + 1) * num_columns;
  for (int64_t item = threadIdx.x % kWarpSize; item < num_pixels; item += kWarpSize) {
    const int64_t line = quotient(item, num_columns);
    const int row = f.first_row + static_cast<int>(line);
    const int column = f.first_column + static_cast<int>(item - line * num_columns);
    const int64_t at = (mesh * scene.height + scene.height - 1 - row) * scene.width + column;
    const T weight = p.transparency[at] * p.grad_silhouettes[at];
    if (weight == T(0)) continue;
    const NearestPoint<T> nearest = find_nearest(f, x_of(scene, column), y_of(scene, row));
    add_gradient(nearest, share_of(nearest, inverse_sigma), weight, inverse_sigma, grads);
  }
}

// A warp for each slice of each face of each mesh.
template <class T>
__global__ void __launch_bounds__(kSoftThreads)
    differentiate_faces(SoftSilhouettesGradientParams<T> p, SoftSums sums, SoftSlices slices,
                        Fault* fault) {
  const SoftScene<T>& scene = p.scene;
  const int lane = threadIdx.x % kWarpSize, warp = threadIdx.x / kWarpSize;
  const int64_t number = static_cast<int64_t>(blockIdx.x) * (kSoftThreads / kWarpSize) + warp;
  const int slice = static_cast<int>(number % slices.count);
  const int64_t face = number / slices.count % scene.num_faces;
  const int64_t mesh = number / slices.count / scene.num_faces;
  if (mesh >= scene.num_meshes) return;
  const double steps = steps_of_mesh(scene, bound_of(sums, mesh));
  if (steps == 0.0 || !is_readable(scene, mesh, face, fault)) return;
  const int first_row = slice * slices.rows;
  const int last_row = std::min(first_row + slices.rows, scene.height) - 1;
  SoftFace<T> f;
  if (!load_soft_face(scene, mesh, face, first_row, last_row, f)) return;
  T grads[6] = {};
  pull_corners(p, mesh, f, grads);
  for (int k = 0; k < 6; ++k) {
    const T sum = sum_of_warp(grads[k]);
    const int64_t vertex = mesh * scene.num_vertices + f.corners[k / 2];
    if (lane == k && sum != T(0)) add_fixed(sums.grads + 2 * vertex + k % 2, sum, steps);
  }
}

// Turn the sums into numbers. NaN where a gradient is not finite.
template <class T>
__global__ void store_grads(SoftSilhouettesGradientParams<T> p, SoftSums sums) {
  const SoftScene<T>& scene = p.scene;
  const int64_t vertex = static_cast<int64_t>(blockIdx.x) * kSoftThreads + threadIdx.x;
  if (vertex >= scene.num_meshes * scene.num_vertices) return;
  const double grad = bound_of(sums, vertex / scene.num_vertices);
  const double steps = steps_of_mesh(scene, grad);
  const double scales[2] = {static_cast<double>(aspect_of(scene)), 1.0};
  for (int axis = 0; axis < 2; ++axis) {
    const FixedPoint sum = sums.grads[2 * vertex + axis];
    const double value = steps > 0.0 ? number_of(sum, steps) * scales[axis] : grad - grad;
    p.grad_vertices[3 * vertex + axis] = static_cast<T>(value);
  }
  p.grad_vertices[3 * vertex + 2] = T(0);
}

template <class T>
SoftSlices slices_of(const SoftScene<T>& scene) {
  constexpr int64_t kWarpsWanted = 8192;  // to keep a large device busy
  constexpr int kLeastRows = 8;
  const int64_t wanted = kWarpsWanted / (scene.num_meshes * scene.num_faces) + 1;
  const int64_t most = (scene.height + kLeastRows - 1) / kLeastRows;
  const int count = static_cast<int>(std::min(wanted, most));
  return {count, (scene.height + count - 1) / count};
}

}  // namespace

template <class T>
void soft_silhouettes_gradient_cuda(const SoftSilhouettesGradientParams<T>& p,
                                    const CudaPlace& place) {
  constexpr int64_t kMostBlocks = 64;  // of a mesh
  const SoftScene<T>& scene = p.scene;
  const int64_t num_vertices = scene.num_meshes * scene.num_vertices;
  if (num_vertices == 0) return;
  const DeviceGuard guard(place.device);
  const SoftSums sums(place.scratch, num_vertices);
  fill_bytes(place.scratch, 0, soft_silhouettes_gradient_scratch(p), place);
  const int64_t num_pixels = static_cast<int64_t>(scene.height) * scene.width;
  const auto blocks = static_cast<unsigned>(
      std::min((num_pixels + 4 * kSoftThreads - 1) / (4 * kSoftThreads), kMostBlocks));
  NR3D_LAUNCH((find_bounds<T>), dim3(static_cast<unsigned>(scene.num_meshes) * blocks),
              kSoftThreads, 0, place, p, sums, blocks);
  const SoftSlices slices = slices_of(scene);
  const int64_t num_warps = scene.num_meshes * scene.num_faces * slices.count;
  NR3D_LAUNCH((differentiate_faces<T>), blocks_for(num_warps * kWarpSize), kSoftThreads, 0, place,
              p, sums, slices, place.fault);
  NR3D_LAUNCH((store_grads<T>), blocks_for(num_vertices), kSoftThreads, 0, place, p, sums);
}

template <class T>
int64_t soft_silhouettes_gradient_scratch(const SoftSilhouettesGradientParams<T>& p) {
  const SoftScene<T>& scene = p.scene;
  return scene.num_meshes * (2 * scene.num_vertices + 1) * static_cast<int64_t>(sizeof(FixedPoint));
}

template void soft_silhouettes_gradient_cuda(const SoftSilhouettesGradientParams<float>&,
                                             const CudaPlace&);
template void soft_silhouettes_gradient_cuda(const SoftSilhouettesGradientParams<double>&,
                                             const CudaPlace&);
template int64_t soft_silhouettes_gradient_scratch(const SoftSilhouettesGradientParams<float>&);
template int64_t soft_silhouettes_gradient_scratch(const SoftSilhouettesGradientParams<double>&);

}  // namespace nr3d
