#include "voxelize.h"

#include <stdexcept>

#include "launch.h"
#include "ops.h"

namespace nr3d {
template <class T>
void voxelize_cuda(const VoxelizeParams<T>&, const CudaPlace&) {
  throw std::runtime_error("voxelize: not written yet");
}
template <class T>
int64_t voxelize_scratch(const VoxelizeParams<T>&) {
  return 0;
}
template void voxelize_cuda(const VoxelizeParams<float>&, const CudaPlace&);
template int64_t voxelize_scratch(const VoxelizeParams<float>&);
template void voxelize_cuda(const VoxelizeParams<double>&, const CudaPlace&);
template int64_t voxelize_scratch(const VoxelizeParams<double>&);
}  // namespace nr3d
