// Draws the faces of a mesh on a band of an image.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "band.h"
#include "pack.h"
#include "rasterize.h"

namespace nr3d {

// A face being drawn, and the pixels of the band it can cover.
template <class T>
struct Drawing {
  RasterFace<T> f;
  int32_t face;
  PixelRange columns, rows;  // rows count from the band's first
  T right, top;              // the largest coordinates of its corners, NDC
  T inverse_z[3];
};

template <class T>
NR3D_HD T exact_depth(const RasterFace<T>& f, int column, int row) {
  T w[3];
  weights_at(f, static_cast<T>(column), static_cast<T>(row), w);
  return depth_at(w, f.z);
}

// The exact depth of a face number at a pixel.
template <class T>
T exact_depth_of(const RasterizeParams<T>& p, const T* vertices, int64_t face, int column,
                 int row) {
  RasterFace<T> f;
  load_face(vertices, p.faces, p.num_faces, face, f);
  set_weights(f, p.height, p.width);
  return exact_depth(f, column, row);
}

// Decide one pixel, in columns and rows of the band, by exact depths. Of two faces at the same
// depth the lower number wins.
template <class T>
void draw_exactly(const RasterizeParams<T>& p, const T* vertices, const RasterFace<T>& f,
                  int32_t face, Band<T>& band, int column, int row) {
  const size_t at = static_cast<size_t>(row) * band.stride + column;
  const int64_t winner = band.face[at];
  const T z = exact_depth(f, column, band.first_row + row);
  const T nearest =
      winner < 0 ? p.far : exact_depth_of(p, vertices, winner, column, band.first_row + row);
  if (z > p.near && (z < nearest || (z == nearest && face < winner))) {
    band.depth[at] = z;
    band.face[at] = face;
  }
}

// Draw a face pixel by pixel.
template <class T>
void draw_pixels(const RasterizeParams<T>& p, const T* vertices, const Drawing<T>& d,
                 Band<T>& band) {
  for (int row = d.rows.first; row <= d.rows.last; ++row) {
    for (int column = d.columns.first; column <= d.columns.last; ++column) {
      if (covers(d.f, band.x_centres[column], band.y_centres[row])) {
        draw_exactly(p, vertices, d.f, d.face, band, column, row);
      }
    }
  }
}

// Read (write) a tile of kRows rows, whose lanes fill a pack row by row.
template <int kRows, class V, class T>
NR3D_HD void load_tile(const T* from, int64_t stride, V& tile) {
  constexpr size_t kRow = sizeof(V) / kRows;
  tile = V{};
  for (int r = 0; r < kRows; ++r) {
    std::memcpy(reinterpret_cast<char*>(&tile) + r * kRow, from + r * stride, kRow);
  }
}
template <int kRows, class V, class T>
NR3D_HD void store_tile(const V& tile, T* to, int64_t stride) {
  constexpr size_t kRow = sizeof(V) / kRows;
  for (int r = 0; r < kRows; ++r) {
    std::memcpy(to + r * stride, reinterpret_cast<const char*>(&tile) + r * kRow, kRow);
  }
}

// Whether everything drawn so far where the face can be is nearer than `depth`.
template <class T>
NR3D_HD bool is_hidden(const Drawing<T>& d, const Band<T>& band, T depth) {
  constexpr int kLanes = Pack<T>::kLanes;
  typename Pack<T>::Integers beyond = {};
  for (int row = d.rows.first; row <= d.rows.last; ++row) {
    const T* drawn = band.depth.data() + static_cast<size_t>(row) * band.stride;
    for (int column = d.columns.first; column <= d.columns.last; column += kLanes) {
      typename Pack<T>::Values nearest;
      load(drawn + column, nearest);
      beyond |= ~(nearest < depth);
    }
  }
  return !any(beyond);
}

// Some columns of the band, as many as a tile of kRows rows is wide, and what of a face is the same
// for all their pixels.
template <int kRows, class T>
struct Strip {
  using V = typename Pack<T>::Values;
  using Integers = typename Pack<T>::Integers;
  static constexpr int kColumns = Pack<T>::kLanes / kRows;

  int column;
  Integers in_columns, is_upper;  // the lanes of the tile's second row
  V row_of_lane, across_x[3], weight_i[3];

