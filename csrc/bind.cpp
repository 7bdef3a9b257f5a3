// The Python module nr3d._C. Tensors cross as addresses: nr3d/ops has checked dtype, shape,
// device and contiguity, and allocated every output.
#include <nanobind/nanobind.h>

#include <cstdint>

#include "checks.h"
#include "depth_gradient.h"
#include "interpolate_vertices.h"
#include "isa.h"
#include "kato_gradient.h"
#include "ops.h"
#include "project.h"
#include "rasterize.h"
#include "sample_cubes.h"
#include "voxelize.h"
#if defined(NR3D_WITH_CUDA)
#include "device.h"
#endif
namespace nb = nanobind;

template <class T>
static T* pointer(uintptr_t address) {
  return reinterpret_cast<T*>(address);
}

template <class T>
static int64_t find_non_finite(uintptr_t values, int64_t count) {
  nb::gil_scoped_release released;
  return nr3d::find_non_finite(pointer<const T>(values), count);
}

template <class T>
static int64_t find_out_of_range(uintptr_t values, int64_t count, int64_t low, int64_t high) {
  nb::gil_scoped_release released;
  return nr3d::find_out_of_range(pointer<const T>(values), count, low, high);
}

template <class T>
static void rasterize(uintptr_t vertices, uintptr_t faces, uintptr_t face_index,
                      uintptr_t short_face_index, uintptr_t depth, uintptr_t weights,
                      uintptr_t silhouettes, int64_t num_meshes, int64_t num_vertices,
                      int64_t num_faces, int height, int width, int factor, double near, double far,
                      bool fill_back, int threads) {
  nb::gil_scoped_release released;
  nr3d::rasterize_cpu<T>(
      {pointer<const T>(vertices), pointer<const int32_t>(faces), pointer<int32_t>(face_index),
       pointer<int16_t>(short_face_index), pointer<T>(depth), pointer<T>(weights),
       pointer<T>(silhouettes), num_meshes, num_vertices, num_faces, height, width, factor,
       static_cast<T>(near), static_cast<T>(far), fill_back},
      threads);
}

template <class T>
static void kato_gradient(uintptr_t vertices, uintptr_t faces, uintptr_t face_index,
                          uintptr_t short_face_index, uintptr_t image, uintptr_t grad_image,
                          uintptr_t grad_vertices, int64_t num_meshes, int64_t num_vertices,
                          int64_t num_faces, int num_channels, int height, int width, int factor,
                          double eps, int threads) {
  nb::gil_scoped_release released;
  nr3d::kato_gradient_cpu<T>(
      {pointer<const T>(vertices), pointer<const int32_t>(faces),
       pointer<const int32_t>(face_index), pointer<const int16_t>(short_face_index),
       pointer<const T>(image), pointer<const T>(grad_image), pointer<T>(grad_vertices), num_meshes,
       num_vertices, num_faces, num_channels, height, width, factor, static_cast<T>(eps)},
      threads);
}

template <class T>
static nr3d::ViewParams<T> views(uintptr_t points, uintptr_t eyes, uintptr_t axes,
                                 int64_t num_meshes, int64_t num_points, int64_t num_views,
                                 double tangent) {
  return {pointer<const T>(points),
          pointer<const T>(eyes),
          pointer<const T>(axes),
          num_meshes,
          num_points,
          num_views,
          static_cast<T>(tangent)};
}

template <class T>
static void project(uintptr_t points, uintptr_t eyes, uintptr_t axes, int64_t num_meshes,
                    int64_t num_points, int64_t num_views, double tangent, uintptr_t projected,
                    int threads) {
  nb::gil_scoped_release released;
  nr3d::project_cpu<T>({views<T>(points, eyes, axes, num_meshes, num_points, num_views, tangent),
                        pointer<T>(projected)},
                       threads);
}

template <class T>
static void project_gradient(uintptr_t points, uintptr_t eyes, uintptr_t axes, int64_t num_meshes,
                             int64_t num_points, int64_t num_views, double tangent,
                             uintptr_t grad_projected, uintptr_t grad_points, int threads) {
  nb::gil_scoped_release released;
  nr3d::project_gradient_cpu<T>(
      {views<T>(points, eyes, axes, num_meshes, num_points, num_views, tangent),
       pointer<const T>(grad_projected), pointer<T>(grad_points)},
      threads);
}

