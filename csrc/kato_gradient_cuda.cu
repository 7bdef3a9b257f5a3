#include "kato_gradient.h"

#include <stdexcept>

#include "launch.h"
#include "ops.h"

namespace nr3d {
template <class T>
void kato_gradient_cuda(const KatoGradientParams<T>&, const CudaPlace&) {
  throw std::runtime_error("kato_gradient: not written yet");
}
template <class T>
int64_t kato_gradient_scratch(const KatoGradientParams<T>&) {
  return 0;
}
template void kato_gradient_cuda(const KatoGradientParams<float>&, const CudaPlace&);
template int64_t kato_gradient_scratch(const KatoGradientParams<float>&);
template void kato_gradient_cuda(const KatoGradientParams<double>&, const CudaPlace&);
template int64_t kato_gradient_scratch(const KatoGradientParams<double>&);
}  // namespace nr3d
