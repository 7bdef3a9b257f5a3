#include <nanobind/nanobind.h>
#if defined(NR3D_WITH_CUDA)
#include "device.h"
#endif
namespace nb = nanobind;

// Device query (nr3d doctor): None where CUDA is not compiled in.
static nb::object cuda_status() {
#if defined(NR3D_WITH_CUDA)
  const nr3d::CudaStatus status = nr3d::cuda_status();
  nb::list devices;
  for (const auto& device : status.devices) {
    devices.append(nb::make_tuple(device.name.c_str(), device.major, device.minor));
  }
  nb::dict result;
  result["runtime_version"] = status.runtime_version;
  result["driver_version"] = status.driver_version;
  result["architectures"] = status.architectures.c_str();
  result["error"] = status.error.c_str();
  result["devices"] = devices;
  return result;
#else
  return nb::none();
#endif
}
NB_MODULE(_C, m) {
  m.def("cuda_status", &cuda_status);
}
