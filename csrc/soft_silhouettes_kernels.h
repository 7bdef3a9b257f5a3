// The loops of soft silhouettes. No include guard: see isa.h.
#include "lanes.h"

namespace nr3d {
namespace NR3D_ISA {
namespace {

// Some rows of an image, bottom row first, padded so that no pack of pixels leaves them.
template <class T>
struct SoftBand {
  int first_row = 0, num_rows = 0, stride;
  std::vector<T> x_centres;  // [stride] in units of distance
  std::vector<T> y_centres;  // [num_rows]
  std::vector<T> values;     // [num_rows, stride]

  SoftBand(const SoftScene<T>& scene, int most_rows)
      : stride(scene.width + Pack<T>::kLanes),
        x_centres(stride),
        y_centres(most_rows),
        values(static_cast<size_t>(most_rows) * stride) {
    for (int i = 0; i < stride; ++i) {
      x_centres[i] = centre_of(static_cast<T>(i), scene.width) * aspect_of(scene);
    }
  }
  void start(const SoftScene<T>& scene, int first, int count) {
    first_row = first;
    num_rows = count;
    for (int j = 0; j < count; ++j) {
      y_centres[j] = centre_of(static_cast<T>(first + j), scene.height);
    }
  }
  T* row(int row) { return values.data() + static_cast<size_t>(row - first_row) * stride; }
};

// Call visit(nearest points, lanes in the face's reach, values) for the packs of pixels that a face
// reaches in a band and that are not all 0.
template <class T, class Visit>
NR3D_HD void visit_pixels(const SoftFace<T>& f, SoftBand<T>& band, Visit&& visit) {
  using V = typename Pack<T>::Values;
  const T last_x = band.x_centres[f.last_column];
  for (int row = f.first_row; row <= f.last_row; ++row) {
    T* const values = band.row(row);
    const V y = uniform<V>(band.y_centres[row - band.first_row]);
    for (int column = f.first_column; column <= f.last_column; column += Pack<T>::kLanes) {
      V x, value;
      load(values + column, value);
      if (!any(value != V{})) continue;
      load(band.x_centres.data() + column, x);
      visit(find_nearest(f, x, y), x <= last_x, value, values + column);
    }
  }
}

template <class T>
void draw_band(const SoftSilhouettesParams<T>& p, int64_t mesh, SoftBand<T>& band) {
  using V = typename Pack<T>::Values;
  const SoftScene<T>& scene = p.scene;
  const T inverse_sigma = T(1) / scene.sigma;
  std::fill_n(band.values.data(), static_cast<size_t>(band.num_rows) * band.stride, T(1));
  const int last_row = band.first_row + band.num_rows - 1;
  for (int64_t face = 0; face < scene.num_faces; ++face) {
    SoftFace<T> f;
    if (!load_soft_face(scene, mesh, face, band.first_row, last_row, f)) continue;
    visit_pixels(f, band, [&](const auto& nearest, const auto& in_reach, V value, T* values) {
      SoftShare<V> share = share_of(nearest, inverse_sigma);
      share.counts &= in_reach;
      store(cover(share, value), values);
    });
  }
}

// Write the band to the outputs, whose row 0 is the top.
template <class T>
void store_band(const SoftSilhouettesParams<T>& p, int64_t mesh, SoftBand<T>& band) {
  const int height = p.scene.height, width = p.scene.width;
  for (int row = band.first_row; row < band.first_row + band.num_rows; ++row) {
    const int64_t at = (mesh * height + height - 1 - row) * width;
    const T* values = band.row(row);
    for (int i = 0; i < width; ++i) {
      p.transparency[at + i] = values[i];
      p.silhouettes[at + i] = T(1) - values[i];
    }
  }
}

template <class T>
void soft_silhouettes(const SoftSilhouettesParams<T>& p, int threads) {
  constexpr int kLeastRows = 16;
  const SoftScene<T>& scene = p.scene;
  // Bands where there are fewer images than threads could take.
  const int64_t wanted = 2 * threads / std::max<int64_t>(scene.num_meshes, 1);
  const int64_t most = threads > 1 ? (scene.height + kLeastRows - 1) / kLeastRows : 1;
  const int64_t num_bands = std::max<int64_t>(1, std::min(wanted, most));
  const int rows = static_cast<int>((scene.height + num_bands - 1) / num_bands);
  parallel_for(
      scene.num_meshes * num_bands, 1, threads, [&] { return SoftBand<T>(scene, rows); },
      [&](SoftBand<T>& band, int64_t task, int64_t) {
        const int first = static_cast<int>(task % num_bands) * rows;
        if (first >= scene.height) return;
        band.start(scene, first, std::min(rows, scene.height - first));
        draw_band(p, task / num_bands, band);
        store_band(p, task / num_bands, band);
      });
}

// Find the gradients of the corners of one face, x and y of each.
template <class T>
void differentiate_face(const SoftScene<T>& scene, SoftFace<T>& f, SoftBand<T>& weights,
                        T sums[6]) {
  using V = typename Pack<T>::Values;
  const T inverse_sigma = T(1) / scene.sigma;
  V grads[6] = {};
  visit_pixels(f, weights, [&](const auto& nearest, const auto& in_reach, V weight, T*) {
    SoftShare<V> share = share_of(nearest, inverse_sigma);
    share.has_gradient &= in_reach;
    add_gradient(nearest, share, weight, inverse_sigma, grads);
  });
  for (int k = 0; k < 6; k += 2) sums_of_lanes<T>(grads[k], grads[k + 1], sums + k);
}

// What is known of a face whose gradients have been found.
template <class T>
struct SoftCorners {
  bool is_drawn;
  int32_t corners[3];
  T grads[6];  // x and y of each corner
};

// One thread's buffers, used again for the next image.
template <class T>
struct SoftWork {
  SoftBand<T> weights;  // the whole image: gradient times transparency
  std::vector<SoftCorners<T>> faces;

