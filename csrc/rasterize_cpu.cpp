#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "ops.h"
#include "parallel.h"
#include "rasterize.h"

namespace nr3d {
namespace {

constexpr int kLanes = 16;  // pixels tested at once: a tile of 4 x 4 or 16 x 1
constexpr int kMostRows = 4;

// A band of rows of one image while it is drawn, bottom row first; padded so that no tile leaves
// it.
template <class T>
struct Band {
  int first_row, num_rows, stride;
  std::vector<T> x_centres, y_centres;  // NDC of the columns and of the band's rows
  std::vector<T> depth;       // [num_rows, stride] the nearest so far, as short_depth rounds it
  std::vector<int32_t> face;  // [num_rows, stride] the face at that depth

  Band(const RasterizeParams<T>& p, int first, int count)
      : first_row(first),
        num_rows(count),
        stride(p.width + kLanes),
        x_centres(stride),
        y_centres(count + kMostRows),
        depth(static_cast<size_t>(count + kMostRows) * stride, p.far),
        face(static_cast<size_t>(count + kMostRows) * stride, -1) {
    for (int i = 0; i < stride; ++i) x_centres[i] = pixel_centre<T>(i, p.width);
    for (int i = 0; i < count + kMostRows; ++i) y_centres[i] = pixel_centre<T>(first + i, p.height);
  }
};

// A face being drawn, and the pixels of the band it can cover.
template <class T>
struct Drawing {
  RasterFace<T> f;
  int32_t face;
  PixelRange columns, rows;
  T right, top;  // the largest coordinates of its corners, NDC
  T inverse_z[3];
  bool is_regular;  // short_depth is close to the exact depth
};

// The depth with one division instead of seven. Where no corner is at or behind the camera it
// differs from the exact one by a few units in the last place.
template <class T>
NR3D_HD T short_depth(const Drawing<T>& d, T i, T j) {
  T w[3];
  for (int k = 0; k < 3; ++k) w[k] = clamp_weight(d.f.m[k][0] * i + d.f.m[k][1] * j + d.f.m[k][2]);
  return (w[0] + w[1] + w[2]) /
         (w[0] * d.inverse_z[0] + w[1] * d.inverse_z[1] + w[2] * d.inverse_z[2]);
}

template <class T>
NR3D_HD T exact_depth(const RasterFace<T>& f, int column, int row) {
  T w[3];
  weights_at(f, static_cast<T>(column), static_cast<T>(row), w);
  return depth_at(w, f.z);
}

// The exact depth of a face number at a pixel.
template <class T>
T exact_depth_of(const RasterizeParams<T>& p, const T* vertices, int32_t face, int column,
                 int row) {
  RasterFace<T> f;
  load_face(vertices, p.faces, p.num_faces, face, f);
  set_weights(f, p.height, p.width);
  return exact_depth(f, column, row);
}

// Decide one pixel by exact depths.
template <class T>
void draw_exactly(const RasterizeParams<T>& p, const T* vertices, const Drawing<T>& d, int column,
                  int row, T& depth, int32_t& winner) {
  const T z = exact_depth(d.f, column, row);
  const T nearest = winner < 0 ? p.far : exact_depth_of(p, vertices, winner, column, row);
  if (z > p.near && z < nearest) {
    depth = z;
    winner = d.face;
  }
}

// Draw the tile of kColumns x 16 / kColumns pixels whose bottom left one is (column, row of the
// band). Pixels whose short depths are too close to call are decided by the exact ones.
template <int kColumns, class T>
NR3D_HD void draw_tile(const RasterizeParams<T>& p, const T* vertices, const Drawing<T>& d,
                       Band<T>& band, int column, int row) {
  constexpr int kRows = kLanes / kColumns;
  T x[kLanes], y[kLanes];
  for (int r = 0; r < kRows; ++r) {
    std::memcpy(x + r * kColumns, band.x_centres.data() + column, kColumns * sizeof(T));
    for (int c = 0; c < kColumns; ++c) y[r * kColumns + c] = band.y_centres[row + r];
  }
  int32_t inside[kLanes], any = 0;
  for (int l = 0; l < kLanes; ++l) {
    inside[l] = covers(d.f, x[l], y[l]) & (x[l] <= d.right) & (y[l] <= d.top);
    any |= inside[l];
  }
  if (any == 0) return;
  T* depth = band.depth.data() + static_cast<size_t>(row) * band.stride + column;
  int32_t* face = band.face.data() + static_cast<size_t>(row) * band.stride + column;
  T nearest[kLanes];
  int32_t winner[kLanes], unclear[kLanes], any_unclear = 0;
  for (int r = 0; r < kRows; ++r) {
    std::memcpy(nearest + r * kColumns, depth + r * band.stride, kColumns * sizeof(T));
    std::memcpy(winner + r * kColumns, face + r * band.stride, kColumns * sizeof(int32_t));
  }
  const int32_t all_unclear = !d.is_regular;
  for (int l = 0; l < kLanes; ++l) {
    const T i = static_cast<T>(column + l % kColumns);
    const T j = static_cast<T>(band.first_row + row + l / kColumns);
    const T z = short_depth(d, i, j);
    const T margin = 64 * std::numeric_limits<T>::epsilon() * z;
    const T behind_near = z - p.near, before_nearest = nearest[l] - z;
    const int32_t clearly = (behind_near > margin) & (before_nearest > margin);
    const int32_t clearly_not = (behind_near < -margin) | (before_nearest < -margin);
    unclear[l] = inside[l] & ((!clearly & !clearly_not) | all_unclear);
    const int32_t wins = inside[l] & clearly & !all_unclear;
    any_unclear |= unclear[l];
    nearest[l] = wins ? z : nearest[l];
    winner[l] = wins ? d.face : winner[l];
  }
  if (any_unclear != 0) {
    for (int l = 0; l < kLanes; ++l) {
      if (unclear[l] == 0) continue;
      draw_exactly(p, vertices, d, column + l % kColumns, band.first_row + row + l / kColumns,
                   nearest[l], winner[l]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    std::memcpy(depth + r * band.stride, nearest + r * kColumns, kColumns * sizeof(T));
    std::memcpy(face + r * band.stride, winner + r * kColumns, kColumns * sizeof(int32_t));
  }
}

template <int kColumns, class T>
NR3D_HD void draw_tiles(const RasterizeParams<T>& p, const T* vertices, const Drawing<T>& d,
                        Band<T>& band) {
  for (int row = d.rows.first; row <= d.rows.last; row += kLanes / kColumns) {
    for (int column = d.columns.first; column <= d.columns.last; column += kColumns) {
      draw_tile<kColumns>(p, vertices, d, band, column, row);
    }
  }
}

// Draw the face on the band, if it reaches it; rows count from the band's first here.
template <class T>
NR3D_HD void draw_face(const RasterizeParams<T>& p, const T* vertices, Drawing<T>& d,
                       Band<T>& band) {
  RasterFace<T>& f = d.f;
  const T* y_centres = band.y_centres.data();
  d.rows = pixel_range(f.y[0], f.y[1], f.y[2], p.height, y_centres - band.first_row, band.first_row,
                       band.first_row + band.num_rows - 1);
  d.columns = pixel_range(f.x[0], f.x[1], f.x[2], p.width, band.x_centres.data(), 0, p.width - 1);
  if (d.rows.first > d.rows.last || d.columns.first > d.columns.last) return;
  d.rows.first -= band.first_row;
  d.rows.last -= band.first_row;
  set_weights(f, p.height, p.width);
  d.right = std::max(f.x[0], std::max(f.x[1], f.x[2]));
  d.top = std::max(f.y[0], std::max(f.y[1], f.y[2]));
  d.is_regular = true;
  for (int k = 0; k < 3; ++k) {
    d.inverse_z[k] = T(1) / f.z[k];
    d.is_regular &= f.z[k] > T(1e-30) && f.z[k] < T(1e30);
  }
  if (d.columns.last - d.columns.first < 8) {
    draw_tiles<4>(p, vertices, d, band);
  } else {
    draw_tiles<kLanes>(p, vertices, d, band);
  }
}

template <class T>
NR3D_HD void draw_band(const RasterizeParams<T>& p, const T* vertices, Band<T>& band) {
  const int64_t num_drawn = p.fill_back ? 2 * p.num_faces : p.num_faces;
  for (int64_t face = 0; face < num_drawn; ++face) {
    Drawing<T> d;
    d.face = static_cast<int32_t>(face);
    if (load_face(vertices, p.faces, p.num_faces, face, d.f)) draw_face(p, vertices, d, band);
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

// Write exact depths and weights of one row; uncovered pixels get `far` and 0.
template <class T>
void store_row(const RasterizeParams<T>& p, const T* vertices, const int32_t* faces_seen, int row,
               T* depth, T* weights) {
  for (int i = 0; i < p.width; ++i) {
    T* w = weights + 3 * i;
    if (faces_seen[i] < 0) {
      depth[i] = p.far;
      std::fill(w, w + 3, T(0));
      continue;
    }
    RasterFace<T> f;
    load_face(vertices, p.faces, p.num_faces, faces_seen[i], f);
    set_weights(f, p.height, p.width);
    weights_at(f, static_cast<T>(i), static_cast<T>(row), w);
    depth[i] = depth_at(w, f.z);
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
    if (p.depth) store_row(p, vertices, faces_seen, row, p.depth + out, p.weights + 3 * out);
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
      Band<T> band(p, first, std::min(rows, p.height - first));
      draw(p, vertices, band);
      store_band(p, mesh, vertices, band);
    }
  });
}

template void rasterize_cpu(const RasterizeParams<float>&, int);
template void rasterize_cpu(const RasterizeParams<double>&, int);

}  // namespace nr3d
