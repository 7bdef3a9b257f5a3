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
void voxelize_cpu(const VoxelizeParams<T>& params, int threads);

}  // namespace nr3d
