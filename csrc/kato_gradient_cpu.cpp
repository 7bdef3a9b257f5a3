#include "kato_gradient.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "ops.h"
#include "pack.h"
#include "parallel.h"
#include "pixel_lists.h"

namespace nr3d {
namespace {

template <class T>
constexpr typename Pack<T>::Integer kLaneNumbers[16] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                        8, 9, 10, 11, 12, 13, 14, 15};

// An edge met by a line, where it pulls at something.
template <class T>
struct Meeting {
  T crossing;   // position of the edge on the line
  int line, e;  // the line; the edge's number in its face
  int inner, outer;
};

// The meetings of one face, sorted by what they do. Filled without branches: most edges that a line
// meets do nothing, and which do is hard to foretell.
template <class T>
struct Meetings {
  std::vector<Meeting<T>> outside, inside;
  int num_outside, num_inside;
};

template <class T>
NR3D_HD void meet(const Image<T>& image, const Walk<T>& walk, const Edge<T>& edge, int e,
                  int32_t face, Meetings<T>& meetings) {
  int first, last;
  lines_of(edge, walk.num_lines, first, last);
  const int length = walk.length;
  for (int line = first; line <= last; ++line) {
    const T crossed = crossing(edge, static_cast<T>(line));
    const int inner = inner_pixel(edge, crossed, length), outer = outer_pixel(edge, inner);
    const bool on_image = (inner >= 0) & (inner < length) & (outer >= 0) & (outer < length);
    const int32_t face_inside =
        image.face_index[image.offset(walk.axis, line, on_image ? inner : 0)];
    const int32_t face_outside =
        image.face_index[image.offset(walk.axis, line, on_image ? outer : 0)];
    const bool any_outside =
        edge.outwards_up ? walk.outside.last[line] > crossed : walk.outside.first[line] < crossed;
    const bool reaches_out = on_image & any_outside & (face_inside == face);
    const bool reaches_in =
        on_image & (walk.inside.count[line] > 0) & !(image.is_silhouette() & (face_outside >= 0));
    const Meeting<T> meeting{crossed, line, e, inner, outer};
    meetings.outside[meetings.num_outside] = meeting;
    meetings.num_outside += reaches_out;
    meetings.inside[meetings.num_inside] = meeting;
    meetings.num_inside += reaches_in;
  }
}

// Which entries of a list pull at an edge, and how.
template <class T>
struct Pull {
  T crossing;
  T first, last;  // the positions that count
  T lever_a, lever_b;
  int32_t face;    // only this face's pixels count; -1: all
  const T* other;  // [C] the colour the pixels would take, a plane apart
};

// What uncovered and covered pixels of a silhouette show.
template <class T>
constexpr T kUncovered = T(0);
template <class T>
constexpr T kCovered = T(1);

// Add what the entries at `at` of a list, as many as a pack holds, pull; only the first `count` are
// filled.
template <class T, class V = typename Pack<T>::Values>
NR3D_HD void pull_pack(const Image<T>& image, const PixelLists<T>& lists, int64_t at, int count,
                       const Pull<T>& p, V& pull_on_a, V& pull_on_b) {
  using Integer = typename Pack<T>::Integer;
  using Mask = typename Pack<T>::Integers;
  V gain = {}, position, color, grad;
  Mask face, lane;
  for (int c = 0; c < image.p.num_channels; ++c) {
    load(lists.color.get() + c * lists.plane + at, color);
    load(lists.grad.get() + c * lists.plane + at, grad);
    gain += (color - p.other[c * image.size]) * grad;
  }
  load(lists.position.get() + at, position);
  load(lists.face.get() + at, face);
  load(kLaneNumbers<T>, lane);
  Mask counts = (lane < static_cast<Integer>(count)) & (gain > T(0)) & (position >= p.first) &
                (position <= p.last);
  if (p.face >= 0) counts &= face == static_cast<Integer>(p.face);
  const V nothing = {}, one = nothing + T(1);
  gain = counts ? gain : nothing;
  const V t = counts ? position - p.crossing : one;
  if (p.lever_a != T(0)) pull_on_a += pull(gain, p.lever_a, t, image.p.eps);
  if (p.lever_b != T(0)) pull_on_b += pull(gain, p.lever_b, t, image.p.eps);
}

// Add what the pixels of a line pull; the packs of its list that hold none of them are left out.
template <class T, class V>
NR3D_HD void pull_line(const Image<T>& image, const PixelLists<T>& lists, int line,
                       const Pull<T>& p, V& pull_on_a, V& pull_on_b) {
  constexpr int kLanes = Pack<T>::kLanes;
  const T* position = lists.position.get() + line * lists.stride;
  const int count = lists.count[line];
  for (int start = 0; start < count && position[start] <= p.last; start += kLanes) {
    if (position[std::min(start + kLanes, count) - 1] < p.first) continue;
    pull_pack(image, lists, line * lists.stride + start, count - start, p, pull_on_a, pull_on_b);
  }
}

template <class T>
NR3D_HD Pull<T> make_pull(const Edge<T>& edge, const Meeting<T>& m, int length) {
  const T u = static_cast<T>(m.line);
  return {
      m.crossing, T(0),   T(length - 1), lever_of_a(edge, u, length), lever_of_b(edge, u, length),
      -1,         nullptr};
}

// The gradient of the corners of one face (in [0, 2F)), in its drawing order, along the axis the
// walk moves vertices in.
template <class T>
NR3D_HD void walk_face(const Image<T>& image, const Walk<T>& walk, int32_t face, const T u[3],
                       const T v[3], Meetings<T>& meetings, T grad[3]) {
  Edge<T> edges[3];
  meetings.num_outside = meetings.num_inside = 0;
  for (int e = 0; e < 3; ++e) {
    edges[e] = make_edge(u, v, e, walk.axis);
    if (edges[e].au != edges[e].bu) meet(image, walk, edges[e], e, face, meetings);
  }
  typename Pack<T>::Values pull_on[4] = {};  // the fourth is the first again
  for (int i = 0; i < meetings.num_outside; ++i) {
    const Meeting<T>& m = meetings.outside[i];
    Pull<T> p = make_pull(edges[m.e], m, walk.length);
    (m.outer > m.inner ? p.first : p.last) = static_cast<T>(m.outer);
    p.other = image.is_silhouette() ? &kCovered<T>
                                    : image.color + image.offset(walk.axis, m.line, m.inner);
    pull_line(image, walk.outside, m.line, p, pull_on[m.e], pull_on[m.e + 1]);
  }
  for (int i = 0; i < meetings.num_inside; ++i) {
    const Meeting<T>& m = meetings.inside[i];
    Pull<T> p = make_pull(edges[m.e], m, walk.length);
    const int other = far_pixel(edges[m.e], static_cast<T>(m.line), walk.length);
    p.first = static_cast<T>(std::min(m.inner, other));
    p.last = static_cast<T>(std::max(m.inner, other));
    p.face = face;
    p.other = image.is_silhouette() ? &kUncovered<T>
                                    : image.color + image.offset(walk.axis, m.line, m.outer);
    pull_line(image, walk.inside, m.line, p, pull_on[m.e], pull_on[m.e + 1]);
  }
  pull_on[0] += pull_on[3];
  for (int k = 0; k < 3; ++k) grad[k] = sum_of_lanes<T>(pull_on[k]);
}

// One image's buffers, used again for the next.
template <class T>
struct Workspace {
  Walk<T> columns, rows;
  std::vector<T> expanded;       // [H, W] the gradient of a silhouette drawn larger
  std::vector<uint8_t> roles;    // [H, W]
  std::vector<uint8_t> is_seen;  // [1 + 2F] whether a face won a pixel; entry 0 is the background
  std::vector<T> corner_grad;    // [F, 3, 2] x, y

