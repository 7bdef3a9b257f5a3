#include "depth_gradient.h"

#include "adjacency.h"
#include "face_pixels.h"
#include "ops.h"

namespace nr3d {
namespace {

// What the pixels give to the corners of the faces, [M, F, 3, 3].
template <class T>
__global__ void __launch_bounds__(kFaceThreads)
    differentiate_faces(DepthGradientParams<T> p, T* corner_sums, Fault* fault) {
  const Fragments<T>& seen = p.seen;
  watch_fragments(seen, fault);
  sum_faces<3>(
      seen,
      [&](const SeenFace<T>&, int64_t pixel, T(&sums)[3]) {
        const T scale = p.grad_depth[pixel] * seen.depth[pixel] * seen.depth[pixel];
        for (int k = 0; k < 3; ++k) sums[k] += scale * seen.weights[3 * pixel + k];
      },
      [&](const SeenFace<T>& own, const T(&sums)[3], int lane) {
        T grad[9] = {};
        if (sums[0] != 0 || sums[1] != 0 || sums[2] != 0) {  // else a slope may be infinite
          RasterFace<T> f = own.corners;
          set_weights(f, seen.height, seen.width);
          corner_gradients(f, sums, seen.height, seen.width, grad);
        }
#pragma unroll
        for (int k = 0; k < 3; ++k) {
          T* const to = corner_sums + 3 * corner_place(seen, own, k);
#pragma unroll
          for (int axis = 0; axis < 3; ++axis) {
            if (lane == (3 * k + axis) % kFaceLanes) to[axis] = grad[3 * k + axis];
          }
        }
      });
}

template <class T>
CornerSums<T> corner_sums_of(const DepthGradientParams<T>& p) {
  const Fragments<T>& seen = p.seen;
  return {seen.faces,
          p.grad_vertices,
          seen.num_meshes,
          seen.num_meshes,
          seen.num_faces,
          seen.num_vertices,
          3};
}

}  // namespace

template <class T>
void depth_gradient_cuda(const DepthGradientParams<T>& p, const CudaPlace& place) {
  const Fragments<T>& seen = p.seen;
  const DeviceGuard guard(place.device);
  if (seen.num_meshes * seen.num_faces * num_pixels(seen) == 0) {
    fill_bytes(p.grad_vertices, 0, 3 * seen.num_meshes * seen.num_vertices * sizeof(T), place);
    return;
  }
  const CornerSums<T> sums = corner_sums_of(p);
  NR3D_LAUNCH((differentiate_faces<T>), blocks_for_faces(seen), kFaceThreads, 0, place, p,
              corner_values(sums, place.scratch), place.fault);
  sum_corners(sums, place);
}

template <class T>
int64_t depth_gradient_scratch(const DepthGradientParams<T>& p) {
  return corner_scratch(corner_sums_of(p));
}

template void depth_gradient_cuda(const DepthGradientParams<float>&, const CudaPlace&);
template void depth_gradient_cuda(const DepthGradientParams<double>&, const CudaPlace&);
template int64_t depth_gradient_scratch(const DepthGradientParams<float>&);
template int64_t depth_gradient_scratch(const DepthGradientParams<double>&);

}  // namespace nr3d
