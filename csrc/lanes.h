// What packs cannot do well without knowing the instruction set. No include guard: see isa.h.

namespace nr3d {
namespace NR3D_ISA {
namespace {

// One bit for each lane of a mask.
template <class Integers>
NR3D_HD uint32_t bits_of(const Integers& mask) {
  constexpr bool kIsSingle = sizeof(mask[0]) == 4;
#if NR3D_ISA_LEVEL >= 2
  if constexpr (kIsSingle) return _mm256_movemask_ps((__m256)mask);
  return _mm256_movemask_pd((__m256d)mask);
#elif NR3D_ISA_LEVEL == 1
  __m128 low, high;
  std::memcpy(&low, &mask, sizeof(low));
  std::memcpy(&high, reinterpret_cast<const char*>(&mask) + sizeof(low), sizeof(high));
  if constexpr (kIsSingle) return _mm_movemask_ps(low) | _mm_movemask_ps(high) << 4;
  return _mm_movemask_pd((__m128d)low) | _mm_movemask_pd((__m128d)high) << 2;
#else
  uint32_t bits = 0;
  for (int l = 0; l < (kIsSingle ? 8 : 4); ++l) bits |= static_cast<uint32_t>(mask[l] & 1) << l;
  return bits;
#endif
}

// Whether any lane of a mask is set.
template <class Integers>
NR3D_HD bool any(const Integers& mask) {
  return bits_of(mask) != 0;
}

// Append to `picked` the numbers of the lanes of a pack whose bits are set, counted from `first`.
// Room for a whole pack must be there.
template <class T>
NR3D_HD void pick(uint32_t bits, int first, int32_t* picked, int& num_picked) {
  constexpr int kLanes = Pack<T>::kLanes;
#if NR3D_ISA_LEVEL >= 3
  const __m256i lanes =
      _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(first));
  const __m256i packed = _mm256_maskz_compress_epi32(static_cast<__mmask8>(bits), lanes);
  std::memcpy(picked + num_picked, &packed, 4 * kLanes);
  num_picked += __builtin_popcount(bits);
#else
  int num = num_picked;
  for (int l = 0; l < kLanes; ++l) {
    picked[num] = first + l;
    num += bits >> l & 1;
  }
  num_picked = num;
#endif
}

// values[at[lane]] of every lane; `at` is a pack or an array. (The gathers of AVX2 are no faster
// than single loads, and on many machines slower.)
template <class V, class Value, class At, size_t... lane>
NR3D_HD V gather_lanes(const Value* values, const At& at, std::index_sequence<lane...>) {
  return V{static_cast<typename LaneOf<V>::type>(values[at[lane]])...};
}
template <class V, class Value, class At>
NR3D_HD V gather(const Value* values, const At& at) {
#if NR3D_ISA_LEVEL >= 3
  if constexpr (sizeof(Value) == 4 && sizeof(V{}[0]) == 4 && !std::is_pointer_v<At>) {
    return (V)_mm256_i32gather_epi32(reinterpret_cast<const int*>(values), (__m256i)at, 4);
  }
#endif
  return gather_lanes<V>(values, at, std::make_index_sequence<sizeof(V) / sizeof(V{}[0])>{});
}

}  // namespace
}  // namespace NR3D_ISA
}  // namespace nr3d
