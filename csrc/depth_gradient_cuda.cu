#include "depth_gradient.h"

#include <stdexcept>

#include "launch.h"
#include "ops.h"

namespace nr3d {
template <class T>
void depth_gradient_cuda(const DepthGradientParams<T>&, const CudaPlace&) {
  throw std::runtime_error("depth_gradient: not written yet");
}
template <class T>
int64_t depth_gradient_scratch(const DepthGradientParams<T>&) {
  return 0;
}
template void depth_gradient_cuda(const DepthGradientParams<float>&, const CudaPlace&);
template int64_t depth_gradient_scratch(const DepthGradientParams<float>&);
template void depth_gradient_cuda(const DepthGradientParams<double>&, const CudaPlace&);
template int64_t depth_gradient_scratch(const DepthGradientParams<double>&);
}  // namespace nr3d