  NR3D_HD Strip(const Drawing<T>& d, const Band<T>& band, int first_column) : column(first_column) {
    V x, i, lane;
    load(kLaneNumbers<T>, lane);
    load_tile<kRows>(kLaneNumbers<T>, 0, i);
    load_tile<kRows>(band.x_centres.data() + column, 0, x);
    i += static_cast<T>(column);
    is_upper = lane >= static_cast<T>(kColumns);
    row_of_lane = is_upper ? V{} + T(1) : V{};
    in_columns = x <= d.right;
    for (int k = 0; k < 3; ++k) across_x[k] = across(d.f, k, x);
    for (int k = 0; k < 3; ++k) weight_i[k] = d.f.m[k][0] * i;
  }

  // The pixels of the tile from `row` on that the face covers.
  NR3D_HD Integers covered(const Drawing<T>& d, const Band<T>& band, int row) const {
    V y = V{} + band.y_centres[row];
    if (kRows == 2) y = is_upper ? V{} + band.y_centres[row + 1] : y;
    Integers inside = in_columns & (y <= d.top);
    for (int k = 0; k < 3; ++k) inside &= ~(along(d.f, k, y) < across_x[k]);
    return inside;
  }

  // Depths with one division instead of seven. Where no corner is at or behind the camera they
  // differ from the exact ones by a few units in the last place.
  NR3D_HD V short_depth(const Drawing<T>& d, int row_of_image) const {
    const V j = row_of_lane + static_cast<T>(row_of_image);
    V w[3];
    for (int k = 0; k < 3; ++k) {
      w[k] = clamp_weight(weight_i[k] + d.f.m[k][1] * j + d.f.m[k][2]);
    }
    return (w[0] + w[1] + w[2]) /
           (w[0] * d.inverse_z[0] + w[1] * d.inverse_z[1] + w[2] * d.inverse_z[2]);
  }
};

// Draw the face on the columns from `column` on, tile by tile. Pixels whose short depths are too
// close to call are decided by the exact ones.
template <int kRows, class T>
NR3D_HD void draw_strip(const RasterizeParams<T>& p, const T* vertices, const Drawing<T>& d,
                        Band<T>& band, int column) {
  using V = typename Pack<T>::Values;
  using Integers = typename Pack<T>::Integers;
  const Strip<kRows, T> strip(d, band, column);
  for (int row = d.rows.first; row <= d.rows.last; row += kRows) {
    const Integers inside = strip.covered(d, band, row);
    const V z = strip.short_depth(d, band.first_row + row);
    T* depth = band.depth.data() + static_cast<size_t>(row) * band.stride + column;
    auto* face = band.face.data() + static_cast<size_t>(row) * band.stride + column;
    V nearest;
    Integers winner;
    load_tile<kRows>(depth, band.stride, nearest);
    load_tile<kRows>(face, band.stride, winner);
    const V margin = 64 * std::numeric_limits<T>::epsilon() * z;
    const V behind_near = z - p.near, before_nearest = nearest - z;
    const V clearance = behind_near < before_nearest ? behind_near : before_nearest;
    const Integers wins = inside & (clearance > margin);
    const Integers unclear = inside & ~(clearance > margin) & ~(clearance < -margin);
    nearest = wins ? z : nearest;
    winner = wins ? Integers{} + d.face : winner;
    store_tile<kRows>(nearest, depth, band.stride);
    store_tile<kRows>(winner, face, band.stride);
    if (!any(unclear)) continue;
    for (int l = 0; l < Pack<T>::kLanes; ++l) {
      if (unclear[l] == 0) continue;
      draw_exactly(p, vertices, d.f, d.face, band, column + l % strip.kColumns,
                   row + l / strip.kColumns);
    }
  }
}

// Set where on the band the face can be. False if nowhere.
template <class T>
NR3D_HD bool find_pixels(const RasterizeParams<T>& p, const Band<T>& band, Drawing<T>& d) {
  const RasterFace<T>& f = d.f;
  const int first = band.first_row;
  d.rows = pixel_range(f.y[0], f.y[1], f.y[2], p.height, band.y_centres.data() - first, first,
                       first + band.num_rows - 1);
  d.columns = pixel_range(f.x[0], f.x[1], f.x[2], p.width, band.x_centres.data(), 0, p.width - 1);
  d.rows.first -= first;
  d.rows.last -= first;
  return d.rows.first <= d.rows.last && d.columns.first <= d.columns.last;
}

// Draw the face on the band, if it reaches it.
template <class T>
NR3D_HD void draw_face(const RasterizeParams<T>& p, const T* vertices, int32_t face,
                       bool may_be_hidden, Band<T>& band) {
  constexpr int kLanes = Pack<T>::kLanes;
  Drawing<T> d;
  RasterFace<T>& f = d.f;
  d.face = face;
  load_face(vertices, p.faces, p.num_faces, face, f);
  if (!find_pixels(p, band, d)) return;
  bool is_regular = true;  // the short depth is close to the exact one
  for (int k = 0; k < 3; ++k) is_regular &= f.z[k] > T(1e-30) && f.z[k] < T(1e30);
  const T least_z = std::min(f.z[0], std::min(f.z[1], f.z[2]));
  const T slack = 128 * std::numeric_limits<T>::epsilon();  // twice what is too close to call
  if (may_be_hidden && is_regular && is_hidden(d, band, least_z * (1 - slack))) return;
  set_weights(f, p.height, p.width);
  if (!is_regular) {
    draw_pixels(p, vertices, d, band);
    return;
  }
  d.right = std::max(f.x[0], std::max(f.x[1], f.x[2]));
  d.top = std::max(f.y[0], std::max(f.y[1], f.y[2]));
  for (int k = 0; k < 3; ++k) d.inverse_z[k] = T(1) / f.z[k];
  if (d.columns.last - d.columns.first < kLanes / 2) {
    draw_strip<2>(p, vertices, d, band, d.columns.first);
    return;
  }
  for (int column = d.columns.first; column <= d.columns.last; column += kLanes) {
    draw_strip<1>(p, vertices, d, band, column);
  }
}

// The faces that are seen from their front and from their back; some from neither.
struct Sides {
  std::vector<int32_t> fronts, backs;  // [F + 1], the last for a face that is not counted
  int64_t num_fronts, num_backs;

