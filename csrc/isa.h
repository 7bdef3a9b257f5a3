// The CPU's instruction sets. Kernels that need more of them than a wider register are compiled for
// each in a namespace of its own and chosen when they are called:
//
//   #define NR3D_KERNELS "some_kernels.h"   // no include guard; its code in nr3d::NR3D_ISA
//   #include "for_each_isa.h"
//   NR3D_CALL_KERNEL(some_kernel, arguments);
//
// All give the same bits: no operation is contracted or reordered.
#pragma once

namespace nr3d {

enum class Isa { kBaseline, kAvx2, kAvx512 };

// The widest that this CPU has and the environment variable NR3D_ISA (baseline, avx2 or avx512)
// allows. Throws std::invalid_argument if the variable has another value.
Isa best_isa();

const char* name_of(Isa isa);

}  // namespace nr3d

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define NR3D_HAS_ISAS 1
#define NR3D_CALL_KERNEL(kernel, ...)       \
  switch (best_isa()) {                     \
    case Isa::kAvx512:                      \
      return avx512::kernel(__VA_ARGS__);   \
    case Isa::kAvx2:                        \
      return avx2::kernel(__VA_ARGS__);     \
    default:                                \
      return baseline::kernel(__VA_ARGS__); \
  }
#else
#define NR3D_HAS_ISAS 0
#define NR3D_CALL_KERNEL(kernel, ...) return baseline::kernel(__VA_ARGS__)
#endif
