#include "sample_cubes.h"

#include <stdexcept>

#include "launch.h"
#include "ops.h"

namespace nr3d {
template <class T>
void sample_cubes_cuda(const SampleCubesParams<T>&, const CudaPlace&) {
  throw std::runtime_error("sample_cubes: not written yet");
}
template <class T>
int64_t sample_cubes_scratch(const SampleCubesParams<T>&) {
  return 0;
}
template void sample_cubes_cuda(const SampleCubesParams<float>&, const CudaPlace&);
template int64_t sample_cubes_scratch(const SampleCubesParams<float>&);
template void sample_cubes_cuda(const SampleCubesParams<double>&, const CudaPlace&);
template int64_t sample_cubes_scratch(const SampleCubesParams<double>&);
template <class T>
void sample_cubes_gradient_cuda(const SampleCubesGradientParams<T>&, const CudaPlace&) {
  throw std::runtime_error("sample_cubes_gradient: not written yet");
}
template <class T>
int64_t sample_cubes_gradient_scratch(const SampleCubesGradientParams<T>&) {
  return 0;
}
template void sample_cubes_gradient_cuda(const SampleCubesGradientParams<float>&, const CudaPlace&);
template int64_t sample_cubes_gradient_scratch(const SampleCubesGradientParams<float>&);
template void sample_cubes_gradient_cuda(const SampleCubesGradientParams<double>&,
                                         const CudaPlace&);
template int64_t sample_cubes_gradient_scratch(const SampleCubesGradientParams<double>&);
}  // namespace nr3d
