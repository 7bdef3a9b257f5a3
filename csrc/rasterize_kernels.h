// The loops of rasterization. No include guard: see isa.h.
// clang-format off: each uses the one before
#include "lanes.h"
#include "draw.h"
// clang-format on

namespace nr3d {
namespace NR3D_ISA {
namespace {

// Write the share of covered pixels of a row of blocks. The compiler must know their side, kFactor
// (0: `factor`), to vectorise.
template <int kFactor, class T, class Index>
NR3D_HD void store_shares(const Index* __restrict faces_seen, int64_t stride, int width, int factor,
                          T* __restrict out) {
  if (kFactor > 0) factor = kFactor;
  const T share = T(1) / (factor * factor);
  for (int i = 0; i < width; ++i) {
    Index covered = 0;
    for (int row = 0; row < factor; ++row) {
      for (int l = 0; l < factor; ++l) covered += faces_seen[row * stride + i * factor + l] >= 0;
    }
    out[i] = share * static_cast<T>(covered);
  }
}

// Write the silhouette: the share of covered pixels of each factor x factor block.
template <class T>
NR3D_HD void store_silhouette(const RasterizeParams<T>& p, int64_t mesh, const Band<T>& band) {
  const int width = p.width / p.factor, height = p.height / p.factor;
  for (int k = 0; k < band.num_rows; k += p.factor) {
    const int64_t row = height - 1 - (band.first_row + k) / p.factor;
    T* out = p.silhouettes + (mesh * height + row) * width;
    const auto* faces_seen = band.face.data() + static_cast<size_t>(k) * band.stride;
    if (p.factor == 1) {
      store_shares<1>(faces_seen, band.stride, width, 1, out);
    } else if (p.factor == 2) {
      store_shares<2>(faces_seen, band.stride, width, 2, out);
    } else {
      store_shares<0>(faces_seen, band.stride, width, p.factor, out);
    }
  }
}

// Read the corners of the faces (in [0, 2F)) that some pixels show.
template <class T>
NR3D_HD void load_seen(const RasterizeParams<T>& p, const T* vertices,
                       const typename Pack<T>::Integers& face,
                       RasterFace<typename Pack<T>::Values>& f) {
  using V = typename Pack<T>::Values;
  using Integers = typename Pack<T>::Integers;
  const Integers num_faces = uniform<Integers>(p.num_faces), is_back = face >= num_faces;
  const Integers at = 3 * (face - (is_back & num_faces));
  const Integers first = gather<Integers>(p.faces, at), third = gather<Integers>(p.faces + 2, at);
  const Integers corners[3] = {is_back ? third : first, gather<Integers>(p.faces + 1, at),
                               is_back ? first : third};
  for (int k = 0; k < 3; ++k) {
    const Integers corner = 3 * corners[k];
    f.x[k] = gather<V>(vertices, corner);
    f.y[k] = gather<V>(vertices + 1, corner);
    f.z[k] = gather<V>(vertices + 2, corner);
  }
}

// Find the exact depth and weights of a pack of pixels, from `column` on; of uncovered ones `far`
// and 0.
template <class T>
NR3D_HD void find_depths(const RasterizeParams<T>& p, const T* vertices,
                         const typename Pack<T>::Integers& face, int column, int row,
                         typename Pack<T>::Values& depth, typename Pack<T>::Values w[3]) {
  using V = typename Pack<T>::Values;
  const auto covered = face >= 0;
  RasterFace<V> f;
  load_seen(p, vertices, covered & face, f);
  set_weights(f, p.height, p.width);
  V i;
  load(kLaneNumbers<T>, i);
  weights_at(f, i + static_cast<T>(column), uniform<V>(row), w);
  const V z = depth_at(w, f.z);
  depth = covered ? z : uniform<V>(p.far);
  for (int k = 0; k < 3; ++k) w[k] = covered ? w[k] : V{};
}

// Write exact depths and weights of one row of the band.
template <class T>
NR3D_HD void store_row(const RasterizeParams<T>& p, const T* vertices,
                       const typename Band<T>::Index* faces_seen, int row, T* depth, T* weights) {
  using V = typename Pack<T>::Values;
  using Integers = typename Pack<T>::Integers;
  constexpr int kLanes = Pack<T>::kLanes;
  for (int i = 0; i < p.width; i += kLanes) {
    const int count = std::min(kLanes, p.width - i);
    const Integers face = load_some<Integers>(faces_seen + i, count);
    if (!any(face >= 0)) {
      std::fill_n(depth + i, count, p.far);
      std::fill_n(weights + 3 * i, 3 * count, T(0));
      continue;
    }
    V z, w[3];
    find_depths(p, vertices, face, i, row, z, w);
    T values[3][kLanes];
    for (int k = 0; k < 3; ++k) store(w[k], values[k]);
    std::memcpy(depth + i, &z, count * sizeof(T));
    for (int l = 0; l < count; ++l) {
      for (int k = 0; k < 3; ++k) weights[3 * (i + l) + k] = values[k][l];
    }
  }
}

// Write the band to the output, whose row 0 is the top.
template <class T>
void store_band(const RasterizeParams<T>& p, int64_t mesh, const T* vertices, const Band<T>& band) {
  for (int k = 0; k < band.num_rows; ++k) {
    const int row = band.first_row + k;
    const auto* faces_seen = band.face.data() + static_cast<size_t>(k) * band.stride;
    const int64_t out = (mesh * p.height + p.height - 1 - row) * p.width;
    if (p.face_index) {
      std::copy(faces_seen, faces_seen + p.width, p.face_index + out);
    } else {
      std::copy(faces_seen, faces_seen + p.width, p.short_face_index + out);
    }
    if (p.depth) store_row(p, vertices, faces_seen, row, p.depth + out, p.weights + 3 * out);
  }
}

template <class T>
void rasterize(const RasterizeParams<T>& p, int threads) {
  // An image is drawn whole where there are enough of them, else in bands.
  const int64_t bands_wanted =
      std::max<int64_t>(1, 2 * threads / std::max<int64_t>(p.num_meshes, 1));
  const int64_t num_bands = threads > 1 ? std::min<int64_t>(bands_wanted, (p.height + 31) / 32) : 1;
  const int even_rows = static_cast<int>((p.height + num_bands - 1) / num_bands);
  const int rows = (even_rows + p.factor - 1) / p.factor * p.factor;
  struct Workspace {
    Band<T> band;
    Sides sides;
  };
  parallel_for(
      p.num_meshes * num_bands, 1, threads,
      [&] { return Workspace{Band<T>(p, rows), Sides(p.num_faces)}; },
      [&](Workspace& work, int64_t task, int64_t) {
        const int64_t mesh = task / num_bands;
        const int first = static_cast<int>(task % num_bands) * rows;
        if (first >= p.height) return;
        const T* vertices = p.vertices + mesh * p.num_vertices * 3;
        work.band.start(p, first, std::min(rows, p.height - first));
        draw_band(p, vertices, work.band, work.sides);
        if (p.silhouettes) store_silhouette(p, mesh, work.band);
        store_band(p, mesh, vertices, work.band);
      });
}

}  // namespace
}  // namespace NR3D_ISA
}  // namespace nr3d
