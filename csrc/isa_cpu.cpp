#include "isa.h"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace nr3d {
namespace {

Isa isa_of_cpu() {
#if NR3D_HAS_ISAS
  __builtin_cpu_init();
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                          __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
  if (has_avx2) return has_avx512 ? Isa::kAvx512 : Isa::kAvx2;
#endif
  return Isa::kBaseline;
}

Isa find_best_isa() {
  const Isa has = isa_of_cpu();
  const char* wanted = std::getenv("NR3D_ISA");
  if (!wanted || !*wanted) return has;
  for (const Isa isa : {Isa::kBaseline, Isa::kAvx2, Isa::kAvx512}) {
    if (std::string(wanted) == name_of(isa)) return isa < has ? isa : has;
  }
  throw std::invalid_argument(
      "NR3D_ISA: the environment variable must be baseline, avx2 or avx512, got " +
      std::string(wanted));
}

}  // namespace

Isa best_isa() {
  static const Isa isa = find_best_isa();
  return isa;
}

const char* name_of(Isa isa) {
  return isa == Isa::kAvx512 ? "avx512" : isa == Isa::kAvx2 ? "avx2" : "baseline";
}

}  // namespace nr3d
