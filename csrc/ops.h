// The native ops as bind.cpp sees them.
#pragma once

namespace nr3d {

template <class T>
struct RasterizeParams;
template <class T>
struct KatoGradientParams;
template <class T>
struct ProjectParams;
template <class T>
struct ProjectGradientParams;
template <class T>
struct ProjectCameraGradientParams;
template <class T>
struct DepthGradientParams;
template <class T>
struct InterpolateVerticesParams;
template <class T>
struct InterpolateVerticesGradientParams;
template <class T>
struct SampleCubesParams;
template <class T>
struct SampleCubesGradientParams;
template <class T>
struct VoxelizeParams;

template <class T>
void rasterize_cpu(const RasterizeParams<T>& params, int threads);
template <class T>
void kato_gradient_cpu(const KatoGradientParams<T>& params, int threads);
template <class T>
void project_cpu(const ProjectParams<T>& params, int threads);
template <class T>
void project_gradient_cpu(const ProjectGradientParams<T>& params, int threads);
template <class T>
void project_camera_gradient_cpu(const ProjectCameraGradientParams<T>& params, int threads);
template <class T>
void depth_gradient_cpu(const DepthGradientParams<T>& params, int threads);
template <class T>
void interpolate_vertices_cpu(const InterpolateVerticesParams<T>& params, int threads);
template <class T>
void interpolate_vertices_gradient_cpu(const InterpolateVerticesGradientParams<T>& params,
                                       int threads);
template <class T>
void sample_cubes_cpu(const SampleCubesParams<T>& params, int threads);
template <class T>
void sample_cubes_gradient_cpu(const SampleCubesGradientParams<T>& params, int threads);
template <class T>
void voxelize_cpu(const VoxelizeParams<T>& params, int threads);

}  // namespace nr3d
