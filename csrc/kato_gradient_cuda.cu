#include "kato_gradient.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "fixed_point.h"
#include "kato_line.h"
#include "launch.h"
#include "ops.h"

namespace nr3d {
namespace {

// What the kernels of one call share, in scratch memory that begins as zeros.
struct Sums {
  FixedPoint* grads;           // [M, V, 2] x and y
  unsigned long long* bounds;  // [M, 2] bits of the largest gradient of a pixel, and of a color

  Sums(void* memory, int64_t num_vertices)
      : grads(static_cast<FixedPoint*>(memory)), bounds(grads + 2 * num_vertices) {}
};

// A color changes by at most twice the largest one, a silhouette by 1. The sum over a vertex's
// edges and the pixels that pull at them is taken to be less than 2^16 times the pull of one pixel
// next to an edge and eight pixels at the distance of one.
template <class T>
__device__ double steps_of_mesh(const KatoGradientParams<T>& p, const Sums& sums, int64_t mesh) {
  const double grad = __longlong_as_double(static_cast<long long>(sums.bounds[2 * mesh]));
  const double color = __longlong_as_double(static_cast<long long>(sums.bounds[2 * mesh + 1]));
  const double gain = p.image ? 2 * grad * color : grad;
  const double eps = p.eps > T(1e-6) ? static_cast<double>(p.eps) : 1e-6;
  const int size = p.height > p.width ? p.height : p.width;
  return steps_of(65536.0 * gain * (1 / eps + 8.0 * size));
}

constexpr int kThreads = 256;

// Find the largest sum over channels of |gradient|, and the largest |color|, of each mesh.
template <class T>
__global__ void find_bounds(KatoGradientParams<T> p, Sums sums, unsigned blocks_of_mesh) {
  const int64_t mesh = blockIdx.x / blocks_of_mesh, block = blockIdx.x % blocks_of_mesh;
  const int64_t num_pixels = static_cast<int64_t>(p.height) * p.width;
  const int64_t plane = num_pixels / (p.factor * p.factor);
  const T* grads = p.grad_image + mesh * p.num_channels * plane;
  double grad = 0.0, color = 0.0;
  const int64_t stride = static_cast<int64_t>(blocks_of_mesh) * kThreads;
  for (int64_t i = block * kThreads + threadIdx.x; i < plane; i += stride) {
    double total = 0.0;
    for (int c = 0; c < p.num_channels; ++c) {
      total += std::fabs(static_cast<double>(grads[c * plane + i]));
      if (!p.image) continue;
      const double value =
          std::fabs(static_cast<double>(p.image[(mesh * p.num_channels + c) * plane + i]));
      color = value > color || value != value ? value : color;
    }
    grad = total > grad || total != total ? total : grad;
  }
  raise_bound(sums.bounds + 2 * mesh, grad);
  raise_bound(sums.bounds + 2 * mesh + 1, color);
}

// The shared memory of a warp, for one line.
template <class T>
struct LineRoom {
  T* worth;            // [length] of pixels that pull
  uint16_t* position;  // [length] theirs
  uint16_t* start;     // [length] first pixels of runs, of the background too

