#include "interpolate_vertices.h"

#include "adjacency.h"
#include "face_pixels.h"
#include "ops.h"

namespace nr3d {
namespace {

constexpr int kThreads = 256;
constexpr int kChannels = 4;  // summed at once

// One thread for each pixel.
template <class T>
__global__ void interpolate_pixels(InterpolateVerticesParams<T> p, Fault* fault) {
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
  T w[3];
  int32_t corners[3];
  surface_weights(seen, mesh, at, face, corners, w);
  const T* values = p.values + (p.num_rows > 1 ? mesh : 0) * seen.num_vertices * p.num_channels;
  const T* first = values + corners[0] * p.num_channels;
  const T* second = values + corners[1] * p.num_channels;
  const T* third = values + corners[2] * p.num_channels;
  for (int64_t c = 0; c < p.num_channels; ++c) {
    image[c * plane] = T(0) + w[0] * first[c] + w[1] * second[c] + w[2] * third[c];
  }
}

// What the pixels give to the corners of the faces, [M, F, 3, C].
template <class T>
__global__ void __launch_bounds__(kFaceThreads, 4)
    differentiate_faces(InterpolateVerticesGradientParams<T> p, T* corner_sums, Fault* fault) {
  const Fragments<T>& seen = p.seen;
  const int64_t plane = num_pixels(seen);
  watch_fragments(seen, fault);
  for (int64_t first = 0; first < p.num_channels; first += kChannels) {
    const int count = static_cast<int>(p.num_channels - first < kChannels ? p.num_channels - first
                                                                          : int64_t(kChannels));
    sum_faces<3 * kChannels>(
        seen,
        [&](const SeenFace<T>& own, int64_t pixel, T(&sums)[3 * kChannels]) {
          const T* grad_image =
              p.grad_image + (own.mesh * (p.num_channels - 1) + first) * plane + pixel;
          T w[3];
          correct_perspective(seen.weights + 3 * pixel, seen.depth[pixel], own.corners.z, w);
#pragma unroll
          for (int c = 0; c < kChannels; ++c) {
            const T grad = c < count ? grad_image[c * plane] : T(0);
            for (int k = 0; k < 3; ++k) sums[3 * c + k] += w[k] * grad;
          }
        },
        [&](const SeenFace<T>& own, const T(&sums)[3 * kChannels], int lane) {
#pragma unroll
          for (int l = 0; l < 3 * kChannels; ++l) {
            if (lane != l % kFaceLanes || l / 3 >= count) continue;
            corner_sums[corner_place(seen, own, l % 3) * p.num_channels + first + l / 3] = sums[l];
          }
        });
  }
}

template <class T>
CornerSums<T> corner_sums_of(const InterpolateVerticesGradientParams<T>& p) {
  const Fragments<T>& seen = p.seen;
  return {seen.faces,     p.grad_values,     seen.num_meshes, p.num_rows,
          seen.num_faces, seen.num_vertices, p.num_channels};
}

}  // namespace

template <class T>
void interpolate_vertices_cuda(const InterpolateVerticesParams<T>& p, const CudaPlace& place) {
  const int64_t count = p.seen.num_meshes * num_pixels(p.seen);
  if (count == 0) return;
  const DeviceGuard guard(place.device);
  NR3D_LAUNCH((interpolate_pixels<T>), blocks_for(count, kThreads), kThreads, 0, place, p,
              place.fault);
}

template <class T>
void interpolate_vertices_gradient_cuda(const InterpolateVerticesGradientParams<T>& p,
                                        const CudaPlace& place) {
  const Fragments<T>& seen = p.seen;
  const DeviceGuard guard(place.device);
  if (seen.num_meshes * seen.num_faces * num_pixels(seen) * p.num_channels == 0) {
    const int64_t count = p.num_rows * seen.num_vertices * p.num_channels;
    fill_bytes(p.grad_values, 0, count * sizeof(T), place);
    return;
  }
  const CornerSums<T> sums = corner_sums_of(p);
  NR3D_LAUNCH((differentiate_faces<T>), blocks_for_faces(seen), kFaceThreads, 0, place, p,
              corner_values(sums, place.scratch), place.fault);
  sum_corners(sums, place);
}

template <class T>
int64_t interpolate_vertices_scratch(const InterpolateVerticesParams<T>&) {
  return 0;
}
template <class T>
int64_t interpolate_vertices_gradient_scratch(const InterpolateVerticesGradientParams<T>& p) {
  return corner_scratch(corner_sums_of(p));
}

template void interpolate_vertices_cuda(const InterpolateVerticesParams<float>&, const CudaPlace&);
template void interpolate_vertices_cuda(const InterpolateVerticesParams<double>&, const CudaPlace&);
template void interpolate_vertices_gradient_cuda(const InterpolateVerticesGradientParams<float>&,
                                                 const CudaPlace&);
template void interpolate_vertices_gradient_cuda(const InterpolateVerticesGradientParams<double>&,
                                                 const CudaPlace&);
template int64_t interpolate_vertices_scratch(const InterpolateVerticesParams<float>&);
template int64_t interpolate_vertices_scratch(const InterpolateVerticesParams<double>&);
template int64_t interpolate_vertices_gradient_scratch(
    const InterpolateVerticesGradientParams<float>&);
template int64_t interpolate_vertices_gradient_scratch(
    const InterpolateVerticesGradientParams<double>&);

}  // namespace nr3d