  explicit Sides(int64_t num_faces) : fronts(num_faces + 1), backs(num_faces + 1) {}
};

// Sort the faces by side. True if the backs are nearer on average.
template <class T>
NR3D_HD bool sort_faces(const RasterizeParams<T>& p, const T* vertices, Sides& sides) {
  int64_t num_fronts = 0, num_backs = 0;
  T front_z = T(0), back_z = T(0);
  for (int64_t face = 0; face < p.num_faces; ++face) {
    const int64_t back = face + p.num_faces;
    RasterFace<T> f;
    const bool is_back = load_face(vertices, p.faces, p.num_faces, back, f) & p.fill_back;
    const bool is_front = load_face(vertices, p.faces, p.num_faces, face, f);
    const T z = f.z[0] + f.z[1] + f.z[2];
    sides.fronts[num_fronts] = static_cast<int32_t>(face);
    sides.backs[num_backs] = static_cast<int32_t>(back);
    num_fronts += is_front;
    num_backs += is_back;
    front_z += is_front ? z : T(0);
    back_z += is_back ? z : T(0);
  }
  sides.num_fronts = num_fronts;
  sides.num_backs = num_backs;
  return back_z * num_fronts < front_z * num_backs;
}

// Draw the nearer side of the mesh first: it hides most of the other. The order does not change
// what is drawn.
template <class T>
NR3D_HD void draw_band(const RasterizeParams<T>& p, const T* vertices, Band<T>& band,
                       Sides& sides) {
  const bool backs_first = sort_faces(p, vertices, sides);
  for (const bool may_be_hidden : {false, true}) {
    const bool draws_backs = backs_first != may_be_hidden;
    const std::vector<int32_t>& faces = draws_backs ? sides.backs : sides.fronts;
    const int64_t count = draws_backs ? sides.num_backs : sides.num_fronts;
    for (int64_t k = 0; k < count; ++k) {
      draw_face(p, vertices, faces[k], may_be_hidden, band);
    }
  }
}

}  // namespace nr3d