  __host__ __device__ static int num_bytes(int length) {
    return (length * static_cast<int>(sizeof(T) + 2 * sizeof(uint16_t)) + 15) / 16 * 16;
  }
  __device__ LineRoom(unsigned char* memory, int length)
      : worth(reinterpret_cast<T*>(memory)),
        position(reinterpret_cast<uint16_t*>(worth + length)),
        start(position + length) {}
};

// Write `value` behind those that other lanes of the warp keep; `count` grows by all of them.
template <class T>
__device__ void append(bool keeps, T value, T* list, int& count) {
  const unsigned keepers = __ballot_sync(kWholeWarp, keeps);
  const int lane = threadIdx.x % kWarpSize;
  if (keeps) list[count + __popc(keepers & ((1u << lane) - 1))] = value;
  count += __popc(keepers);
}

// Whether a pixel can pull from beyond an edge, and what it is worth; see PullingPixels.
template <int kChannels, class T>
__device__ bool find_worth(const KatoGradientParams<T>& p, const LineView<T>& line, int position,
                           int32_t face, T& worth) {
  if (kChannels == kSilhouette) {
    worth = grad_at(line, 0, position);
    return face < 0 && worth < T(0);
  }
  bool has_grad = false;
  worth = T(0);
  for (int c = 0; c < p.num_channels; ++c) {
    const T grad = grad_at(line, c, position);
    worth += color_at(line, c, position) * grad;
    has_grad |= grad != T(0);
  }
  return has_grad;
}

// List what a line holds; gives the number of runs.
template <int kChannels, class T>
__device__ int survey_line(const KatoGradientParams<T>& p, const LineView<T>& line, Fault* fault,
                           const LineRoom<T>& room, PullingPixels<T>& pixels) {
  int num_runs = 0, num_pixels = 0, num_worths = 0;
  for (int first = 0; first < line.length; first += kWarpSize) {
    const int position = first + static_cast<int>(threadIdx.x) % kWarpSize;
    const bool is_pixel = position < line.length;
    const int32_t face = is_pixel ? face_at(p, line, position, fault) : -1;
    const bool is_start =
        is_pixel && (position == 0 || face_at(p, line, position - 1, fault) != face);
    T worth = T(0);
    const bool pulls = is_pixel && find_worth<kChannels>(p, line, position, face, worth);
    append(is_start, static_cast<uint16_t>(position), room.start, num_runs);
    append(pulls, static_cast<uint16_t>(position), room.position, num_pixels);
    append(pulls, worth, room.worth, num_worths);
  }
  __syncwarp();
  pixels = {room.position, room.worth, num_pixels};
  return num_runs;
}

// Run number `number` of the line; false where it shows no face.
template <class T>
__device__ bool find_run(const KatoGradientParams<T>& p, const LineView<T>& line,
                         const LineRoom<T>& room, int number, int num_runs, Fault* fault,
                         Run<T>& run) {
  run.start = room.start[number];
  run.end = (number + 1 < num_runs ? room.start[number + 1] : line.length) - 1;
  const int32_t face = face_at(p, line, run.start, fault);
  return face >= 0 && load_run(p, line, face, fault, run);
}

// Let the line pull at the edges that end a run's face towards `outwards`.
template <int kChannels, class T>
__device__ void pull_run(const KatoGradientParams<T>& p, const LineView<T>& line,
                         const PullingPixels<T>& pixels, const Run<T>& run, T outwards,
                         double steps, Fault* fault, FixedPoint* grads) {
  const T outermost = pixels.count == 0 ? T(0)
                      : outwards > T(0) ? static_cast<T>(pixels.position[pixels.count - 1])
                                        : static_cast<T>(pixels.position[0]);
  for (int met = edges_met(line, run, outwards); met != 0; met &= met - 1) {
    Meeting<T> m = meet(line, run, __ffs(met) - 1, outwards);
    m.pulls_beyond &= pixels.count > 0 && (outermost - m.crossed) * outwards > T(0);
    if (kChannels == kSilhouette && m.pulls_within) {
      m.pulls_within = face_at(p, line, m.inner + static_cast<int>(outwards), fault) < 0;
    }
    T on_a = T(0), on_b = T(0);
    if (m.pulls_beyond) pull_beyond<kChannels>(p, line, pixels, m, on_a, on_b);
    if (m.pulls_within) pull_within<kChannels>(p, line, run, m, on_a, on_b);
    const int axis = line.axis == Axis::kRows ? 0 : 1;
    if (on_a != T(0)) {
      add_fixed(grads + 2 * static_cast<int64_t>(m.vertex_a) + axis, on_a, steps);
    }
    if (on_b != T(0)) {
      add_fixed(grads + 2 * static_cast<int64_t>(m.vertex_b) + axis, on_b, steps);
    }
  }
}

// A warp for each row and each column of each mesh.
template <int kChannels, class T>
__global__ void walk_lines(KatoGradientParams<T> p, Sums sums, int bytes_of_line, Fault* fault) {
  NR3D_DYNAMIC_SHARED(unsigned char, shared);
  const int lane = threadIdx.x % kWarpSize, warp = threadIdx.x / kWarpSize;
  const int64_t number = static_cast<int64_t>(blockIdx.x) * (blockDim.x / kWarpSize) + warp;
  const int lines_of_mesh = p.height + p.width;
  if (number >= p.num_meshes * lines_of_mesh) return;
  const int64_t mesh = number / lines_of_mesh;
  const double steps = steps_of_mesh(p, sums, mesh);
  if (steps == 0.0) return;
  const LineView<T> line = view_of(p, mesh, static_cast<int>(number % lines_of_mesh));
  const LineRoom<T> room(shared + warp * bytes_of_line, line.length);
  PullingPixels<T> pixels;
  const int num_runs = survey_line<kChannels>(p, line, fault, room, pixels);
  FixedPoint* grads = sums.grads + 2 * mesh * p.num_vertices;
  for (int item = lane; item < 2 * num_runs; item += kWarpSize) {  // both ends of each run
    Run<T> run;
    if (!find_run(p, line, room, item / 2, num_runs, fault, run)) continue;
    pull_run<kChannels>(p, line, pixels, run, item % 2 == 0 ? T(1) : T(-1), steps, fault, grads);
  }
}

// Turn the sums into numbers. NaN where a gradient or a color is not finite.
template <class T>
__global__ void store_grads(KatoGradientParams<T> p, Sums sums, int64_t num_vertices) {
  const int64_t vertex = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (vertex >= num_vertices) return;
  const int64_t mesh = vertex / p.num_vertices;
  const double steps = steps_of_mesh(p, sums, mesh);
  const double grad = __longlong_as_double(static_cast<long long>(sums.bounds[2 * mesh]));
  const double color = __longlong_as_double(static_cast<long long>(sums.bounds[2 * mesh + 1]));
  const double nothing = (grad - grad) + (color - color);  // 0 or NaN
  const double share = 1.0 / (p.factor * p.factor);        // of a pixel in the mean
  for (int axis = 0; axis < 2; ++axis) {
    const FixedPoint sum = sums.grads[2 * vertex + axis];
    p.grad_vertices[3 * vertex + axis] =
        static_cast<T>(steps > 0.0 ? number_of(sum, steps) * share : nothing);
  }
  p.grad_vertices[3 * vertex + 2] = T(0);
}

template <class T>
void launch_walk(const KatoGradientParams<T>& p, const Sums& sums, const CudaPlace& place) {
  constexpr int kSharedBytes = 48 * 1024, kMostWarps = 8;
  const int length = std::max(p.height, p.width);
  const int bytes = LineRoom<T>::num_bytes(length);
  if (bytes > kSharedBytes || length > 65535) {
    throw std::invalid_argument("kato_gradient: image must have sides of at most " +
                                std::to_string(kSharedBytes / LineRoom<T>::num_bytes(16) * 16) +
                                " pixels on a CUDA device, got " + std::to_string(length));
  }
  const int warps = std::min(kSharedBytes / bytes, kMostWarps);
  const int64_t num_lines = p.num_meshes * (p.height + p.width);
  const dim3 blocks(static_cast<unsigned>((num_lines + warps - 1) / warps));
  const int threads = warps * kWarpSize, shared = warps * bytes;
  if (!p.image) {
    NR3D_LAUNCH((walk_lines<kSilhouette, T>), blocks, threads, shared, place, p, sums, bytes,
                place.fault);
  } else if (p.num_channels == 3) {
    NR3D_LAUNCH((walk_lines<3, T>), blocks, threads, shared, place, p, sums, bytes, place.fault);
  } else if (p.num_channels == 4) {
    NR3D_LAUNCH((walk_lines<4, T>), blocks, threads, shared, place, p, sums, bytes, place.fault);
  } else {
    NR3D_LAUNCH((walk_lines<kAnyChannels, T>), blocks, threads, shared, place, p, sums, bytes,
                place.fault);
  }
}

}  // namespace

template <class T>
void kato_gradient_cuda(const KatoGradientParams<T>& p, const CudaPlace& place) {
  constexpr int64_t kMostBlocks = 64;  // of a mesh
  const int64_t num_vertices = p.num_meshes * p.num_vertices;
  if (num_vertices == 0) return;
  const DeviceGuard guard(place.device);
  const Sums sums(place.scratch, num_vertices);
  fill_bytes(place.scratch, 0, kato_gradient_scratch(p), place);
  const int64_t plane = static_cast<int64_t>(p.height) * p.width / (p.factor * p.factor);
  const auto blocks =
      static_cast<unsigned>(std::min((plane + 4 * kThreads - 1) / (4 * kThreads), kMostBlocks));
  if (p.num_channels > 0 && plane > 0) {  // else nothing pulls
    NR3D_LAUNCH((find_bounds<T>), dim3(static_cast<unsigned>(p.num_meshes) * blocks), kThreads, 0,
                place, p, sums, blocks);
    launch_walk(p, sums, place);
  }
  NR3D_LAUNCH((store_grads<T>),
              dim3(static_cast<unsigned>((num_vertices + kThreads - 1) / kThreads)), kThreads, 0,
              place, p, sums, num_vertices);
}

template <class T>
int64_t kato_gradient_scratch(const KatoGradientParams<T>& p) {
  return p.num_meshes * (2 * p.num_vertices * sizeof(FixedPoint) + 2 * sizeof(unsigned long long));
}

template void kato_gradient_cuda(const KatoGradientParams<float>&, const CudaPlace&);
template void kato_gradient_cuda(const KatoGradientParams<double>&, const CudaPlace&);
template int64_t kato_gradient_scratch(const KatoGradientParams<float>&);
template int64_t kato_gradient_scratch(const KatoGradientParams<double>&);

}  // namespace nr3d
