#include "sample_cubes.h"

#include <algorithm>

#include "face_runs.h"
#include "ops.h"
#include "parallel.h"

namespace nr3d {
namespace {

template <class T>
void sample_row(const SampleCubesParams<T>& p, int64_t mesh, int row) {
  const Fragments<T>& seen = p.seen;
  const int64_t plane = num_pixels(seen), from = static_cast<int64_t>(row) * seen.width;
  const int64_t cube_size = p.side * p.side * p.side * p.num_channels;
  const T* cubes = p.cubes + (p.num_rows > 1 ? mesh : 0) * seen.num_faces * cube_size;
  T* image = p.image + mesh * p.num_channels * plane;
  for (int64_t i = from; i < from + seen.width; ++i) {
    const int64_t face = seen.face_index[mesh * plane + i];
    if (face < 0) {
      for (int64_t c = 0; c < p.num_channels; ++c) image[c * plane + i] = T(0);
      continue;
    }
    const T* cube = cubes + (face < seen.num_faces ? face : face - seen.num_faces) * cube_size;
    const Texels<T> texels = texels_of(seen, mesh, mesh * plane + i, face, p.side, p.eps);
    for (int64_t c = 0; c < p.num_channels; ++c) {
      T sum = T(0);
      for (int n = 0; n < 8; ++n) {
        sum += texels.weight[n] * cube[texels.at[n] * p.num_channels + c];
      }
      image[c * plane + i] = sum;
    }
  }
}

// Add to a face's cube what its pixels in one image give.
template <class T>
void add_face(const SampleCubesGradientParams<T>& p, int64_t mesh, const RunRange& runs, T* cube) {
  const Fragments<T>& seen = p.seen;
  const int64_t plane = num_pixels(seen);
  const T* grad_image = p.grad_image + mesh * p.num_channels * plane;
  for (const Run& run : runs) {
    const int64_t first = static_cast<int64_t>(run.row) * seen.width + run.first;
    for (int64_t i = first; i < first + run.count; ++i) {
      const Texels<T> texels = texels_of(seen, mesh, mesh * plane + i, run.face, p.side, p.eps);
      for (int n = 0; n < 8; ++n) {
        T* texel = cube + texels.at[n] * p.num_channels;
        for (int64_t c = 0; c < p.num_channels; ++c) {
          texel[c] += texels.weight[n] * grad_image[c * plane + i];
        }
      }
    }
  }
}

// Add to the cubes of all faces what one image gives. A thread owns a cube.
template <class T>
void add_image(const SampleCubesGradientParams<T>& p, int64_t mesh, int threads, FaceRuns& runs,
               T* cubes) {
  constexpr int64_t kFacesOfThread = 64;
  const Fragments<T>& seen = p.seen;
  const int64_t cube_size = p.side * p.side * p.side * p.num_channels;
  runs.sort(seen.face_index + mesh * num_pixels(seen), seen.height, seen.width);
  parallel_for(runs.num_seen(), kFacesOfThread, threads, [&](int64_t begin, int64_t end) {
    for (int64_t f = begin; f < end; ++f) {
      const RunRange own = runs.runs_of(f);
      const int64_t face = own.first->face % seen.num_faces;  // a cube serves both sides
      add_face(p, mesh, own, cubes + face * cube_size);
    }
  });
}

}  // namespace

template <class T>
void sample_cubes_cpu(const SampleCubesParams<T>& p, int threads) {
  constexpr int64_t kPixelsOfThread = 4096;
  const Fragments<T>& seen = p.seen;
  const int64_t grain = kPixelsOfThread / std::max(seen.width, 1);
  parallel_for(seen.num_meshes * seen.height, grain, threads, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      sample_row(p, i / seen.height, static_cast<int>(i % seen.height));
    }
  });
}

template <class T>
void sample_cubes_gradient_cpu(const SampleCubesGradientParams<T>& p, int threads) {
  const Fragments<T>& seen = p.seen;
  const Sharing sharing = share_threads(p.num_rows, threads);
  const int64_t size = seen.num_faces * p.side * p.side * p.side * p.num_channels;
  parallel_for(
      p.num_rows, 1, sharing.images, [&] { return FaceRuns(seen.num_faces); },
      [&](FaceRuns& runs, int64_t row, int64_t) {
        T* cubes = p.grad_cubes + row * size;
        std::fill_n(cubes, size, T(0));
        const int64_t first = p.num_rows > 1 ? row : 0;
        const int64_t last = p.num_rows > 1 ? row + 1 : seen.num_meshes;
        for (int64_t mesh = first; mesh < last; ++mesh) {
          add_image(p, mesh, sharing.inside, runs, cubes);
        }
      });
}

template void sample_cubes_cpu(const SampleCubesParams<float>&, int);
template void sample_cubes_cpu(const SampleCubesParams<double>&, int);
template void sample_cubes_gradient_cpu(const SampleCubesGradientParams<float>&, int);
template void sample_cubes_gradient_cpu(const SampleCubesGradientParams<double>&, int);

}  // namespace nr3d
