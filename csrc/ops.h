// The native ops as bind.cpp sees them.
#pragma once
#include <cstdint>

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
struct SoftSilhouettesParams;
template <class T>
struct SoftSilhouettesGradientParams;
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
void soft_silhouettes_cpu(const SoftSilhouettesParams<T>& params, int threads);
template <class T>
void soft_silhouettes_gradient_cpu(const SoftSilhouettesGradientParams<T>& params, int threads);
template <class T>
void voxelize_cpu(const VoxelizeParams<T>& params, int threads);

#if defined(NR3D_WITH_CUDA)
struct CudaPlace;

template <class T>
void rasterize_cuda(const RasterizeParams<T>& params, const CudaPlace& place);
template <class T>
void kato_gradient_cuda(const KatoGradientParams<T>& params, const CudaPlace& place);
template <class T>
void project_cuda(const ProjectParams<T>& params, const CudaPlace& place);
template <class T>
void project_gradient_cuda(const ProjectGradientParams<T>& params, const CudaPlace& place);
template <class T>
void project_camera_gradient_cuda(const ProjectCameraGradientParams<T>& params,
                                  const CudaPlace& place);
template <class T>
void depth_gradient_cuda(const DepthGradientParams<T>& params, const CudaPlace& place);
template <class T>
void interpolate_vertices_cuda(const InterpolateVerticesParams<T>& params, const CudaPlace& place);
template <class T>
void interpolate_vertices_gradient_cuda(const InterpolateVerticesGradientParams<T>& params,
                                        const CudaPlace& place);
template <class T>
void sample_cubes_cuda(const SampleCubesParams<T>& params, const CudaPlace& place);
template <class T>
void sample_cubes_gradient_cuda(const SampleCubesGradientParams<T>& params, const CudaPlace& place);
template <class T>
void soft_silhouettes_cuda(const SoftSilhouettesParams<T>& params, const CudaPlace& place);
template <class T>
void soft_silhouettes_gradient_cuda(const SoftSilhouettesGradientParams<T>& params,
                                    const CudaPlace& place);
template <class T>
void voxelize_cuda(const VoxelizeParams<T>& params, const CudaPlace& place);

// Bytes of device memory that an op works in.
template <class T>
int64_t rasterize_scratch(const RasterizeParams<T>& params);
template <class T>
int64_t kato_gradient_scratch(const KatoGradientParams<T>& params);
template <class T>
int64_t project_scratch(const ProjectParams<T>& params);
template <class T>
int64_t project_gradient_scratch(const ProjectGradientParams<T>& params);
template <class T>
int64_t project_camera_gradient_scratch(const ProjectCameraGradientParams<T>& params);
template <class T>
int64_t depth_gradient_scratch(const DepthGradientParams<T>& params);
template <class T>
int64_t interpolate_vertices_scratch(const InterpolateVerticesParams<T>& params);
template <class T>
int64_t interpolate_vertices_gradient_scratch(const InterpolateVerticesGradientParams<T>& params);
template <class T>
int64_t sample_cubes_scratch(const SampleCubesParams<T>& params);
template <class T>
int64_t sample_cubes_gradient_scratch(const SampleCubesGradientParams<T>& params);
template <class T>
int64_t soft_silhouettes_scratch(const SoftSilhouettesParams<T>& params);
template <class T>
int64_t soft_silhouettes_gradient_scratch(const SoftSilhouettesGradientParams<T>& params);
template <class T>
int64_t voxelize_scratch(const VoxelizeParams<T>& params);
#endif

}  // namespace nr3d
