// Draws the faces of a mesh on a band of an image. No include guard: see isa.h.

namespace nr3d {
namespace NR3D_ISA {
namespace {

// A face being drawn, and the pixels of the band it can cover.
template <class T>
struct Drawing {
  RasterFace<T> f;
  int32_t face;
  int first_column, last_column, first_row, last_row;  // rows count from the band's first
  T right, top;                                        // the largest of its corners, NDC
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
  for (int row = d.first_row; row <= d.last_row; ++row) {
    for (int column = d.first_column; column <= d.last_column; ++column) {
      if (covers(d.f, band.x_centres[column], band.y_centres[row])) {
        draw_exactly(p, vertices, d.f, d.face, band, column, row);
      }
    }
  }
}

// Read (write) a tile of one row or two, whose lanes fill a pack row by row.
template <int kRows, class V, class T>
NR3D_HD void load_tile(const T* from, int64_t stride, V& tile) {
  if (kRows == 1) {
    load(from, tile);
  } else {
    load_halves(from, from + stride, tile);
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
  for (int row = d.first_row; row <= d.last_row; ++row) {
    const T* drawn = band.depth.data() + static_cast<size_t>(row) * band.stride;
    for (int column = d.first_column; column <= d.last_column; column += kLanes) {
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
  for (int row = d.first_row; row <= d.last_row; row += kRows) {
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

// Some faces at once, ready to be drawn on a band: most of the work on a small face is here.
template <class T>
struct FacePack {
  using V = typename Pack<T>::Values;
  using Integers = typename Pack<T>::Integers;

  RasterFace<V> f;
  PixelRange<V> columns, rows;  // rows count from the image's first
  V least_z, inverse_z[3];
  Integers is_regular;  // the short depth is close to the exact one
};

// Read the corners of some faces (in [0, F)) from front or back.
template <class T>
NR3D_HD void load_faces(const T* vertices, const int32_t* faces,
                        const typename Pack<T>::Integers& face, bool as_backs,
                        RasterFace<typename Pack<T>::Values>& f) {
  using V = typename Pack<T>::Values;
  using Integers = typename Pack<T>::Integers;
  for (int k = 0; k < 3; ++k) {
    const Integers corner = 3 * gather<Integers>(faces + (as_backs ? 2 - k : k), 3 * face);
    f.x[k] = gather<V>(vertices, corner);
    f.y[k] = gather<V>(vertices + 1, corner);
    f.z[k] = gather<V>(vertices + 2, corner);
  }
}

template <class T>
NR3D_HD FacePack<T> prepare_faces(const RasterizeParams<T>& p, const T* vertices,
                                  const int32_t* faces, bool as_backs, const Band<T>& band) {
  using V = typename Pack<T>::Values;
  using Integers = typename Pack<T>::Integers;
  FacePack<T> pack;
  RasterFace<V>& f = pack.f;
  const Integers face = load_as<Integers>(faces);
  load_faces(vertices, p.faces, face, as_backs, f);
  pack.rows = pixel_range(f.y, p.height, band.first_row, band.first_row + band.num_rows - 1);
  pack.columns = pixel_range(f.x, p.width, 0, p.width - 1);
  pack.is_regular = Integers{} == 0;
  pack.least_z = f.z[0];
  for (int k = 0; k < 3; ++k) {
    pack.is_regular &= (f.z[k] > T(1e-30)) & (f.z[k] < T(1e30));
    pack.least_z = f.z[k] < pack.least_z ? f.z[k] : pack.least_z;
    pack.inverse_z[k] = T(1) / f.z[k];
  }
  set_weights(f, p.height, p.width);
  return pack;
}

// Draw lane l of the pack, face number `face`, on the band, if it reaches it.
template <class T>
NR3D_HD void draw_face(const RasterizeParams<T>& p, const T* vertices, const FacePack<T>& pack,
                       int l, int32_t face, bool may_be_hidden, Band<T>& band) {
  constexpr int kLanes = Pack<T>::kLanes;
  Drawing<T> d;
  d.first_row = static_cast<int>(pack.rows.first[l]) - band.first_row;
  d.last_row = static_cast<int>(pack.rows.last[l]) - band.first_row;
  d.first_column = static_cast<int>(pack.columns.first[l]);
  d.last_column = static_cast<int>(pack.columns.last[l]);
  if (d.first_row > d.last_row || d.first_column > d.last_column) return;
  const bool is_regular = pack.is_regular[l] != 0;
  const T slack = 128 * std::numeric_limits<T>::epsilon();  // twice what is too close to call
  const T nearest = pack.least_z[l] * (1 - slack);
  if (may_be_hidden && is_regular && is_hidden(d, band, nearest)) return;
  d.face = face;
  for (int k = 0; k < 3; ++k) {
    d.f.x[k] = pack.f.x[k][l];
    d.f.y[k] = pack.f.y[k][l];
    d.f.z[k] = pack.f.z[k][l];
    for (int m = 0; m < 3; ++m) d.f.m[k][m] = pack.f.m[k][m][l];
    d.inverse_z[k] = pack.inverse_z[k][l];
  }
  if (!is_regular) {
    draw_pixels(p, vertices, d, band);
    return;
  }
  d.right = pack.columns.high[l];
  d.top = pack.rows.high[l];
  if (d.last_column - d.first_column < kLanes / 2) {
    draw_strip<2>(p, vertices, d, band, d.first_column);
    return;
  }
  for (int column = d.first_column; column <= d.last_column; column += kLanes) {
    draw_strip<1>(p, vertices, d, band, column);
  }
}

// The faces, in [0, F), that a band may show from their front and from their back.
struct Sides {
  std::vector<int32_t> fronts, backs;  // filled up to a pack with face 0
  int num_fronts = 0, num_backs = 0;

  explicit Sides(int64_t num_faces) : fronts(num_faces + 8), backs(num_faces + 8) {}
};

// Sort the faces that reach the band by side. True if the backs are nearer on average.
template <class T>
NR3D_HD bool sort_faces(const RasterizeParams<T>& p, const T* vertices, const Band<T>& band,
                        Sides& sides) {
  using V = typename Pack<T>::Values;
  using Integers = typename Pack<T>::Integers;
  using Index = typename Pack<T>::Integer;
  constexpr int kLanes = Pack<T>::kLanes;
  const Integers last = uniform<Integers>(p.num_faces - 1);
  const Integers may_be_back = uniform<Integers>(p.fill_back ? -1 : 0);
  int num_fronts = 0, num_backs = 0;
  V front_z = {}, back_z = {};
  Integers lane;
  load(kLaneNumbers<Index>, lane);
  for (int first = 0; first < p.num_faces; first += kLanes) {
    const Integers face = lane + first, is_face = face <= last;
    RasterFace<V> f, back;
    load_faces(vertices, p.faces, is_face ? face : last, false, f);
    const PixelRange<V> rows =
        pixel_range(f.y, p.height, band.first_row, band.first_row + band.num_rows - 1);
    const Integers is_near = is_face & (rows.first <= rows.last);
    if (!any(is_near)) continue;
    for (int k = 0; k < 3; ++k) {
      back.x[k] = f.x[2 - k];
      back.y[k] = f.y[2 - k];
    }
    const Integers fronts = is_near & is_front(f), backs = is_near & may_be_back & is_front(back);
    const V z = f.z[0] + f.z[1] + f.z[2];
    front_z += fronts ? z : V{};
    back_z += backs ? z : V{};
    pick<T>(bits_of(fronts), first, sides.fronts.data(), num_fronts);
    pick<T>(bits_of(backs), first, sides.backs.data(), num_backs);
  }
  std::fill_n(sides.fronts.data() + num_fronts, kLanes, 0);
  std::fill_n(sides.backs.data() + num_backs, kLanes, 0);
  sides.num_fronts = num_fronts;
  sides.num_backs = num_backs;
  return sum_of_lanes<T>(back_z) * num_fronts < sum_of_lanes<T>(front_z) * num_backs;
}

// Draw the nearer side of the mesh first: it hides most of the other. The order does not change
// what is drawn.
template <class T>
NR3D_HD void draw_band(const RasterizeParams<T>& p, const T* vertices, Band<T>& band,
                       Sides& sides) {
  constexpr int kLanes = Pack<T>::kLanes;
  const bool backs_first = sort_faces(p, vertices, band, sides);
  for (const bool may_be_hidden : {false, true}) {
    const bool draws_backs = backs_first != may_be_hidden;
    const std::vector<int32_t>& faces = draws_backs ? sides.backs : sides.fronts;
    const int count = draws_backs ? sides.num_backs : sides.num_fronts;
    const int32_t offset = draws_backs ? static_cast<int32_t>(p.num_faces) : 0;
    for (int k = 0; k < count; k += kLanes) {
      const FacePack<T> pack = prepare_faces(p, vertices, faces.data() + k, draws_backs, band);
      for (int l = 0; l < std::min(kLanes, count - k); ++l) {
        draw_face(p, vertices, pack, l, faces[k + l] + offset, may_be_hidden, band);
      }
    }
  }
}

}  // namespace
}  // namespace NR3D_ISA
}  // namespace nr3d
