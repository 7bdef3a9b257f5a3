#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "ops.h"
#include "parallel.h"
#include "rasterize.h"

namespace nr3d {
namespace {

constexpr int kLanes = 16;  // pixels tested at once; buffers are padded by as many

// A band of rows of one image while it is drawn, bottom row first.
template <class T>
struct Band {
  int first_row, num_rows, stride;
  std::vector<T> x_centres;   // [stride] NDC of the columns
  std::vector<T> depth;       // [num_rows, stride] nearest depth so far
  std::vector<int32_t> face;  // [num_rows, stride] the face at that depth

  Band(int first, int count, int width, T far)
      : first_row(first),
        num_rows(count),
        stride(width + kLanes),
        x_centres(stride),
        depth(static_cast<size_t>(count) * stride, far),
        face(static_cast<size_t>(count) * stride, -1) {
    for (int i = 0; i < stride; ++i) x_centres[i] = pixel_centre<T>(i, width);
  }
};

// Draw the pixels [first, last] of one row. Lanes past `last` are outside the face, or outside the
// image in the padding, so that none needs a mask.
template <class T>
NR3D_HD void draw_row(const RasterFace<T>& f, int32_t face, const T* x_centres, T y, T j,
                      PixelRange columns, T near, T* depth, int32_t* winner) {
  for (int i0 = columns.first; i0 <= columns.last; i0 += kLanes) {
    int32_t inside[kLanes];
    int32_t any = 0;
    for (int l = 0; l < kLanes; ++l) {
      inside[l] = covers(f, x_centres[i0 + l], y) & (i0 + l <= columns.last);
      any |= inside[l];
    }
    if (any == 0) continue;
    for (int l = 0; l < kLanes; ++l) {
      T w[3];
      weights_at(f, static_cast<T>(i0 + l), j, w);
      const T z = depth_at(w, f.z);
      const bool nearer = (inside[l] != 0) & (z > near) & (z < depth[i0 + l]);
      depth[i0 + l] = nearer ? z : depth[i0 + l];
      winner[i0 + l] = nearer ? face : winner[i0 + l];
    }
  }
}

template <class T>
NR3D_HD void draw_face(RasterFace<T>& f, int32_t face, const RasterizeParams<T>& p, Band<T>& band) {
  const PixelRange rows = pixel_range(f.y[0], f.y[1], f.y[2], p.height);
  const int first = std::max(rows.first, band.first_row);
  const int last = std::min(rows.last, band.first_row + band.num_rows - 1);
  if (first > last) return;
  const PixelRange columns = pixel_range(f.x[0], f.x[1], f.x[2], p.width);
  if (columns.first > columns.last) return;
  set_weights(f, p.height, p.width);
  for (int row = first; row <= last; ++row) {
    const size_t offset = static_cast<size_t>(row - band.first_row) * band.stride;
    draw_row(f, face, band.x_centres.data(), pixel_centre<T>(row, p.height), static_cast<T>(row),
             columns, p.near, band.depth.data() + offset, band.face.data() + offset);
  }
}

template <class T>
NR3D_HD void draw_band(const RasterizeParams<T>& p, const T* vertices, Band<T>& band) {
  const int64_t num_drawn = p.fill_back ? 2 * p.num_faces : p.num_faces;
  for (int64_t face = 0; face < num_drawn; ++face) {
    RasterFace<T> f;
    if (load_face(vertices, p.faces, p.num_faces, face, f)) {
      draw_face(f, static_cast<int32_t>(face), p, band);
    }
  }
}

// target_clones takes no templates: one plain function a scalar.
NR3D_VECTOR_CLONES void draw(const RasterizeParams<float>& p, const float* vertices,
                             Band<float>& band) {
  draw_band(p, vertices, band);
}
NR3D_VECTOR_CLONES void draw(const RasterizeParams<double>& p, const double* vertices,
                             Band<double>& band) {
  draw_band(p, vertices, band);
}

template <class T>
void store_weights(const RasterizeParams<T>& p, const T* vertices, const int32_t* faces_seen,
                   int row, T* weights) {
  for (int i = 0; i < p.width; ++i, weights += 3) {
    if (faces_seen[i] < 0) {
      std::fill(weights, weights + 3, T(0));
      continue;
    }
    RasterFace<T> f;
    load_face(vertices, p.faces, p.num_faces, faces_seen[i], f);
    set_weights(f, p.height, p.width);
    weights_at(f, static_cast<T>(i), static_cast<T>(row), weights);
  }
}

// Write the share of covered pixels of each factor x factor block.
template <class T>
void store_silhouette(const RasterizeParams<T>& p, int64_t mesh, const Band<T>& band) {
  const int width = p.width / p.factor, height = p.height / p.factor;
  const T share = T(1) / (p.factor * p.factor);
  std::vector<int32_t> covered(width);
  for (int k = 0; k < band.num_rows; k += p.factor) {
    std::fill(covered.begin(), covered.end(), 0);
    for (int row = k; row < k + p.factor; ++row) {
      const int32_t* faces_seen = band.face.data() + static_cast<size_t>(row) * band.stride;
      for (int i = 0; i < width; ++i) {
        for (int l = 0; l < p.factor; ++l) covered[i] += faces_seen[i * p.factor + l] >= 0;
      }
    }
    const int64_t row = height - 1 - (band.first_row + k) / p.factor;
    T* out = p.silhouettes + (mesh * height + row) * width;
    for (int i = 0; i < width; ++i) out[i] = share * covered[i];
  }
}

// Write the band to the output, whose row 0 is the top.
template <class T>
void store_band(const RasterizeParams<T>& p, int64_t mesh, const T* vertices, const Band<T>& band) {
  for (int k = 0; k < band.num_rows; ++k) {
    const int row = band.first_row + k;
    const int32_t* faces_seen = band.face.data() + static_cast<size_t>(k) * band.stride;
    const int64_t out = (mesh * p.height + p.height - 1 - row) * p.width;
    std::memcpy(p.face_index + out, faces_seen, sizeof(int32_t) * p.width);
    if (p.depth) {
      std::memcpy(p.depth + out, band.depth.data() + static_cast<size_t>(k) * band.stride,
                  sizeof(T) * p.width);
    }
    if (p.weights) store_weights(p, vertices, faces_seen, row, p.weights + 3 * out);
  }
  if (p.silhouettes) store_silhouette(p, mesh, band);
}

}  // namespace

template <class T>
void rasterize_cpu(const RasterizeParams<T>& p, int threads) {
  // An image is drawn whole where there are enough of them, else in bands.
  const int64_t bands_wanted =
      std::max<int64_t>(1, 4 * threads / std::max<int64_t>(p.num_meshes, 1));
  const int64_t num_bands = threads > 1 ? std::min<int64_t>(bands_wanted, (p.height + 31) / 32) : 1;
  const int even_rows = static_cast<int>((p.height + num_bands - 1) / num_bands);
  const int rows = (even_rows + p.factor - 1) / p.factor * p.factor;
  parallel_for(p.num_meshes * num_bands, 1, threads, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t mesh = task / num_bands;
      const int first = static_cast<int>(task % num_bands) * rows;
      if (first >= p.height) continue;
      const T* vertices = p.vertices + mesh * p.num_vertices * 3;
      Band<T> band(first, std::min(rows, p.height - first), p.width, p.far);
      draw(p, vertices, band);
      store_band(p, mesh, vertices, band);
    }
  });
}

template void rasterize_cpu(const RasterizeParams<float>&, int);
template void rasterize_cpu(const RasterizeParams<double>&, int);

}  // namespace nr3d
