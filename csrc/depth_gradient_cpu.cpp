#include "depth_gradient.h"

#include <algorithm>

#include "face_runs.h"
#include "ops.h"
#include "parallel.h"

namespace nr3d {
namespace {

template <class T>
void differentiate_face(const DepthGradientParams<T>& p, int64_t mesh, const RunRange& runs,
                        T grad[9]) {
  const Fragments<T>& seen = p.seen;
  T sums[3] = {};
  for (const Run& run : runs) {
    const int64_t first = (mesh * seen.height + run.row) * seen.width + run.first;
    for (int64_t i = first; i < first + run.count; ++i) {
      const T scale = p.grad_depth[i] * seen.depth[i] * seen.depth[i];
      for (int k = 0; k < 3; ++k) sums[k] += scale * seen.weights[3 * i + k];
    }
  }
  RasterFace<T> f;
  load_face(vertices_of(seen, mesh), seen.faces, seen.num_faces, runs.first->face, f);
  set_weights(f, seen.height, seen.width);
  corner_gradients(f, sums, seen.height, seen.width, grad);
}

}  // namespace

template <class T>
void depth_gradient_cpu(const DepthGradientParams<T>& p, int threads) {
  const Fragments<T>& seen = p.seen;
  const Sharing sharing = share_threads(seen.num_meshes, threads);
  parallel_for(
      seen.num_meshes, 1, sharing.images, [&] { return CornerWork<T>(seen); },
      [&](CornerWork<T>& work, int64_t mesh, int64_t) {
        T* grad = p.grad_vertices + 3 * mesh * seen.num_vertices;
        std::fill_n(grad, 3 * seen.num_vertices, T(0));
        add_corners(
            seen, mesh, 3, sharing.inside, work, grad,
            [&](const RunRange& runs, T* corners) { differentiate_face(p, mesh, runs, corners); });
      });
}

template void depth_gradient_cpu(const DepthGradientParams<float>&, int);
template void depth_gradient_cpu(const DepthGradientParams<double>&, int);

}  // namespace nr3d
