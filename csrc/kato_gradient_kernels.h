// The loops of Kato's gradient. No include guard: see isa.h.
// clang-format off: each uses the one before
#include "lanes.h"
#include "survey.h"
#include "edge_pull.h"
#include "edge_walk.h"
// clang-format on

namespace nr3d {
namespace NR3D_ISA {
namespace {

// One thread's buffers, used again for the next lines.
template <class T>
struct Workspace {
  LineBlock<T> block;
  Survey<T> survey;
  std::vector<T> x, y;  // [V] pixel coordinates

  explicit Workspace(const KatoGradientParams<T>& p)
      : block(p), survey(p), x(p.num_vertices), y(p.num_vertices) {}
};

// What walking some rows or columns found.
template <class T>
struct Findings {
  Contributions<T> contributions;
  Range covered_columns;      // of rows: where there are faces
  Range rows;                 // of rows: which of them have faces or pixels that pull
  bool is_face_index = true;  // whether face_index holds face indices
};

template <class T>
NR3D_HD bool holds_face_indices(const Line<T>& line, int64_t num_faces) {
  const uint32_t limit = static_cast<uint32_t>(2 * num_faces);
  uint32_t largest = 0;  // of 1 + index: 0 is the background
  for (int i = 0; i < line.length; ++i) {
    largest = std::max(largest, static_cast<uint32_t>(line.face_index[i]) + 1);
  }
  return largest <= limit;
}

template <class T>
void walk(const Image<T>& image, const FlatMesh<T>& mesh, Axis axis, const Range& lines,
          const Range& pixels, Workspace<T>& work, Findings<T>& findings) {
  load_block(image, axis, lines, pixels, work.block);
  for (int number = lines.last; number >= lines.first; --number) {  // upwards in memory
    const Line<T> line = line_of(work.block, number);
    if (axis == Axis::kRows && !holds_face_indices(line, mesh.num_faces)) {
      findings.is_face_index = false;
      return;
    }
    survey_line(image.p, line, work.survey);
    const bool is_covered = !work.survey.covered.is_empty();
    findings.covered_columns.include(work.survey.covered);
    if (is_covered || work.survey.outside.count > 0) findings.rows.include({number, number});
    if (!is_covered) continue;
    const Walk<T> found{image.p, mesh, line, work.survey};
    if (line.color) {
      walk_line<false>(found, findings.contributions);
    } else {
      walk_line<true>(found, findings.contributions);
    }
  }
}

template <class T>
[[noreturn]] void refuse_face_index(const Image<T>& image) {
  const int64_t limit = 2 * image.p.num_faces;
  int64_t bad = -1;
  for (int64_t i = 0; i < image.size() && bad >= -1 && bad < limit; ++i) {
    bad = image.face_index ? image.face_index[i] : image.short_face_index[i];
  }
  throw std::invalid_argument("kato_gradient: face_index must hold face indices inside [-1, " +
                              std::to_string(limit) + "), got " + std::to_string(bad));
}

// Sum what a block contributed into the gradient, of stride 3.
template <class T>
void add(const Contributions<T>& contributions, T* grad) {
  for (const Contribution<T>& c : contributions) grad[3 * static_cast<int64_t>(c.vertex)] += c.grad;
}

// Walk the lines, block by block from the last, and sum in that order, whatever thread walked.
template <class T>
Findings<T> walk_lines(const Image<T>& image, const FlatMesh<T>& mesh, Axis axis,
                       const Range& lines, const Range& pixels, int threads, Workspace<T>& work,
                       T* grad) {
  constexpr int kMost = LineBlock<T>::kMost;
  const int num_blocks = (lines.size() + kMost - 1) / kMost;
  const auto block = [&lines](int64_t k) {
    const int last = lines.last - static_cast<int>(k) * kMost;
    return Range{std::max(lines.first, last - kMost + 1), last};
  };
  Findings<T> all;
  if (threads == 1) {
    for (int k = 0; k < num_blocks && all.is_face_index; ++k) {
      all.contributions.clear();
      walk(image, mesh, axis, block(k), pixels, work, all);
      add(all.contributions, grad);
    }
    return all;
  }
  std::vector<Findings<T>> findings(num_blocks);
  parallel_for(
      num_blocks, 1, threads, [&] { return Workspace<T>(image.p); },
      [&](Workspace<T>& own, int64_t k, int64_t) {
        walk(image, mesh, axis, block(k), pixels, own, findings[k]);
      });
  for (const Findings<T>& found : findings) {
    add(found.contributions, grad);
    all.covered_columns.include(found.covered_columns);
    all.rows.include(found.rows);
    all.is_face_index &= found.is_face_index;
  }
  return all;
}

template <class T>
void gradient_of_image(const KatoGradientParams<T>& p, int64_t mesh, int threads,
                       Workspace<T>& work) {
  const Image<T> image(p, mesh);
  const T* vertices = p.vertices + mesh * p.num_vertices * 3;
  T* grad = p.grad_vertices + mesh * p.num_vertices * 3;
  for (int64_t v = 0; v < p.num_vertices; ++v) {
    work.x[v] = to_pixel(vertices[3 * v], p.width);
    work.y[v] = to_pixel(vertices[3 * v + 1], p.height);
  }
  std::fill(grad, grad + 3 * p.num_vertices, T(0));
  const FlatMesh<T> on_rows{p.faces, p.num_faces, work.y.data(), work.x.data()};
  const FlatMesh<T> on_columns{p.faces, p.num_faces, work.x.data(), work.y.data()};
  const Range all_rows{0, p.height - 1}, all_columns{0, p.width - 1};
  // Rows first: reading them brings the image into the caches.
  const Findings<T> found =
      walk_lines(image, on_rows, Axis::kRows, all_rows, all_columns, threads, work, grad);
  if (!found.is_face_index) refuse_face_index(image);
  if (found.covered_columns.is_empty()) return;
  // Of a silhouette all is known about the rows that were left out; of a color it is not.
  const Range& rows = image.color ? all_rows : found.rows;
  walk_lines(image, on_columns, Axis::kColumns, found.covered_columns, rows, threads, work,
             grad + 1);
  if (p.factor == 1) return;
  const T share = T(1) / (p.factor * p.factor);  // of a pixel in the mean
  for (int64_t i = 0; i < 3 * p.num_vertices; ++i) grad[i] *= share;
}

template <class T>
void kato_gradient(const KatoGradientParams<T>& p, int threads) {
  if (static_cast<int64_t>(p.height) * p.width > std::numeric_limits<int32_t>::max()) {
    throw std::invalid_argument("kato_gradient: image must have fewer than 2^31 pixels, got " +
                                std::to_string(p.height) + " x " + std::to_string(p.width));
  }
  // Threads share the images where there are enough of them, else the work inside each image.
  const bool many_images = p.num_meshes >= threads;
  parallel_for(
      p.num_meshes, 1, many_images ? threads : 1, [&] { return Workspace<T>(p); },
      [&](Workspace<T>& work, int64_t mesh, int64_t) {
        gradient_of_image(p, mesh, many_images ? 1 : threads, work);
      });
}

}  // namespace
}  // namespace NR3D_ISA
}  // namespace nr3d
