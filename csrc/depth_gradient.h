// The exact gradient of the depth that is seen: the pixel stays where it is, the face moves.
#pragma once
#include <cstdint>

#include "fragments.h"
#include "rasterize.h"

namespace nr3d {

template <class T>
struct DepthGradientParams {
  Fragments<T> seen;
  const T* grad_depth;  // [M, H, W]
  T* grad_vertices;     // [M, V, 3] out: NDC x, y and depth
};

// What the pixels of a face give to its corners' x, y and z. `sums` are over the pixels, of
// gradient times squared depth times the corner's weight. With 1/depth = sum of w_m / z_m and
// weights w that keep the pixel in place, a corner that moves by d (pixels) changes them by -w_k
// m[.][xy] d.
template <class T>
NR3D_HD void corner_gradients(const RasterFace<T>& f, const T sums[3], int height, int width,
                              T grad[9]) {
  T slope[2];
  for (int l = 0; l < 2; ++l) {
    slope[l] = f.m[0][l] / f.z[0] + f.m[1][l] / f.z[1] + f.m[2][l] / f.z[2];
  }
  for (int k = 0; k < 3; ++k) {
    grad[3 * k] = slope[0] * sums[k] * width / 2;
    grad[3 * k + 1] = slope[1] * sums[k] * height / 2;
    grad[3 * k + 2] = sums[k] / (f.z[k] * f.z[k]);
  }
}

}  // namespace nr3d
