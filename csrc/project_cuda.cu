#include "project.h"

#include "launch.h"
#include "ops.h"
#include "reduce.h"

namespace nr3d {
namespace {

constexpr int kThreads = 128;

// One thread for each point of a mesh: it goes through the views.
template <class T>
__global__ void project_points(ProjectParams<T> p) {
  const ViewParams<T>& views = p.views;
  const int64_t at = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (at >= views.num_meshes * views.num_points) return;
  const int64_t mesh = at / views.num_points, point = at % views.num_points;
  const Vector<T> position = load_vector(views.points + 3 * at);
  for (int64_t view = 0; view < views.num_views; ++view) {
    const int64_t row = mesh * views.num_views + view;
    store_vector(project_point(load_camera(views, row), position),
                 p.projected + 3 * (row * views.num_points + point));
  }
}

template <class T>
__global__ void differentiate_points(ProjectGradientParams<T> p) {
  const ViewParams<T>& views = p.views;
  const int64_t at = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (at >= views.num_meshes * views.num_points) return;
  const int64_t mesh = at / views.num_points, point = at % views.num_points;
  const Vector<T> position = load_vector(views.points + 3 * at);
  Vector<T> sum{};
  for (int64_t view = 0; view < views.num_views; ++view) {
    const int64_t row = mesh * views.num_views + view;
    const Camera<T> camera = load_camera(views, row);
    const T* grad_projected = p.grad_projected + 3 * (row * views.num_points + point);
    const Vector<T> grad =
        unproject_gradient(camera, difference(position, camera.eye), load_vector(grad_projected));
    add(from_camera(camera, grad), sum);
  }
  store_vector(sum, p.grad_points + 3 * at);
}

// One block for each view: it sums over the points.
template <class T>
__global__ void differentiate_cameras(ProjectCameraGradientParams<T> p) {
  __shared__ T room[kThreads / kWarpSize * 12];
  const ViewParams<T>& views = p.views;
  const int64_t row = blockIdx.x;
  const Camera<T> camera = load_camera(views, row);
  const T* points = views.points + row / views.num_views * views.num_points * 3;
  const T* grad_projected = p.grad_projected + row * views.num_points * 3;
  Vector<T> x{}, y{}, z{}, total{};
  for (int64_t i = threadIdx.x; i < views.num_points; i += kThreads) {
    const Vector<T> from_eye = difference(load_vector(points + 3 * i), camera.eye);
    const Vector<T> grad =
        unproject_gradient(camera, from_eye, load_vector(grad_projected + 3 * i));
    add_scaled(grad.x, from_eye, x);
    add_scaled(grad.y, from_eye, y);
    add_scaled(grad.z, from_eye, z);
    add(grad, total);
  }
  T sums[12] = {x.x, x.y, x.z, y.x, y.y, y.z, z.x, z.y, z.z, total.x, total.y, total.z};
  sum_of_block(sums, room);
  if (threadIdx.x != 0) return;
  for (int k = 0; k < 9; ++k) p.grad_axes[9 * row + k] = sums[k];
  total = {sums[9], sums[10], sums[11]};
  store_vector(difference({}, from_camera(camera, total)), p.grad_eyes + 3 * row);
}

template <class T>
dim3 blocks_for_points(const ViewParams<T>& views) {
  return dim3((views.num_meshes * views.num_points + kThreads - 1) / kThreads);
}

}  // namespace

template <class T>
void project_cuda(const ProjectParams<T>& p, const CudaPlace& place) {
  if (p.views.num_meshes * p.views.num_points * p.views.num_views == 0) return;
  const DeviceGuard guard(place.device);
  NR3D_LAUNCH((project_points<T>), blocks_for_points(p.views), kThreads, 0, place, p);
}

template <class T>
void project_gradient_cuda(const ProjectGradientParams<T>& p, const CudaPlace& place) {
  if (p.views.num_meshes * p.views.num_points == 0) return;
  const DeviceGuard guard(place.device);
  NR3D_LAUNCH((differentiate_points<T>), blocks_for_points(p.views), kThreads, 0, place, p);
}

template <class T>
void project_camera_gradient_cuda(const ProjectCameraGradientParams<T>& p, const CudaPlace& place) {
  if (p.views.num_meshes * p.views.num_views == 0) return;
  const DeviceGuard guard(place.device);
  NR3D_LAUNCH((differentiate_cameras<T>), dim3(p.views.num_meshes * p.views.num_views), kThreads, 0,
              place, p);
}

template <class T>
int64_t project_scratch(const ProjectParams<T>&) {
  return 0;
}
template <class T>
int64_t project_gradient_scratch(const ProjectGradientParams<T>&) {
  return 0;
}
template <class T>
int64_t project_camera_gradient_scratch(const ProjectCameraGradientParams<T>&) {
  return 0;
}

template void project_cuda(const ProjectParams<float>&, const CudaPlace&);
template void project_cuda(const ProjectParams<double>&, const CudaPlace&);
template void project_gradient_cuda(const ProjectGradientParams<float>&, const CudaPlace&);
template void project_gradient_cuda(const ProjectGradientParams<double>&, const CudaPlace&);
template void project_camera_gradient_cuda(const ProjectCameraGradientParams<float>&,
                                           const CudaPlace&);
template void project_camera_gradient_cuda(const ProjectCameraGradientParams<double>&,
                                           const CudaPlace&);
template int64_t project_scratch(const ProjectParams<float>&);
template int64_t project_scratch(const ProjectParams<double>&);
template int64_t project_gradient_scratch(const ProjectGradientParams<float>&);
template int64_t project_gradient_scratch(const ProjectGradientParams<double>&);
template int64_t project_camera_gradient_scratch(const ProjectCameraGradientParams<float>&);
template int64_t project_camera_gradient_scratch(const ProjectCameraGradientParams<double>&);

}  // namespace nr3d
