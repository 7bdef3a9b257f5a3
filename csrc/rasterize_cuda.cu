#include "rasterize.h"

#include <stdexcept>

#include "launch.h"
#include "ops.h"

namespace nr3d {
template <class T>
void rasterize_cuda(const RasterizeParams<T>&, const CudaPlace&) {
  throw std::runtime_error("rasterize: not written yet");
}
template <class T>
int64_t rasterize_scratch(const RasterizeParams<T>&) {
  return 0;
}
template void rasterize_cuda(const RasterizeParams<float>&, const CudaPlace&);
template int64_t rasterize_scratch(const RasterizeParams<float>&);
template void rasterize_cuda(const RasterizeParams<double>&, const CudaPlace&);
template int64_t rasterize_scratch(const RasterizeParams<double>&);
}  // namespace nr3d