template <class T>
static void project_camera_gradient(uintptr_t points, uintptr_t eyes, uintptr_t axes,
                                    int64_t num_meshes, int64_t num_points, int64_t num_views,
                                    double tangent, uintptr_t grad_projected, uintptr_t grad_eyes,
                                    uintptr_t grad_axes, int threads) {
  nb::gil_scoped_release released;
  nr3d::project_camera_gradient_cpu<T>(
      {views<T>(points, eyes, axes, num_meshes, num_points, num_views, tangent),
       pointer<const T>(grad_projected), pointer<T>(grad_eyes), pointer<T>(grad_axes)},
      threads);
}

template <class T>
static nr3d::Fragments<T> fragments(uintptr_t vertices, uintptr_t faces, uintptr_t face_index,
                                    uintptr_t depth, uintptr_t weights, int64_t num_meshes,
                                    int64_t num_vertices, int64_t num_faces, int height,
                                    int width) {
  return {pointer<const T>(vertices),
          pointer<const int32_t>(faces),
          pointer<const int32_t>(face_index),
          pointer<const T>(depth),
          pointer<const T>(weights),
          num_meshes,
          num_vertices,
          num_faces,
          height,
          width};
}

template <class T>
static void depth_gradient(uintptr_t vertices, uintptr_t faces, uintptr_t face_index,
                           uintptr_t depth, uintptr_t weights, int64_t num_meshes,
                           int64_t num_vertices, int64_t num_faces, int height, int width,
                           uintptr_t grad_depth, uintptr_t grad_vertices, int threads) {
  nb::gil_scoped_release released;
  nr3d::depth_gradient_cpu<T>({fragments<T>(vertices, faces, face_index, depth, weights, num_meshes,
                                            num_vertices, num_faces, height, width),
                               pointer<const T>(grad_depth), pointer<T>(grad_vertices)},
                              threads);
}

template <class T>
static void interpolate_vertices(uintptr_t vertices, uintptr_t faces, uintptr_t face_index,
                                 uintptr_t depth, uintptr_t weights, int64_t num_meshes,
                                 int64_t num_vertices, int64_t num_faces, int height, int width,
                                 uintptr_t values, uintptr_t image, int64_t num_rows,
                                 int64_t num_channels, int threads) {
  nb::gil_scoped_release released;
  nr3d::interpolate_vertices_cpu<T>(
      {fragments<T>(vertices, faces, face_index, depth, weights, num_meshes, num_vertices,
                    num_faces, height, width),
       pointer<const T>(values), pointer<T>(image), num_rows, num_channels},
      threads);
}

template <class T>
static void interpolate_vertices_gradient(uintptr_t vertices, uintptr_t faces, uintptr_t face_index,
                                          uintptr_t depth, uintptr_t weights, int64_t num_meshes,
                                          int64_t num_vertices, int64_t num_faces, int height,
                                          int width, uintptr_t grad_image, uintptr_t grad_values,
                                          int64_t num_rows, int64_t num_channels, int threads) {
  nb::gil_scoped_release released;
  nr3d::interpolate_vertices_gradient_cpu<T>(
      {fragments<T>(vertices, faces, face_index, depth, weights, num_meshes, num_vertices,
                    num_faces, height, width),
       pointer<const T>(grad_image), pointer<T>(grad_values), num_rows, num_channels},
      threads);
}

template <class T>
static void sample_cubes(uintptr_t vertices, uintptr_t faces, uintptr_t face_index, uintptr_t depth,
                         uintptr_t weights, int64_t num_meshes, int64_t num_vertices,
                         int64_t num_faces, int height, int width, uintptr_t cubes, uintptr_t image,
                         int64_t num_rows, int64_t num_channels, int64_t side, double eps,
                         int threads) {
  nb::gil_scoped_release released;
  nr3d::sample_cubes_cpu<T>({fragments<T>(vertices, faces, face_index, depth, weights, num_meshes,
                                          num_vertices, num_faces, height, width),
                             pointer<const T>(cubes), pointer<T>(image), num_rows, num_channels,
                             side, static_cast<T>(eps)},
                            threads);
}

