#include "interpolate_vertices.h"

#include <stdexcept>

#include "launch.h"
#include "ops.h"

namespace nr3d {
template <class T>
void interpolate_vertices_cuda(const InterpolateVerticesParams<T>&, const CudaPlace&) {
  throw std::runtime_error("interpolate_vertices: not written yet");
}
template <class T>
int64_t interpolate_vertices_scratch(const InterpolateVerticesParams<T>&) {
  return 0;
}
template void interpolate_vertices_cuda(const InterpolateVerticesParams<float>&, const CudaPlace&);
template int64_t interpolate_vertices_scratch(const InterpolateVerticesParams<float>&);
template void interpolate_vertices_cuda(const InterpolateVerticesParams<double>&, const CudaPlace&);
template int64_t interpolate_vertices_scratch(const InterpolateVerticesParams<double>&);
template <class T>
void interpolate_vertices_gradient_cuda(const InterpolateVerticesGradientParams<T>&,
                                        const CudaPlace&) {
  throw std::runtime_error("interpolate_vertices_gradient: not written yet");
}
template <class T>
int64_t interpolate_vertices_gradient_scratch(const InterpolateVerticesGradientParams<T>&) {
  return 0;
}
template void interpolate_vertices_gradient_cuda(const InterpolateVerticesGradientParams<float>&,
                                                 const CudaPlace&);
template int64_t interpolate_vertices_gradient_scratch(
    const InterpolateVerticesGradientParams<float>&);
template void interpolate_vertices_gradient_cuda(const InterpolateVerticesGradientParams<double>&,
                                                 const CudaPlace&);
template int64_t interpolate_vertices_gradient_scratch(
    const InterpolateVerticesGradientParams<double>&);
}  // namespace nr3d
