// Includes NR3D_KERNELS for every instruction set; see isa.h. The standard library must be included
// before: what it instantiates is shared, and may use no instruction that some CPU lacks.
//
// NR3D_ISA is the namespace, NR3D_ISA_LEVEL says what it has: 0 only what the compiler makes of its
// own vector types, 1 SSE2, 2 AVX2, 3 AVX-512. (The compiler's own macros do not follow the
// pragma.)
#include "isa.h"
#if NR3D_HAS_ISAS
#include <immintrin.h>
#define NR3D_ISA_LEVEL 1
#else
#define NR3D_ISA_LEVEL 0
#endif

#define NR3D_ISA baseline
#include NR3D_KERNELS
#undef NR3D_ISA
#undef NR3D_ISA_LEVEL

#if NR3D_HAS_ISAS
#pragma GCC push_options
#pragma GCC target("avx2,popcnt")
#define NR3D_ISA avx2
#define NR3D_ISA_LEVEL 2
#include NR3D_KERNELS
#undef NR3D_ISA
#undef NR3D_ISA_LEVEL
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,popcnt,avx512f,avx512vl,avx512bw,avx512dq")
#define NR3D_ISA avx512
#define NR3D_ISA_LEVEL 3
#include NR3D_KERNELS
#undef NR3D_ISA
#undef NR3D_ISA_LEVEL
#pragma GCC pop_options
#endif
