// The Python module nr3d._C.
#include <nanobind/nanobind.h>

#include <cstdint>

#include "checks.h"
#include "entries.h"
#include "isa.h"
#if defined(NR3D_WITH_CUDA)
#include "device.h"
#endif
namespace nb = nanobind;

template <class T>
static int64_t find_non_finite(uintptr_t values, int64_t count) {
  nb::gil_scoped_release released;
  return nr3d::find_non_finite(nr3d::entries::pointer<const T>(values), count);
}

template <class T>
static int64_t find_out_of_range(uintptr_t values, int64_t count, int64_t low, int64_t high) {
  nb::gil_scoped_release released;
  return nr3d::find_out_of_range(nr3d::entries::pointer<const T>(values), count, low, high);
}

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
  m.def("instruction_set", [] { return nr3d::name_of(nr3d::best_isa()); });
  m.def("find_non_finite_float32", &find_non_finite<float>);
  m.def("find_non_finite_float64", &find_non_finite<double>);
  m.def("find_out_of_range_int32", &find_out_of_range<int32_t>);
  m.def("find_out_of_range_int64", &find_out_of_range<int64_t>);
  const auto define = [&m](const char* name, auto function) {
    m.def(name, function, nb::call_guard<nb::gil_scoped_release>());
  };
  nr3d::entries::define_cpu(define);
#if defined(NR3D_WITH_CUDA)
  nr3d::entries::define_cuda(define);
#endif
  m.def("cuda_status", &cuda_status);
}
