// A band of rows of one image while it is drawn, bottom row first.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "pack.h"
#include "rasterize.h"

namespace nr3d {

// Padded so that no tile of pixels leaves it. Used again for one band after the other.
template <class T>
struct Band {
  static constexpr int kLanes = Pack<T>::kLanes;
  using Index = typename Pack<T>::Integer;

  int first_row = 0, num_rows = 0, stride;
  std::vector<T> x_centres;  // [stride] NDC of the columns
  std::vector<T> y_centres;  // [num_rows, padded] NDC of the rows
  std::vector<T> depth;      // [num_rows, stride] the nearest so far, as short_depth rounds it
  std::vector<Index> face;   // [num_rows, stride] the face at that depth

  Band(const RasterizeParams<T>& p, int most_rows)
      : stride(p.width + kLanes),
        x_centres(stride),
        y_centres(most_rows + 1),
        depth(static_cast<size_t>(most_rows + 1) * stride),
        face(static_cast<size_t>(most_rows + 1) * stride) {
    for (int i = 0; i < stride; ++i) x_centres[i] = pixel_centre<T>(i, p.width);
  }

  void start(const RasterizeParams<T>& p, int first, int count) {
    first_row = first;
    num_rows = count;
    for (int i = 0; i <= count; ++i) y_centres[i] = pixel_centre<T>(first + i, p.height);
    const int64_t size = static_cast<int64_t>(count + 1) * stride;
    std::fill_n(depth.begin(), size, p.far);
    std::fill_n(face.begin(), size, Index{-1});
  }
};

}  // namespace nr3d
