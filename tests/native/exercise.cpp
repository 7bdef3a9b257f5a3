// Calls every native op on random and adversarial meshes; built with sanitizers by
// tests/test_native_sanitizers.py. Buffers have exactly the sizes the ops are promised.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "checks.h"
#include "depth_gradient.h"
#include "interpolate_vertices.h"
#include "isa.h"
#include "kato_gradient.h"
#include "ops.h"
#include "project.h"
#include "rasterize.h"
#include "sample_cubes.h"
#include "soft_silhouettes.h"
#include "voxelize.h"

namespace {

std::mt19937 generator(7);

double uniform(double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(generator);
}

int pick(int count) { return std::uniform_int_distribution<int>(0, count - 1)(generator); }

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::exit(1);
}

// Where the vertices of a test mesh lie.
enum class Kind { kPlain, kPixelCentres, kHuge, kTiny, kOffScreen, kOnePoint, kOneLine, kBehind };
constexpr Kind kKinds[] = {Kind::kPlain,     Kind::kPixelCentres, Kind::kHuge,    Kind::kTiny,
                           Kind::kOffScreen, Kind::kOnePoint,     Kind::kOneLine, Kind::kBehind};

double coordinate(Kind kind, int axis, double shared) {
  const double plain = uniform(-1.2, 1.2);
  if (axis == 2) {
    const double strange[] = {0.0, -1.0, 0.1, 100.0, 1e-30};
    return kind == Kind::kBehind ? strange[pick(5)] : uniform(0.5, 5.0);
  }
  switch (kind) {
    case Kind::kPixelCentres:
      return (2.0 * pick(10) + 1 - 10) / 8;
    case Kind::kHuge:
      return plain * std::pow(10.0, pick(36));
    case Kind::kTiny:
      return plain * 1e-38;
    case Kind::kOffScreen:
      return plain + (pick(2) ? 3 : -3);
    case Kind::kOnePoint:
      return 0.125;
    case Kind::kOneLine:
      return shared;
    default:
      return plain;
  }
}

struct Sizes {
  int64_t num_meshes, num_vertices, num_faces;
  int height, width;
};

template <class T>
struct Scene {
  std::vector<T> vertices;
  std::vector<int32_t> faces;
};

template <class T>
Scene<T> make_scene(Kind kind, const Sizes& sizes) {
  Scene<T> scene;
  for (int64_t i = 0; i < sizes.num_meshes * sizes.num_vertices; ++i) {
    const double shared = uniform(-1.5, 1.5);
    for (int axis = 0; axis < 3; ++axis) {
      scene.vertices.push_back(static_cast<T>(coordinate(kind, axis, shared)));
    }
  }
  for (int64_t i = 0; i < 3 * sizes.num_faces; ++i) {
    scene.faces.push_back(pick(static_cast<int>(sizes.num_vertices)));
  }
  return scene;
}

template <class T>
std::vector<T> random_image(size_t count, bool sparse) {
  std::vector<T> image(count);
  for (T& value : image) value = sparse && pick(4) ? T(0) : static_cast<T>(uniform(-1, 1));
  return image;
}

// What the gradient is asked for: an image of some channels, or (none) a silhouette of some factor.
struct Request {
  int num_channels, factor;
  double eps;
};

template <class T>
void differentiate(const Scene<T>& scene, const Sizes& s, const std::vector<int32_t>& face_index,
                   const Request& request, int threads) {
  const bool silhouette = request.num_channels == 0;
  const size_t count = face_index.size() * std::max(request.num_channels, 1);
  const std::vector<T> image = random_image<T>(silhouette ? 0 : count, true);
  const std::vector<T> grad = random_image<T>(count / (request.factor * request.factor), true);
  const std::vector<int16_t> short_index(face_index.begin(), face_index.end());
  std::vector<T> result(scene.vertices.size()), same(result.size());
  for (bool is_short : {false, true}) {
    nr3d::kato_gradient_cpu<T>(
        {scene.vertices.data(), scene.faces.data(), is_short ? nullptr : face_index.data(),
         is_short ? short_index.data() : nullptr, silhouette ? nullptr : image.data(), grad.data(),
         is_short ? same.data() : result.data(), s.num_meshes, s.num_vertices, s.num_faces,
         std::max(request.num_channels, 1), s.height, s.width, request.factor,
         static_cast<T>(request.eps)},
        threads);
  }
  const bool is_same =
      result.empty() || std::memcmp(result.data(), same.data(), result.size() * sizeof(T)) == 0;
  require(is_same, "16 bits give the same gradient as 32");
}

