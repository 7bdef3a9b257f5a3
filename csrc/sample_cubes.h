// Colors from one cube of values for each face (Kato et al. 2018): a point of the face is looked up
// at its barycentric weights, one axis for each corner.
#pragma once
#include <cstdint>

#include "fragments.h"

namespace nr3d {

template <class T>
struct SampleCubesParams {
  Fragments<T> seen;
  const T* cubes;                  // [rows, F, S, S, S, C] axis k belongs to corner k of the face
  T* image;                        // [M, C, H, W] out: 0 where nothing is seen
  int64_t num_rows, num_channels;  // rows: M, or 1 that serves all
  int64_t side;                    // S
  T eps;                           // the last position of an axis is S - 1 - eps
};

template <class T>
struct SampleCubesGradientParams {
  Fragments<T> seen;
  const T* grad_image;  // [M, C, H, W]
  T* grad_cubes;        // [rows, F, S, S, S, C] out
  int64_t num_rows, num_channels;
  int64_t side;
  T eps;
};

// Eight texels of a cube and their weights.
template <class T>
struct Texels {
  int64_t at[8];
  T weight[8];
};

// Where axis k is looked up: between two texels, `share` of the way to the second.
template <class T>
struct AxisPosition {
  int64_t texel[2];
  T share;
};
template <class T>
NR3D_HD AxisPosition<T> axis_position(T weight, int64_t side, T eps) {
  const T zero = T(0), extent = static_cast<T>(side - 1);
  const T most = extent - eps > zero ? extent - eps : zero;
  T t = weight * extent;
  t = t > zero ? t : zero;  // NaN becomes 0
  t = t < most ? t : most;
  const int64_t lower = static_cast<int64_t>(t);
  return {{lower, lower + 1 < side ? lower + 1 : lower}, t - static_cast<T>(lower)};
}

// `weights` are perspective-correct, in drawing order; a back's corners count in reverse.
template <class T>
NR3D_HD Texels<T> texels_at(const T weights[3], bool is_back, int64_t side, T eps) {
  AxisPosition<T> axes[3];
  for (int k = 0; k < 3; ++k)
    axes[k] = axis_position(is_back ? weights[2 - k] : weights[k], side, eps);
  Texels<T> texels;
  for (int n = 0; n < 8; ++n) {
    texels.at[n] = 0;
    texels.weight[n] = T(1);
    for (int k = 0; k < 3; ++k) {
      const int upper = n >> k & 1;
      texels.at[n] = texels.at[n] * side + axes[k].texel[upper];
      texels.weight[n] *= upper ? axes[k].share : T(1) - axes[k].share;
    }
  }
  return texels;
}

// Those of a pixel that shows `face`. `pixel` counts those of all meshes.
template <class T>
NR3D_HD Texels<T> texels_of(const Fragments<T>& seen, int64_t mesh, int64_t pixel, int64_t face,
                            int64_t side, T eps) {
  int32_t corners[3];
  T w[3];
  surface_weights(seen, mesh, pixel, face, corners, w);
  return texels_at(w, face >= seen.num_faces, side, eps);
}

// Whether texel n is one of those before it: at the end of an axis the upper is the lower one. Its
// weight is 0 then.
template <class T>
NR3D_HD bool is_repeated(const Texels<T>& texels, int n) {
  bool found = false;
  for (int k = 0; k < 3; ++k) found |= (n >> k & 1) && texels.at[n] == texels.at[n ^ 1 << k];
  return found;
}

}  // namespace nr3d