  explicit SoftWork(const SoftScene<T>& scene)
      : weights(scene, scene.height), faces(scene.num_faces) {
    weights.start(scene, 0, scene.height);
  }
};

template <class T>
void load_weights(const SoftSilhouettesGradientParams<T>& p, int64_t mesh, SoftBand<T>& weights) {
  const int height = p.scene.height, width = p.scene.width;
  for (int row = 0; row < height; ++row) {
    const int64_t at = (mesh * height + height - 1 - row) * width;
    T* values = weights.row(row);
    for (int i = 0; i < width; ++i) values[i] = p.transparency[at + i] * p.grad_silhouettes[at + i];
  }
}

// The faces in any order, then their corners one after the other.
template <class T>
void differentiate_mesh(const SoftSilhouettesGradientParams<T>& p, int64_t mesh, int threads,
                        SoftWork<T>& work) {
  constexpr int64_t kFacesOfThread = 64;
  const SoftScene<T>& scene = p.scene;
  load_weights(p, mesh, work.weights);
  parallel_for(scene.num_faces, kFacesOfThread, threads, [&](int64_t begin, int64_t end) {
    for (int64_t face = begin; face < end; ++face) {
      SoftFace<T> f;
      SoftCorners<T>& found = work.faces[face];
      found.is_drawn = load_soft_face(scene, mesh, face, 0, scene.height - 1, f);
      if (!found.is_drawn) continue;
      std::copy_n(f.corners, 3, found.corners);
      differentiate_face(scene, f, work.weights, found.grads);
    }
  });
  T* const grads = p.grad_vertices + 3 * mesh * scene.num_vertices;
  std::fill_n(grads, 3 * scene.num_vertices, T(0));
  const T aspect = aspect_of(scene);
  for (const SoftCorners<T>& face : work.faces) {
    if (!face.is_drawn) continue;
    for (int k = 0; k < 3; ++k) {
      T* grad = grads + 3 * static_cast<int64_t>(face.corners[k]);
      grad[0] += face.grads[2 * k] * aspect;
      grad[1] += face.grads[2 * k + 1];
    }
  }
}

template <class T>
void soft_silhouettes_gradient(const SoftSilhouettesGradientParams<T>& p, int threads) {
  const SoftScene<T>& scene = p.scene;
  const Sharing sharing = share_threads(scene.num_meshes, threads);
  parallel_for(
      scene.num_meshes, 1, sharing.images, [&] { return SoftWork<T>(scene); },
      [&](SoftWork<T>& work, int64_t mesh, int64_t) {
        differentiate_mesh(p, mesh, sharing.inside, work);
      });
}

}  // namespace
}  // namespace NR3D_ISA
}  // namespace nr3d