// Depth, values of the vertices and cubes of values; one row of them for all meshes, or one each.
template <class T>
void shade(const nr3d::Fragments<T>& seen, bool shared, int64_t side, int threads) {
  const int64_t num_rows = shared ? 1 : seen.num_meshes, num_channels = shared ? 3 : 1;
  const size_t pixels = static_cast<size_t>(seen.num_meshes) * seen.height * seen.width;
  const std::vector<T> grad_depth = random_image<T>(pixels, true);
  std::vector<T> grad_vertices(3 * seen.num_meshes * seen.num_vertices, T(7));
  nr3d::depth_gradient_cpu<T>({seen, grad_depth.data(), grad_vertices.data()}, threads);

  std::vector<T> image(pixels * num_channels, T(7));
  const std::vector<T> grad_image = random_image<T>(image.size(), true);
  const std::vector<T> values(num_rows * seen.num_vertices * num_channels, T(1));
  std::vector<T> grad_values(values.size(), T(7));
  nr3d::interpolate_vertices_cpu<T>({seen, values.data(), image.data(), num_rows, num_channels},
                                    threads);
  nr3d::interpolate_vertices_gradient_cpu<T>(
      {seen, grad_image.data(), grad_values.data(), num_rows, num_channels}, threads);

  const std::vector<T> cubes(num_rows * seen.num_faces * side * side * side * num_channels, T(1));
  std::vector<T> grad_cubes(cubes.size(), T(7));
  for (double eps : {0.0, 1e-3, 5.0}) {
    nr3d::sample_cubes_cpu<T>(
        {seen, cubes.data(), image.data(), num_rows, num_channels, side, static_cast<T>(eps)},
        threads);
    for (T value : image) {
      require(value == T(0) || std::abs(value - T(1)) < T(1e-5), "a cube of ones gives ones");
    }
    nr3d::sample_cubes_gradient_cpu<T>({seen, grad_image.data(), grad_cubes.data(), num_rows,
                                        num_channels, side, static_cast<T>(eps)},
                                       threads);
  }
}

template <class T>
void render(Kind kind, const Sizes& s, bool fill_back, bool whole, int threads) {
  const Scene<T> scene = make_scene<T>(kind, s);
  const int factor = s.height % 2 || s.width % 2 ? 1 : 2;
  const size_t count = static_cast<size_t>(s.num_meshes) * s.height * s.width;
  std::vector<int32_t> face_index(count);
  std::vector<int16_t> short_index(count);
  std::vector<T> depth(whole ? count : 0), weights(whole ? 3 * count : 0);
  std::vector<T> silhouettes(whole ? 0 : count / (factor * factor));
  for (bool is_short : {false, true}) {
    nr3d::rasterize_cpu<T>(
        {scene.vertices.data(), scene.faces.data(), is_short ? nullptr : face_index.data(),
         is_short ? short_index.data() : nullptr, whole ? depth.data() : nullptr,
         whole ? weights.data() : nullptr, whole ? nullptr : silhouettes.data(), s.num_meshes,
         s.num_vertices, s.num_faces, s.height, s.width, whole ? 1 : factor, T(0.1), T(100),
         fill_back},
        threads);
  }
  require(std::equal(face_index.begin(), face_index.end(), short_index.begin()),
          "16 bits hold the same face index as 32");
  for (int32_t face : face_index) {
    require(face >= -1 && face < (fill_back ? 2 : 1) * s.num_faces, "face_index in [-1, 2F)");
  }
  for (T value : depth) require(value > T(0) && value <= T(100), "depth in (0, far]");
  for (T value : weights) require(value >= T(0) && value <= T(1), "weights in [0, 1]");
  for (T value : silhouettes) require(value >= T(0) && value <= T(1), "silhouettes in [0, 1]");
  differentiate<T>(scene, s, face_index, {0, factor, 1e-4}, threads);
  differentiate<T>(scene, s, face_index, {1, 1, 1e-4}, threads);
  differentiate<T>(scene, s, face_index, {3, 1, 0.0}, threads);
  const nr3d::Fragments<T> seen{
      scene.vertices.data(), scene.faces.data(), face_index.data(), depth.data(), weights.data(),
      s.num_meshes,          s.num_vertices,     s.num_faces,       s.height,     s.width};
  if (whole) shade(seen, true, 1, threads);
  if (whole) shade(seen, false, 3, threads);
  // A face_index of another mesh is allowed as long as it is in range.
  for (int32_t& face : face_index) face = pick(static_cast<int>(2 * s.num_faces) + 1) - 1;
  differentiate<T>(scene, s, face_index, {1, 1, 1e-4}, threads);
  differentiate<T>(scene, s, face_index, {0, factor, 1e-4}, threads);
  if (whole) shade(seen, false, 2, threads);
}

template <class T>
void draw_softly(Kind kind, const Sizes& s, double sigma, int threads) {
  const Scene<T> scene = make_scene<T>(kind, s);
  const size_t count = static_cast<size_t>(s.num_meshes) * s.height * s.width;
  std::vector<T> silhouettes(count, T(7)), transparency(count, T(7));
  std::vector<T> grad_vertices(scene.vertices.size(), T(7));
  const std::vector<T> grad = random_image<T>(count, true);
  const nr3d::SoftScene<T> soft{scene.vertices.data(),
                                scene.faces.data(),
                                s.num_meshes,
                                s.num_vertices,
                                s.num_faces,
                                s.height,
                                s.width,
                                T(0.1),
                                T(100),
                                static_cast<T>(sigma)};
  nr3d::soft_silhouettes_cpu<T>({soft, silhouettes.data(), transparency.data()}, threads);
  nr3d::soft_silhouettes_gradient_cpu<T>(
      {soft, transparency.data(), grad.data(), grad_vertices.data()}, threads);
  for (T value : silhouettes) require(value >= T(0) && value <= T(1), "soft values in [0, 1]");
  for (T value : grad_vertices) require(std::isfinite(value), "soft gradients are finite");
}

