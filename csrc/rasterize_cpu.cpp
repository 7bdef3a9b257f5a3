#include "rasterize.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "band.h"
#include "ops.h"
#include "pack.h"
#include "parallel.h"

#define NR3D_KERNELS "rasterize_kernels.h"
#include "for_each_isa.h"

namespace nr3d {

template <class T>
void rasterize_cpu(const RasterizeParams<T>& p, int threads) {
  NR3D_CALL_KERNEL(rasterize, p, threads);
}

template void rasterize_cpu(const RasterizeParams<float>&, int);
template void rasterize_cpu(const RasterizeParams<double>&, int);

}  // namespace nr3d
