#include "interpolate_vertices.h"

#include <algorithm>

#include "face_runs.h"
#include "ops.h"
#include "parallel.h"

namespace nr3d {
namespace {

template <class T>
void interpolate_row(const InterpolateVerticesParams<T>& p, int64_t mesh, int row) {
  const Fragments<T>& seen = p.seen;
  const int64_t plane = num_pixels(seen), from = static_cast<int64_t>(row) * seen.width;
  const T* vertices = vertices_of(seen, mesh);
  const T* values = p.values + (p.num_rows > 1 ? mesh : 0) * seen.num_vertices * p.num_channels;
  T* image = p.image + mesh * p.num_channels * plane;
  int32_t face = -1, corners[3] = {};
  T z[3] = {}, w[3];
  for (int64_t i = from; i < from + seen.width; ++i) {
    const int64_t at = mesh * plane + i;
    if (seen.face_index[at] < 0) {
      for (int64_t c = 0; c < p.num_channels; ++c) image[c * plane + i] = T(0);
      continue;
    }
    if (seen.face_index[at] != face) {
      face = seen.face_index[at];
      corners_of(seen, face, corners);
      for (int k = 0; k < 3; ++k) z[k] = vertices[3 * static_cast<int64_t>(corners[k]) + 2];
    }
    correct_perspective(seen.weights + 3 * at, seen.depth[at], z, w);
    for (int64_t c = 0; c < p.num_channels; ++c) {
      T sum = T(0);
      for (int k = 0; k < 3; ++k) sum += w[k] * values[corners[k] * p.num_channels + c];
      image[c * plane + i] = sum;
    }
  }
}

// Set the sums over a face's pixels, [3, C].
template <class T>
void differentiate_face(const InterpolateVerticesGradientParams<T>& p, int64_t mesh,
                        const RunRange& runs, T* sums) {
  const Fragments<T>& seen = p.seen;
  const int64_t plane = num_pixels(seen);
  const T* vertices = vertices_of(seen, mesh);
  const T* grad_image = p.grad_image + mesh * p.num_channels * plane;
  int32_t corners[3];
  corners_of(seen, runs.first->face, corners);
  T z[3], w[3];
  for (int k = 0; k < 3; ++k) z[k] = vertices[3 * static_cast<int64_t>(corners[k]) + 2];
  std::fill_n(sums, 3 * p.num_channels, T(0));
  for (const Run& run : runs) {
    const int64_t first = static_cast<int64_t>(run.row) * seen.width + run.first;
    for (int64_t i = first; i < first + run.count; ++i) {
      const int64_t at = mesh * plane + i;
      correct_perspective(seen.weights + 3 * at, seen.depth[at], z, w);
      for (int64_t c = 0; c < p.num_channels; ++c) {
        const T grad = grad_image[c * plane + i];
        for (int k = 0; k < 3; ++k) sums[k * p.num_channels + c] += w[k] * grad;
      }
    }
  }
}

}  // namespace

template <class T>
void interpolate_vertices_cpu(const InterpolateVerticesParams<T>& p, int threads) {
  constexpr int64_t kPixelsOfThread = 8192;
  const Fragments<T>& seen = p.seen;
  const int64_t grain = kPixelsOfThread / std::max(seen.width, 1);
  parallel_for(seen.num_meshes * seen.height, grain, threads, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      interpolate_row(p, i / seen.height, static_cast<int>(i % seen.height));
    }
  });
}

template <class T>
void interpolate_vertices_gradient_cpu(const InterpolateVerticesGradientParams<T>& p, int threads) {
  const Fragments<T>& seen = p.seen;
  const Sharing sharing = share_threads(p.num_rows, threads);
  const int64_t size = seen.num_vertices * p.num_channels;
  parallel_for(
      p.num_rows, 1, sharing.images, [&] { return CornerWork<T>(seen); },
      [&](CornerWork<T>& work, int64_t row, int64_t) {
        T* grad = p.grad_values + row * size;
        std::fill_n(grad, size, T(0));
        const int64_t first = p.num_rows > 1 ? row : 0;
        const int64_t last = p.num_rows > 1 ? row + 1 : seen.num_meshes;
        for (int64_t mesh = first; mesh < last; ++mesh) {
          add_corners(seen, mesh, p.num_channels, sharing.inside, work, grad,
                      [&](const RunRange& runs, T* corners) {
                        differentiate_face(p, mesh, runs, corners);
                      });
        }
      });
}

template void interpolate_vertices_cpu(const InterpolateVerticesParams<float>&, int);
template void interpolate_vertices_cpu(const InterpolateVerticesParams<double>&, int);
template void interpolate_vertices_gradient_cpu(const InterpolateVerticesGradientParams<float>&,
                                                int);
template void interpolate_vertices_gradient_cpu(const InterpolateVerticesGradientParams<double>&,
                                                int);

}  // namespace nr3d
