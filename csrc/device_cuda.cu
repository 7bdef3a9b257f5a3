// The device query behind `nr3d doctor`. It launches nothing and creates no context.
#include <cuda_runtime.h>

#include "device.h"

namespace nr3d {

CudaStatus cuda_status() {
  CudaStatus status{CUDART_VERSION, 0, NR3D_CUDA_ARCHITECTURES, "", {}};
  if (cudaDriverGetVersion(&status.driver_version) != cudaSuccess) status.driver_version = 0;
  int count = 0;
  cudaError_t error = cudaGetDeviceCount(&count);
  for (int index = 0; error == cudaSuccess && index < count; ++index) {
    cudaDeviceProp properties;
    error = cudaGetDeviceProperties(&properties, index);
    if (error == cudaSuccess) {
      status.devices.push_back({properties.name, properties.major, properties.minor});
    }
  }
  if (error != cudaSuccess) {
    status.error = cudaGetErrorString(error);
    cudaGetLastError();  // a failed query must not surface in the next kernel's check
  }
  return status;
}

}  // namespace nr3d
