#include "kato_gradient.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "lines.h"
#include "ops.h"
#include "pack.h"
#include "parallel.h"

#define NR3D_KERNELS "kato_gradient_kernels.h"
#include "for_each_isa.h"

namespace nr3d {

template <class T>
void kato_gradient_cpu(const KatoGradientParams<T>& p, int threads) {
  NR3D_CALL_KERNEL(kato_gradient, p, threads);
}

template void kato_gradient_cpu(const KatoGradientParams<float>&, int);
template void kato_gradient_cpu(const KatoGradientParams<double>&, int);

}  // namespace nr3d
