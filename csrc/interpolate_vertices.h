// Values of the vertices at every pixel, as they lie on the surface (perspective-correct).
#pragma once
#include <cstdint>

#include "fragments.h"

namespace nr3d {

template <class T>
struct InterpolateVerticesParams {
  Fragments<T> seen;
  const T* values;                 // [rows, V, C]
  T* image;                        // [M, C, H, W] out: 0 where nothing is seen
  int64_t num_rows, num_channels;  // rows: M, or 1 that serves all
};

template <class T>
struct InterpolateVerticesGradientParams {
  Fragments<T> seen;
  const T* grad_image;  // [M, C, H, W]
  T* grad_values;       // [rows, V, C] out
  int64_t num_rows, num_channels;
};

}  // namespace nr3d
