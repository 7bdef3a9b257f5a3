#include "sample_cubes.h"

#include "face_pixels.h"
#include "ops.h"

namespace nr3d {
namespace {

constexpr int kThreads = 256;
constexpr int kCubeThreads = 128;
constexpr int kCubeWarps = kCubeThreads / kWarpSize;  // each has a cube
constexpr int kChannels = 4;                          // of 8 texels: one for each lane

// One thread for each pixel.
template <class T>
__global__ void sample_pixels(SampleCubesParams<T> p, Fault* fault) {
  const Fragments<T>& seen = p.seen;
  watch_fragments(seen, fault);
  const int64_t at = number_of_thread(), plane = num_pixels(seen);
  if (at >= seen.num_meshes * plane) return;
  const int64_t mesh = at / plane, face = seen.face_index[at];
  T* image = p.image + mesh * p.num_channels * plane + at % plane;
  if (!is_drawable(seen, face)) {
    for (int64_t c = 0; c < p.num_channels; ++c) image[c * plane] = T(0);
    return;
  }
  const int64_t cube_size = p.side * p.side * p.side * p.num_channels;
  const int64_t row = p.num_rows > 1 ? mesh : 0;
  const int64_t front = face < seen.num_faces ? face : face - seen.num_faces;
  const T* cube = p.cubes + (row * seen.num_faces + front) * cube_size;
  const Texels<T> texels = texels_of(seen, mesh, at, face, p.side, p.eps);
  for (int64_t c = 0; c < p.num_channels; ++c) {
    T sum = T(0);
    for (int n = 0; n < 8; ++n) sum += texels.weight[n] * cube[texels.at[n] * p.num_channels + c];
    image[c * plane] = sum;
  }
}

// What the lanes of a warp know of their pixels, for all of them. Columns belong to lanes.
template <class T>
struct Stage {
  T weights[8][kWarpSize + 1], grads[kChannels][kWarpSize + 1];
  int64_t texels[8][kWarpSize + 1];  // -1: not to be added to
};

template <class T>
__device__ void stage_texels(const Texels<T>& texels, int lane, Stage<T>& stage) {
#pragma unroll
  for (int n = 0; n < 8; ++n) {
    stage.weights[n][lane] = texels.weight[n];
    stage.texels[n][lane] = is_repeated(texels, n) ? -1 : texels.at[n];
  }
}

// Add to a cube what the pixels of the lanes in `shown` give to a few channels, one pixel after
// another: each lane owns a texel of the eight, and a channel.
template <class T>
__device__ void add_staged(const Stage<T>& stage, unsigned shown, int lane, int64_t num_channels,
                           int64_t first, T* cube) {
  const int n = lane / kChannels, c = lane % kChannels;
  for (; shown != 0; shown &= shown - 1) {
    const int pixel = __ffs(static_cast<int>(shown)) - 1;
    const int64_t texel = stage.texels[n][pixel];
    if (texel >= 0 && first + c < num_channels) {
      cube[texel * num_channels + first + c] += stage.weights[n][pixel] * stage.grads[c][pixel];
    }
    __syncwarp();  // the next pixel may give to the same place by another lane
  }
}

// Add what the pixels of one mesh give to the cube of a face.
template <class T>
__device__ void add_mesh(const SampleCubesGradientParams<T>& p, const SeenFace<T>& own, int lane,
                         Stage<T>& stage, T* cube) {
  const Fragments<T>& seen = p.seen;
  const int64_t plane = num_pixels(seen);
  for (unsigned n = lane; n - lane < own.count; n += kWarpSize) {
    const int64_t pixel = n < own.count ? pixel_of(seen, own, n) : 0;
    const bool shows = n < own.count && seen.face_index[pixel] == own.face;
    const unsigned shown = __ballot_sync(kWholeWarp, shows);
    if (shown == 0) continue;
    if (shows) {
      stage_texels(texels_of(seen, own.mesh, pixel, own.face, p.side, p.eps), lane, stage);
    }
    for (int64_t first = 0; first < p.num_channels; first += kChannels) {
      const T* grad_image =
          p.grad_image + (own.mesh * (p.num_channels - 1) + first) * plane + pixel;
      for (int c = 0; c < kChannels; ++c) {
        if (shows && first + c < p.num_channels) stage.grads[c][lane] = grad_image[c * plane];
      }
      __syncwarp();
      add_staged(stage, shown, lane, p.num_channels, first, cube);
    }
  }
}

// One warp for each cube: it goes through the meshes that the cube serves.
template <class T>
__global__ void __launch_bounds__(kCubeThreads)
    differentiate_cubes(SampleCubesGradientParams<T> p, Fault* fault) {
  __shared__ Stage<T> stages[kCubeWarps];
  const Fragments<T>& seen = p.seen;
  watch_fragments(seen, fault);
  const int warp = threadIdx.x / kWarpSize, lane = threadIdx.x % kWarpSize;
  const int64_t number = static_cast<int64_t>(blockIdx.x) * kCubeWarps + warp;
  if (number >= p.num_rows * seen.num_faces) return;
  const int64_t row = number / seen.num_faces, face = number % seen.num_faces;
  T* cube = p.grad_cubes + number * p.side * p.side * p.side * p.num_channels;
  const int64_t end = p.num_rows > 1 ? row + 1 : seen.num_meshes;
  for (int64_t mesh = row; mesh < end; ++mesh) {
    add_mesh(p, seen_face(seen, mesh, face), lane, stages[warp], cube);
  }
}

}  // namespace

template <class T>
void sample_cubes_cuda(const SampleCubesParams<T>& p, const CudaPlace& place) {
  const int64_t count = p.seen.num_meshes * num_pixels(p.seen);
  if (count == 0) return;
  const DeviceGuard guard(place.device);
  NR3D_LAUNCH((sample_pixels<T>), blocks_for(count, kThreads), kThreads, 0, place, p, place.fault);
}

template <class T>
void sample_cubes_gradient_cuda(const SampleCubesGradientParams<T>& p, const CudaPlace& place) {
  const Fragments<T>& seen = p.seen;
  const DeviceGuard guard(place.device);
  const int64_t num_cubes = p.num_rows * seen.num_faces;
  const int64_t size = num_cubes * p.side * p.side * p.side * p.num_channels;
  fill_bytes(p.grad_cubes, 0, size * sizeof(T), place);
  if (size * seen.num_meshes * num_pixels(seen) == 0) return;
  NR3D_LAUNCH((differentiate_cubes<T>), blocks_for(num_cubes, kCubeWarps), kCubeThreads, 0, place,
              p, place.fault);
}

template <class T>
int64_t sample_cubes_scratch(const SampleCubesParams<T>&) {
  return 0;
}
template <class T>
int64_t sample_cubes_gradient_scratch(const SampleCubesGradientParams<T>&) {
  return 0;
}

template void sample_cubes_cuda(const SampleCubesParams<float>&, const CudaPlace&);
template void sample_cubes_cuda(const SampleCubesParams<double>&, const CudaPlace&);
template void sample_cubes_gradient_cuda(const SampleCubesGradientParams<float>&, const CudaPlace&);
template void sample_cubes_gradient_cuda(const SampleCubesGradientParams<double>&,
                                         const CudaPlace&);
template int64_t sample_cubes_scratch(const SampleCubesParams<float>&);
template int64_t sample_cubes_scratch(const SampleCubesParams<double>&);
template int64_t sample_cubes_gradient_scratch(const SampleCubesGradientParams<float>&);
template int64_t sample_cubes_gradient_scratch(const SampleCubesGradientParams<double>&);

}  // namespace nr3d
