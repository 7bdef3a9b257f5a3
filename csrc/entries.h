// The native ops with numbers for arguments: tensors cross as addresses. nr3d/ops has checked
// dtype, shape, device and contiguity, and allocated every output. What comes last says where an op
// runs: on the CPU the number of threads; on a CUDA device the address of its scratch memory, the
// device's index, the stream and the address of a Fault. With nothing there it runs nowhere, and
// gives the number of bytes of scratch memory that it would need on a CUDA device.
#pragma once
#include <cstdint>

#include "depth_gradient.h"
#include "interpolate_vertices.h"
#include "kato_gradient.h"
#include "ops.h"
#include "place.h"
#include "project.h"
#include "rasterize.h"
#include "sample_cubes.h"
#include "soft_silhouettes.h"
#include "voxelize.h"

namespace nr3d {
namespace entries {

template <class T>
T* pointer(uintptr_t address) {
  return reinterpret_cast<T*>(address);
}

#define NR3D_RUN_CPU(op, Params)                   \
  template <class T>                               \
  void run(const Params<T>& params, int threads) { \
    op##_cpu(params, threads);                     \
  }
#if defined(NR3D_WITH_CUDA)
#define NR3D_RUN(op, Params)                                                                   \
  NR3D_RUN_CPU(op, Params)                                                                     \
  template <class T>                                                                           \
  void run(const Params<T>& params, uintptr_t scratch, int device, uintptr_t stream,           \
           uintptr_t fault) {                                                                  \
    op##_cuda(params,                                                                          \
              {device, pointer<void>(stream), pointer<Fault>(fault), pointer<void>(scratch)}); \
  }                                                                                            \
  template <class T>                                                                           \
  int64_t run(const Params<T>& params) {                                                       \
    return op##_scratch(params);                                                               \
  }
#else
#define NR3D_RUN(op, Params) NR3D_RUN_CPU(op, Params)
#endif
NR3D_RUN(rasterize, RasterizeParams)
NR3D_RUN(kato_gradient, KatoGradientParams)
NR3D_RUN(project, ProjectParams)
NR3D_RUN(project_gradient, ProjectGradientParams)
NR3D_RUN(project_camera_gradient, ProjectCameraGradientParams)
NR3D_RUN(depth_gradient, DepthGradientParams)
NR3D_RUN(interpolate_vertices, InterpolateVerticesParams)
NR3D_RUN(interpolate_vertices_gradient, InterpolateVerticesGradientParams)
NR3D_RUN(sample_cubes, SampleCubesParams)
NR3D_RUN(sample_cubes_gradient, SampleCubesGradientParams)
NR3D_RUN(soft_silhouettes, SoftSilhouettesParams)
NR3D_RUN(soft_silhouettes_gradient, SoftSilhouettesGradientParams)
NR3D_RUN(voxelize, VoxelizeParams)
#undef NR3D_RUN
#undef NR3D_RUN_CPU

template <class T, class... Where>
auto rasterize(uintptr_t vertices, uintptr_t faces, uintptr_t face_index,
               uintptr_t short_face_index, uintptr_t depth, uintptr_t weights,
               uintptr_t silhouettes, int64_t num_meshes, int64_t num_vertices, int64_t num_faces,
               int height, int width, int factor, double near, double far, bool fill_back,
               Where... where) {
  return run(RasterizeParams<T>{pointer<const T>(vertices), pointer<const int32_t>(faces),
                                pointer<int32_t>(face_index), pointer<int16_t>(short_face_index),
                                pointer<T>(depth), pointer<T>(weights), pointer<T>(silhouettes),
                                num_meshes, num_vertices, num_faces, height, width, factor,
                                static_cast<T>(near), static_cast<T>(far), fill_back},
             where...);
}

template <class T, class... Where>
auto kato_gradient(uintptr_t vertices, uintptr_t faces, uintptr_t face_index,
                   uintptr_t short_face_index, uintptr_t image, uintptr_t grad_image,
                   uintptr_t grad_vertices, int64_t num_meshes, int64_t num_vertices,
                   int64_t num_faces, int num_channels, int height, int width, int factor,
                   double eps, Where... where) {
  return run(KatoGradientParams<T>{pointer<const T>(vertices), pointer<const int32_t>(faces),
                                   pointer<const int32_t>(face_index),
                                   pointer<const int16_t>(short_face_index),
                                   pointer<const T>(image), pointer<const T>(grad_image),
                                   pointer<T>(grad_vertices), num_meshes, num_vertices, num_faces,
                                   num_channels, height, width, factor, static_cast<T>(eps)},
             where...);
}

template <class T>
inline ViewParams<T> views(uintptr_t points, uintptr_t eyes, uintptr_t axes, int64_t num_meshes,
                           int64_t num_points, int64_t num_views, double tangent) {
  return {pointer<const T>(points),
          pointer<const T>(eyes),
          pointer<const T>(axes),
          num_meshes,
          num_points,
          num_views,
          static_cast<T>(tangent)};
}

template <class T, class... Where>
auto project(uintptr_t points, uintptr_t eyes, uintptr_t axes, int64_t num_meshes,
             int64_t num_points, int64_t num_views, double tangent, uintptr_t projected,
             Where... where) {
  return run(
      ProjectParams<T>{views<T>(points, eyes, axes, num_meshes, num_points, num_views, tangent),
                       pointer<T>(projected)},
      where...);
}

template <class T, class... Where>
auto project_gradient(uintptr_t points, uintptr_t eyes, uintptr_t axes, int64_t num_meshes,
                      int64_t num_points, int64_t num_views, double tangent,
                      uintptr_t grad_projected, uintptr_t grad_points, Where... where) {
  return run(ProjectGradientParams<T>{views<T>(points, eyes, axes, num_meshes, num_points,
                                               num_views, tangent),
                                      pointer<const T>(grad_projected), pointer<T>(grad_points)},
             where...);
}

template <class T, class... Where>
auto project_camera_gradient(uintptr_t points, uintptr_t eyes, uintptr_t axes, int64_t num_meshes,
                             int64_t num_points, int64_t num_views, double tangent,
                             uintptr_t grad_projected, uintptr_t grad_eyes, uintptr_t grad_axes,
                             Where... where) {
  return run(
      ProjectCameraGradientParams<T>{
          views<T>(points, eyes, axes, num_meshes, num_points, num_views, tangent),
          pointer<const T>(grad_projected), pointer<T>(grad_eyes), pointer<T>(grad_axes)},
      where...);
}

template <class T>
inline Fragments<T> fragments(uintptr_t vertices, uintptr_t faces, uintptr_t face_index,
                              uintptr_t depth, uintptr_t weights, int64_t num_meshes,
                              int64_t num_vertices, int64_t num_faces, int height, int width) {
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

template <class T, class... Where>
auto depth_gradient(uintptr_t vertices, uintptr_t faces, uintptr_t face_index, uintptr_t depth,
                    uintptr_t weights, int64_t num_meshes, int64_t num_vertices, int64_t num_faces,
                    int height, int width, uintptr_t grad_depth, uintptr_t grad_vertices,
                    Where... where) {
  return run(
      DepthGradientParams<T>{fragments<T>(vertices, faces, face_index, depth, weights, num_meshes,
                                          num_vertices, num_faces, height, width),
                             pointer<const T>(grad_depth), pointer<T>(grad_vertices)},
      where...);
}

template <class T, class... Where>
auto interpolate_vertices(uintptr_t vertices, uintptr_t faces, uintptr_t face_index,
                          uintptr_t depth, uintptr_t weights, int64_t num_meshes,
                          int64_t num_vertices, int64_t num_faces, int height, int width,
                          uintptr_t values, uintptr_t image, int64_t num_rows, int64_t num_channels,
                          Where... where) {
  return run(
      InterpolateVerticesParams<T>{fragments<T>(vertices, faces, face_index, depth, weights,
                                                num_meshes, num_vertices, num_faces, height, width),
                                   pointer<const T>(values), pointer<T>(image), num_rows,
                                   num_channels},
      where...);
}

template <class T, class... Where>
auto interpolate_vertices_gradient(uintptr_t vertices, uintptr_t faces, uintptr_t face_index,
                                   uintptr_t depth, uintptr_t weights, int64_t num_meshes,
                                   int64_t num_vertices, int64_t num_faces, int height, int width,
                                   uintptr_t grad_image, uintptr_t grad_values, int64_t num_rows,
                                   int64_t num_channels, Where... where) {
  return run(
      InterpolateVerticesGradientParams<T>{
          fragments<T>(vertices, faces, face_index, depth, weights, num_meshes, num_vertices,
                       num_faces, height, width),
          pointer<const T>(grad_image), pointer<T>(grad_values), num_rows, num_channels},
      where...);
}

template <class T, class... Where>
auto sample_cubes(uintptr_t vertices, uintptr_t faces, uintptr_t face_index, uintptr_t depth,
                  uintptr_t weights, int64_t num_meshes, int64_t num_vertices, int64_t num_faces,
                  int height, int width, uintptr_t cubes, uintptr_t image, int64_t num_rows,
                  int64_t num_channels, int64_t side, double eps, Where... where) {
  return run(SampleCubesParams<T>{fragments<T>(vertices, faces, face_index, depth, weights,
                                               num_meshes, num_vertices, num_faces, height, width),
                                  pointer<const T>(cubes), pointer<T>(image), num_rows,
                                  num_channels, side, static_cast<T>(eps)},
             where...);
}

template <class T, class... Where>
auto sample_cubes_gradient(uintptr_t vertices, uintptr_t faces, uintptr_t face_index,
                           uintptr_t depth, uintptr_t weights, int64_t num_meshes,
                           int64_t num_vertices, int64_t num_faces, int height, int width,
                           uintptr_t grad_image, uintptr_t grad_cubes, int64_t num_rows,
                           int64_t num_channels, int64_t side, double eps, Where... where) {
  return run(
      SampleCubesGradientParams<T>{fragments<T>(vertices, faces, face_index, depth, weights,
                                                num_meshes, num_vertices, num_faces, height, width),
                                   pointer<const T>(grad_image), pointer<T>(grad_cubes), num_rows,
                                   num_channels, side, static_cast<T>(eps)},
      where...);
}

template <class T>
inline SoftScene<T> soft_scene(uintptr_t vertices, uintptr_t faces, int64_t num_meshes,
                               int64_t num_vertices, int64_t num_faces, int height, int width,
                               double near, double far, double sigma) {
  return {pointer<const T>(vertices),
          pointer<const int32_t>(faces),
          num_meshes,
          num_vertices,
          num_faces,
          height,
          width,
          static_cast<T>(near),
          static_cast<T>(far),
          static_cast<T>(sigma)};
}

template <class T, class... Where>
auto soft_silhouettes(uintptr_t vertices, uintptr_t faces, int64_t num_meshes, int64_t num_vertices,
                      int64_t num_faces, int height, int width, double near, double far,
                      double sigma, uintptr_t silhouettes, uintptr_t transparency, Where... where) {
  return run(SoftSilhouettesParams<T>{soft_scene<T>(vertices, faces, num_meshes, num_vertices,
                                                    num_faces, height, width, near, far, sigma),
                                      pointer<T>(silhouettes), pointer<T>(transparency)},
             where...);
}

template <class T, class... Where>
auto soft_silhouettes_gradient(uintptr_t vertices, uintptr_t faces, int64_t num_meshes,
                               int64_t num_vertices, int64_t num_faces, int height, int width,
                               double near, double far, double sigma, uintptr_t transparency,
                               uintptr_t grad_silhouettes, uintptr_t grad_vertices,
                               Where... where) {
  return run(
      SoftSilhouettesGradientParams<T>{soft_scene<T>(vertices, faces, num_meshes, num_vertices,
                                                     num_faces, height, width, near, far, sigma),
                                       pointer<const T>(transparency),
                                       pointer<const T>(grad_silhouettes),
                                       pointer<T>(grad_vertices)},
      where...);
}

template <class T, class... Where>
auto voxelize(uintptr_t vertices, uintptr_t faces, uintptr_t voxels, int64_t num_meshes,
              int64_t num_vertices, int64_t num_faces, int resolution, bool fill, Where... where) {
  return run(VoxelizeParams<T>{pointer<const T>(vertices), pointer<const int32_t>(faces),
                               pointer<uint8_t>(voxels), num_meshes, num_vertices, num_faces,
                               resolution, fill},
             where...);
}

#define NR3D_FOR_EACH_OP(define_op)                                                                \
  define_op(rasterize) define_op(kato_gradient) define_op(project) define_op(project_gradient)     \
      define_op(project_camera_gradient) define_op(depth_gradient) define_op(interpolate_vertices) \
          define_op(interpolate_vertices_gradient) define_op(sample_cubes)                         \
              define_op(sample_cubes_gradient) define_op(soft_silhouettes)                         \
                  define_op(soft_silhouettes_gradient) define_op(voxelize)

// Call define(name, function) for every op and number type, on the CPU.
template <class Define>
void define_cpu(Define&& define) {
#define NR3D_DEFINE(op)                    \
  define(#op "_float32", &op<float, int>); \
  define(#op "_float64", &op<double, int>);
  NR3D_FOR_EACH_OP(NR3D_DEFINE)
#undef NR3D_DEFINE
}

#if defined(NR3D_WITH_CUDA)
// The same on CUDA devices, with the sizes of scratch memory.
template <class Define>
void define_cuda(Define&& define) {
#define NR3D_DEFINE(op)                                                           \
  define(#op "_cuda_float32", &op<float, uintptr_t, int, uintptr_t, uintptr_t>);  \
  define(#op "_cuda_float64", &op<double, uintptr_t, int, uintptr_t, uintptr_t>); \
  define(#op "_scratch_float32", &op<float>);                                     \
  define(#op "_scratch_float64", &op<double>);
  NR3D_FOR_EACH_OP(NR3D_DEFINE)
#undef NR3D_DEFINE
}
#endif
#undef NR3D_FOR_EACH_OP

}  // namespace entries
}  // namespace nr3d