  explicit Workspace(const KatoGradientParams<T>& p)
      : columns{Axis::kColumns,
                p.width,
                p.height,
                {p.width, p.height, p.num_channels},
                {p.width, p.height, p.num_channels}},
        rows{Axis::kRows,
             p.height,
             p.width,
             {p.height, p.width, p.num_channels},
             {p.height, p.width, p.num_channels}},
        expanded(p.factor > 1 ? static_cast<size_t>(p.height) * p.width : 0),
        roles(static_cast<size_t>(p.height) * p.width),
        is_seen(2 * p.num_faces + 1),
        corner_grad(6 * p.num_faces) {}
};

template <class T>
NR3D_HD void walk_copy(const Image<T>& image, const T* vertices, const Workspace<T>& work,
                       int64_t face, Meetings<T>& meetings, T corner_grad[6]) {
  const KatoGradientParams<T>& p = image.p;
  const int32_t* corners = p.faces + 3 * (face < p.num_faces ? face : face - p.num_faces);
  T x[3], y[3], grad_x[3], grad_y[3];
  for (int k = 0; k < 3; ++k) {
    const T* v = vertices + 3 * static_cast<int64_t>(corners[corner_of(face, p.num_faces, k)]);
    x[k] = to_pixel(v[0], p.width);
    y[k] = to_pixel(v[1], p.height);
  }
  walk_face(image, work.columns, static_cast<int32_t>(face), x, y, meetings, grad_y);
  walk_face(image, work.rows, static_cast<int32_t>(face), y, x, meetings, grad_x);
  for (int k = 0; k < 3; ++k) {
    const int corner = corner_of(face, p.num_faces, k);
    corner_grad[2 * corner] += grad_x[k];
    corner_grad[2 * corner + 1] += grad_y[k];
  }
}

template <class T>
NR3D_HD void walk_faces(const Image<T>& image, const T* vertices, int64_t begin, int64_t end,
                        Workspace<T>& work) {
  const size_t most = 3 * static_cast<size_t>(std::max(image.p.height, image.p.width)) + 1;
  Meetings<T> meetings{std::vector<Meeting<T>>(most), std::vector<Meeting<T>>(most), 0, 0};
  for (int64_t face = begin; face < end; ++face) {
    T* corner_grad = work.corner_grad.data() + 6 * face;
    std::fill(corner_grad, corner_grad + 6, T(0));
    for (const int64_t copy : {face, face + image.p.num_faces}) {
      if (work.is_seen[1 + copy]) walk_copy(image, vertices, work, copy, meetings, corner_grad);
    }
  }
}

// Find what the walks look for. False if face_index holds no face index.
template <class T>
NR3D_HD bool survey(const Image<T>& image, Workspace<T>& work) {
  find_roles(image, work.roles.data());
  return mark_seen(image, static_cast<int64_t>(work.is_seen.size()), work.is_seen.data());
}

// target_clones takes no templates: one plain function a scalar.
NR3D_VECTOR_CLONES void walk_range(const Image<float>& image, const float* vertices, int64_t begin,
                                   int64_t end, Workspace<float>& work) {
  walk_faces(image, vertices, begin, end, work);
}
NR3D_VECTOR_CLONES bool survey_image(const Image<float>& image, Workspace<float>& work) {
  return survey(image, work);
}
NR3D_VECTOR_CLONES bool survey_image(const Image<double>& image, Workspace<double>& work) {
  return survey(image, work);
}
NR3D_VECTOR_CLONES void walk_range(const Image<double>& image, const double* vertices,
                                   int64_t begin, int64_t end, Workspace<double>& work) {
  walk_faces(image, vertices, begin, end, work);
}

// Sum the corners into their vertices in the order of the faces, whatever computed them.
template <class T>
void gather_corners(const KatoGradientParams<T>& p, const Workspace<T>& work, T* grad_vertices) {
  std::fill(grad_vertices, grad_vertices + 3 * p.num_vertices, T(0));
  for (int64_t corner = 0; corner < 3 * p.num_faces; ++corner) {
    T* grad = grad_vertices + 3 * static_cast<int64_t>(p.faces[corner]);
    grad[0] += work.corner_grad[2 * corner];
    grad[1] += work.corner_grad[2 * corner + 1];
  }
}

// A silhouette's gradient arrives at the size its factor x factor blocks were averaged to.
template <class T>
void expand(const KatoGradientParams<T>& p, const T* grad, std::vector<T>& expanded) {
  const int width = p.width / p.factor;
  const T share = T(1) / (p.factor * p.factor);
  T* to = expanded.data();
  for (int row = 0; row < p.height; row += p.factor, grad += width) {
    for (int i = 0; i < p.width; ++i) to[i] = share * grad[i / p.factor];
    for (int k = 1; k < p.factor; ++k) std::copy(to, to + p.width, to + k * p.width);
    to += p.factor * p.width;
  }
}

template <class T>
Image<T> image_of(const KatoGradientParams<T>& p, int64_t mesh, std::vector<T>& expanded) {
  const int64_t size = static_cast<int64_t>(p.height) * p.width;
  Image<T> image{p, p.face_index + mesh * size, nullptr, nullptr, size};
  if (p.image) image.color = p.image + mesh * size * p.num_channels;
  image.grad = p.grad_image + mesh * size * p.num_channels / (p.factor * p.factor);
  if (p.factor > 1) {
    expand(p, image.grad, expanded);
    image.grad = expanded.data();
  }
  return image;
}

template <class T>
[[noreturn]] void refuse_face_index(const Image<T>& image) {
  const int64_t limit = 2 * image.p.num_faces;
  const int32_t* bad = std::find_if(image.face_index, image.face_index + image.size,
                                    [limit](int32_t face) { return face < -1 || face >= limit; });
  throw std::invalid_argument("kato_gradient: face_index must hold face indices inside [-1, " +
                              std::to_string(limit) + "), got " + std::to_string(*bad));
}

template <class T>
void gradient_of_image(const KatoGradientParams<T>& p, int64_t mesh, int threads,
                       Workspace<T>& work) {
  const Image<T> image = image_of(p, mesh, work.expanded);
  const T* vertices = p.vertices + mesh * p.num_vertices * 3;
  if (!survey_image(image, work)) refuse_face_index(image);
  for (Walk<T>* walk : {&work.columns, &work.rows}) {
    parallel_for(walk->num_lines, 64, threads, [&](int64_t begin, int64_t end) {
      list_lines(image, work.roles.data(), static_cast<int>(begin), static_cast<int>(end), *walk);
    });
  }
  parallel_for(p.num_faces, 256, threads,
               [&](int64_t begin, int64_t end) { walk_range(image, vertices, begin, end, work); });
  gather_corners(p, work, p.grad_vertices + mesh * p.num_vertices * 3);
}

}  // namespace

template <class T>
void kato_gradient_cpu(const KatoGradientParams<T>& p, int threads) {
  // Threads share the images where there are enough of them, else the work inside each image.
  const bool many_images = p.num_meshes >= threads;
  const int64_t grain = std::max<int64_t>(1, p.num_meshes / (4 * std::max(threads, 1)));
  parallel_for(p.num_meshes, many_images ? grain : p.num_meshes, threads,
               [&](int64_t begin, int64_t end) {
                 Workspace<T> work(p);
                 for (int64_t mesh = begin; mesh < end; ++mesh) {
                   gradient_of_image(p, mesh, many_images ? 1 : threads, work);
                 }
               });
}

template void kato_gradient_cpu(const KatoGradientParams<float>&, int);
template void kato_gradient_cpu(const KatoGradientParams<double>&, int);

}  // namespace nr3d