template <class T>
static void sample_cubes_gradient(uintptr_t vertices, uintptr_t faces, uintptr_t face_index,
                                  uintptr_t depth, uintptr_t weights, int64_t num_meshes,
                                  int64_t num_vertices, int64_t num_faces, int height, int width,
                                  uintptr_t grad_image, uintptr_t grad_cubes, int64_t num_rows,
                                  int64_t num_channels, int64_t side, double eps, int threads) {
  nb::gil_scoped_release released;
  nr3d::sample_cubes_gradient_cpu<T>(
      {fragments<T>(vertices, faces, face_index, depth, weights, num_meshes, num_vertices,
                    num_faces, height, width),
       pointer<const T>(grad_image), pointer<T>(grad_cubes), num_rows, num_channels, side,
       static_cast<T>(eps)},
      threads);
}

template <class T>
static void voxelize(uintptr_t vertices, uintptr_t faces, uintptr_t voxels, int64_t num_meshes,
                     int64_t num_vertices, int64_t num_faces, int resolution, bool fill,
                     int threads) {
  nb::gil_scoped_release released;
  nr3d::voxelize_cpu<T>(
      {pointer<const T>(vertices), pointer<const int32_t>(faces), pointer<uint8_t>(voxels),
       num_meshes, num_vertices, num_faces, resolution, fill},
      threads);
}

// Device query (nr3d doctor): None where CUDA is not compiled in.
static nb::object cuda_status() {
#if defined(NR3D_WITH_CUDA)
  const nr3d::CudaStatus status = nr3d::cuda_status();
  nb::list devices;
  for (const auto& device : status.devices) {
    devices.append(nb::make_tuple(device.name.c_str(), device.major, device.minor));
  }
  nb::dict result;
  result["runtime_version"] = status.runtime_version;
  result["driver_version"] = status.driver_version;
  result["architectures"] = status.architectures.c_str();
  result["error"] = status.error.c_str();
  result["devices"] = devices;
  return result;
#else
  return nb::none();
#endif
}

NB_MODULE(_C, m) {
  m.def("instruction_set", [] { return nr3d::name_of(nr3d::best_isa()); });
  m.def("find_non_finite_float32", &find_non_finite<float>);
  m.def("find_non_finite_float64", &find_non_finite<double>);
  m.def("find_out_of_range_int32", &find_out_of_range<int32_t>);
  m.def("find_out_of_range_int64", &find_out_of_range<int64_t>);
  m.def("rasterize_float32", &rasterize<float>);
  m.def("rasterize_float64", &rasterize<double>);
  m.def("kato_gradient_float32", &kato_gradient<float>);
  m.def("kato_gradient_float64", &kato_gradient<double>);
  m.def("project_float32", &project<float>);
  m.def("project_float64", &project<double>);
  m.def("project_gradient_float32", &project_gradient<float>);
  m.def("project_gradient_float64", &project_gradient<double>);
  m.def("project_camera_gradient_float32", &project_camera_gradient<float>);
  m.def("project_camera_gradient_float64", &project_camera_gradient<double>);
  m.def("depth_gradient_float32", &depth_gradient<float>);
  m.def("depth_gradient_float64", &depth_gradient<double>);
  m.def("interpolate_vertices_float32", &interpolate_vertices<float>);
  m.def("interpolate_vertices_float64", &interpolate_vertices<double>);
  m.def("interpolate_vertices_gradient_float32", &interpolate_vertices_gradient<float>);
  m.def("interpolate_vertices_gradient_float64", &interpolate_vertices_gradient<double>);
  m.def("sample_cubes_float32", &sample_cubes<float>);
  m.def("sample_cubes_float64", &sample_cubes<double>);
  m.def("sample_cubes_gradient_float32", &sample_cubes_gradient<float>);
  m.def("sample_cubes_gradient_float64", &sample_cubes_gradient<double>);
  m.def("voxelize_float32", &voxelize<float>);
  m.def("voxelize_float64", &voxelize<double>);
  m.def("cuda_status", &cuda_status);
}
