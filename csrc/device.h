// What the CUDA half of the build sees of this machine. Never throws: no driver means no devices.
#pragma once
#include <string>
#include <vector>

namespace nr3d {

struct Device {
  std::string name;
  int major;  // compute capability
  int minor;
};

struct CudaStatus {
  int runtime_version;  // of the runtime linked in: 1000 * major + 10 * minor
  int driver_version;   // the newest CUDA the driver supports, same coding; 0 without a driver
  std::string architectures;  // compiled in, as CMake names them: "75-real 90-real 90-virtual"
  std::string error;          // why there are no devices; empty where there are some
  std::vector<Device> devices;
};

CudaStatus cuda_status();

}  // namespace nr3d
