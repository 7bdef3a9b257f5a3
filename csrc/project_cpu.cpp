#include "project.h"

#include <algorithm>

#include "ops.h"
#include "parallel.h"

namespace nr3d {
namespace {

constexpr int64_t kPointsOfBlock = 1024;    // few enough to stay in the cache from view to view
constexpr int64_t kPointsOfThread = 65536;  // fewer cost less than the thread that would take them

// Neighbouring points of one mesh.
struct Block {
  int64_t mesh, first, count;
};

// Call fn(block) for blocks that cover every point of every mesh.
template <class T, class Function>
void for_each_block(const ViewParams<T>& p, int threads, Function&& fn) {
  const int64_t blocks_of_mesh = (p.num_points + kPointsOfBlock - 1) / kPointsOfBlock;
  const int64_t block_size = std::min(p.num_points, kPointsOfBlock);
  const int64_t work_of_block = std::max<int64_t>(block_size * p.num_views, 1);
  parallel_for(
      p.num_meshes * blocks_of_mesh, kPointsOfThread / work_of_block, threads,
      [&](int64_t begin, int64_t end) {
        for (int64_t block = begin; block < end; ++block) {
          const int64_t first = block % blocks_of_mesh * kPointsOfBlock;
          fn(Block{block / blocks_of_mesh, first, std::min(kPointsOfBlock, p.num_points - first)});
        }
      });
}

template <class T>
NR3D_HD void project_points(const Camera<T>& camera, const T* __restrict points, int64_t count,
                            T* __restrict projected) {
  for (int64_t i = 0; i < count; ++i) {
    store_vector(project_point(camera, load_vector(points + 3 * i)), projected + 3 * i);
  }
}

// Add what one view gives to the gradient of the points.
template <class T>
NR3D_HD void add_gradient(const Camera<T>& camera, const T* __restrict points, int64_t count,
                          const T* __restrict grad_projected, T* __restrict grad_points) {
  for (int64_t i = 0; i < count; ++i) {
    const Vector<T> from_eye = difference(load_vector(points + 3 * i), camera.eye);
    const Vector<T> grad =
        unproject_gradient(camera, from_eye, load_vector(grad_projected + 3 * i));
    Vector<T> sum = load_vector(grad_points + 3 * i);
    add(from_camera(camera, grad), sum);
    store_vector(sum, grad_points + 3 * i);
  }
}

// target_clones takes no templates: one plain function a scalar.
NR3D_VECTOR_CLONES void project_block(const Camera<float>& camera, const float* points,
                                      int64_t count, float* projected) {
  project_points(camera, points, count, projected);
}
NR3D_VECTOR_CLONES void project_block(const Camera<double>& camera, const double* points,
                                      int64_t count, double* projected) {
  project_points(camera, points, count, projected);
}
NR3D_VECTOR_CLONES void add_block(const Camera<float>& camera, const float* points, int64_t count,
                                  const float* grad_projected, float* grad_points) {
  add_gradient(camera, points, count, grad_projected, grad_points);
}
NR3D_VECTOR_CLONES void add_block(const Camera<double>& camera, const double* points, int64_t count,
                                  const double* grad_projected, double* grad_points) {
  add_gradient(camera, points, count, grad_projected, grad_points);
}

// Sum over the points of one view, in their order.
template <class T>
void differentiate_camera(const ProjectCameraGradientParams<T>& p, int64_t row) {
  const ViewParams<T>& views = p.views;
  const Camera<T> camera = load_camera(views, row);
  const T* points = views.points + row / views.num_views * views.num_points * 3;
  const T* grad_projected = p.grad_projected + row * views.num_points * 3;
  Vector<T> x{}, y{}, z{}, total{};
  for (int64_t i = 0; i < views.num_points; ++i) {
    const Vector<T> from_eye = difference(load_vector(points + 3 * i), camera.eye);
    const Vector<T> grad =
        unproject_gradient(camera, from_eye, load_vector(grad_projected + 3 * i));
    add_scaled(grad.x, from_eye, x);
    add_scaled(grad.y, from_eye, y);
    add_scaled(grad.z, from_eye, z);
    add(grad, total);
  }
  store_vector(x, p.grad_axes + 9 * row);
  store_vector(y, p.grad_axes + 9 * row + 3);
  store_vector(z, p.grad_axes + 9 * row + 6);
  store_vector(difference({}, from_camera(camera, total)), p.grad_eyes + 3 * row);
}

}  // namespace

template <class T>
void project_cpu(const ProjectParams<T>& p, int threads) {
  const ViewParams<T>& views = p.views;
  for_each_block(views, threads, [&](const Block& block) {
    const T* points = views.points + 3 * (block.mesh * views.num_points + block.first);
    for (int64_t view = 0; view < views.num_views; ++view) {
      const int64_t row = block.mesh * views.num_views + view;
      project_block(load_camera(views, row), points, block.count,
                    p.projected + 3 * (row * views.num_points + block.first));
    }
  });
}

template <class T>
void project_gradient_cpu(const ProjectGradientParams<T>& p, int threads) {
  const ViewParams<T>& views = p.views;
  for_each_block(views, threads, [&](const Block& block) {
    const int64_t offset = 3 * (block.mesh * views.num_points + block.first);
    std::fill_n(p.grad_points + offset, 3 * block.count, T(0));
    for (int64_t view = 0; view < views.num_views; ++view) {
      const int64_t row = block.mesh * views.num_views + view;
      add_block(load_camera(views, row), views.points + offset, block.count,
                p.grad_projected + 3 * (row * views.num_points + block.first),
                p.grad_points + offset);
    }
  });
}

template <class T>
void project_camera_gradient_cpu(const ProjectCameraGradientParams<T>& p, int threads) {
  const int64_t grain = kPointsOfThread / std::max<int64_t>(p.views.num_points, 1);
  parallel_for(p.views.num_meshes * p.views.num_views, grain, threads,
               [&](int64_t begin, int64_t end) {
                 for (int64_t row = begin; row < end; ++row) differentiate_camera(p, row);
               });
}

template void project_cpu(const ProjectParams<float>&, int);
template void project_cpu(const ProjectParams<double>&, int);
template void project_gradient_cpu(const ProjectGradientParams<float>&, int);
template void project_gradient_cpu(const ProjectGradientParams<double>&, int);
template void project_camera_gradient_cpu(const ProjectCameraGradientParams<float>&, int);
template void project_camera_gradient_cpu(const ProjectCameraGradientParams<double>&, int);

}  // namespace nr3d