// Views of every mesh: straight ahead from the origin, where an orthographic projection changes
// nothing, or by any camera.
template <class T>
void project(Kind kind, const Sizes& s, int64_t num_views, bool straight, int threads) {
  const Scene<T> scene = make_scene<T>(kind, s);
  const int64_t rows = s.num_meshes * num_views;
  std::vector<T> eyes(3 * rows), axes(9 * rows);
  for (T& value : eyes) value = straight ? T(0) : static_cast<T>(uniform(-3, 3));
  for (int64_t i = 0; i < 9 * rows; ++i) {
    axes[i] = straight ? T(i % 9 % 4 == 0) : static_cast<T>(uniform(-1, 1));
  }
  const nr3d::ViewParams<T> views{
      scene.vertices.data(),   eyes.data(), axes.data(), s.num_meshes, s.num_vertices, num_views,
      straight ? T(0) : T(0.5)};
  const std::vector<T> grad = random_image<T>(3 * rows * s.num_vertices, true);
  std::vector<T> projected(grad.size()), grad_points(scene.vertices.size(), T(7));
  std::vector<T> grad_eyes(eyes.size()), grad_axes(axes.size());
  nr3d::project_cpu<T>({views, projected.data()}, threads);
  nr3d::project_gradient_cpu<T>({views, grad.data(), grad_points.data()}, threads);
  nr3d::project_camera_gradient_cpu<T>({views, grad.data(), grad_eyes.data(), grad_axes.data()},
                                       threads);
  if (!straight || num_views != 1) return;
  require(projected == scene.vertices, "a camera at the origin sees the points as they are");
  require(grad_points == grad, "and so their gradient");
}

template <class T>
void voxelize(Kind kind, const Sizes& s, int resolution, bool fill, int threads) {
  const Scene<T> scene = make_scene<T>(kind, s);
  std::vector<uint8_t> voxels(s.num_meshes * resolution * resolution * resolution, 7);
  nr3d::voxelize_cpu<T>({scene.vertices.data(), scene.faces.data(), voxels.data(), s.num_meshes,
                         s.num_vertices, s.num_faces, resolution, fill},
                        threads);
  for (uint8_t voxel : voxels) require(voxel <= 1, "voxels are 0 or 1");
}

template <class T>
void exercise_ops() {
  const Sizes all_sizes[] = {{1, 3, 1, 1, 1},     {2, 5, 7, 1, 9},      {3, 12, 20, 17, 1},
                             {2, 12, 20, 10, 10}, {1, 60, 100, 33, 70}, {5, 30, 40, 16, 48},
                             {0, 3, 1, 4, 4}};
  for (const Sizes& sizes : all_sizes) {
    for (Kind kind : kKinds) {
      for (int threads : {1, 3}) {
        render<T>(kind, sizes, true, true, threads);
        render<T>(kind, sizes, false, false, threads);
        for (int64_t num_views : {0, 1, 3}) {
          project<T>(kind, sizes, num_views, true, threads);
          project<T>(kind, sizes, num_views, false, threads);
        }
        draw_softly<T>(kind, sizes, 1e-4, threads);
        draw_softly<T>(kind, sizes, threads > 1 ? 1e3 : 1e-30, threads);
        voxelize<T>(kind, sizes, 2, true, threads);
        voxelize<T>(kind, sizes, 19, threads > 1, threads);
      }
    }
  }
}

template <class T>
void exercise_checks() {
  for (int64_t count : {0, 1, 7, 64, 1000}) {
    std::vector<T> values(count, T(1));
    require(nr3d::find_non_finite(values.data(), count) == -1, "all finite");
    if (count == 0) continue;
    values.back() = std::numeric_limits<T>::quiet_NaN();
    require(nr3d::find_non_finite(values.data(), count) == count - 1, "the NaN is found");
    values.front() = std::numeric_limits<T>::infinity();
    require(nr3d::find_non_finite(values.data(), count) == 0, "the infinity is found");
  }
}

template <class T>
void exercise_range() {
  std::vector<T> values{0, 4, 2, std::numeric_limits<T>::max(), std::numeric_limits<T>::min()};
  require(nr3d::find_out_of_range(values.data(), 3, 0, 5) == -1, "all in range");
  require(nr3d::find_out_of_range(values.data(), 5, 0, 5) == 3, "the largest is found");
  require(nr3d::find_out_of_range(values.data() + 4, 1, 0, 5) == 0, "the smallest is found");
}

}  // namespace

int main() {
  exercise_checks<float>();
  exercise_checks<double>();
  exercise_range<int32_t>();
  exercise_range<int64_t>();
  exercise_ops<float>();
  exercise_ops<double>();
  std::printf("done with %s\n", nr3d::name_of(nr3d::best_isa()));
}
