#include "soft_silhouettes.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "face_runs.h"  // share_threads
#include "ops.h"
#include "pack.h"
#include "parallel.h"

#define NR3D_KERNELS "soft_silhouettes_kernels.h"
#include "for_each_isa.h"

namespace nr3d {

template <class T>
void soft_silhouettes_cpu(const SoftSilhouettesParams<T>& p, int threads) {
  NR3D_CALL_KERNEL(soft_silhouettes, p, threads);
}

template <class T>
void soft_silhouettes_gradient_cpu(const SoftSilhouettesGradientParams<T>& p, int threads) {
  NR3D_CALL_KERNEL(soft_silhouettes_gradient, p, threads);
}

template void soft_silhouettes_cpu(const SoftSilhouettesParams<float>&, int);
template void soft_silhouettes_cpu(const SoftSilhouettesParams<double>&, int);
template void soft_silhouettes_gradient_cpu(const SoftSilhouettesGradientParams<float>&, int);
template void soft_silhouettes_gradient_cpu(const SoftSilhouettesGradientParams<double>&, int);

}  // namespace nr3d
