#include "kato_gradient.h"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "ops.h"
#include "parallel.h"

namespace nr3d {
namespace {

constexpr int kLanes = 16;  // pixels handled at once; lists are padded by as many

// The pixels of each line of an image that can pull at an edge, by ascending position.
template <class T>
class PixelLists {
 public:
  PixelLists(int num_lines, int length, int num_channels)
      : stride(length + kLanes),
        channel_stride(static_cast<int64_t>(num_lines) * stride),
        count(num_lines),
        position(new T[channel_stride]),
        face(new int32_t[channel_stride]),
        color(new T[channel_stride * num_channels]),
        grad(new T[channel_stride * num_channels]) {}

  const int64_t stride, channel_stride;
  std::vector<int32_t> count;       // [lines]
  std::unique_ptr<T[]> position;    // [lines, stride] along the line
  std::unique_ptr<int32_t[]> face;  // [lines, stride] the face seen there
  std::unique_ptr<T[]> color;       // [C, lines, stride]
  std::unique_ptr<T[]> grad;        // [C, lines, stride]
};

// One walking direction: its lines and what can contribute on them. In a silhouette only uncovered pixels
// that should be brighter pull from outside and covered ones that should be darker from inside; in
// any other image every pixel with a gradient may do both.
template <class T>
struct Walk {
  Axis axis;
  int num_lines, length;
  PixelLists<T> outside;
  PixelLists<T> inside_of_silhouette;
};

template <class T>
struct Image {
  const KatoGradientParams<T>& p;
  const int32_t* face_index;  // [H, W]
  const T* color;             // [C, H, W]
  const T* grad;              // [C, H, W]
  bool is_silhouette;

  Image(const KatoGradientParams<T>& params, int64_t mesh) : p(params) {
    const int64_t size = static_cast<int64_t>(p.height) * p.width;
    face_index = p.face_index + mesh * size;
    color = p.image + mesh * size * p.num_channels;
    grad = p.grad_image + mesh * size * p.num_channels;
    bool equal = p.num_channels == 1;
    if (equal) {
      for (int64_t i = 0; i < size; ++i) equal &= color[i] == (face_index[i] >= 0 ? T(1) : T(0));
    }
    is_silhouette = equal;
  }

  // The offset of a pixel given in lines and positions, which count from the bottom left.
  int64_t offset(Axis axis, int line, int position) const {
    const int row = axis == Axis::kRows ? line : position;
    const int column = axis == Axis::kRows ? position : line;
    return static_cast<int64_t>(p.height - 1 - row) * p.width + column;
  }
};

template <class T>
void append(const Image<T>& image, int64_t pixel, int line, int position, PixelLists<T>& lists) {
  const int64_t at = line * lists.stride + lists.count[line]++;
  lists.position[at] = static_cast<T>(position);
  lists.face[at] = image.face_index[pixel];
  const int64_t size = static_cast<int64_t>(image.p.height) * image.p.width;
  for (int c = 0; c < image.p.num_channels; ++c) {
    lists.color[at + c * lists.channel_stride] = image.color[pixel + c * size];
    lists.grad[at + c * lists.channel_stride] = image.grad[pixel + c * size];
  }
}

// Sort the pixel into the list where it can contribute, if anywhere.
template <class T>
void list_pixel(const Image<T>& image, int64_t pixel, int line, int position, Walk<T>& walk) {
  const int64_t size = static_cast<int64_t>(image.p.height) * image.p.width;
  if (image.is_silhouette) {
    const bool covered = image.face_index[pixel] >= 0;
    if (!covered && image.grad[pixel] < T(0)) append(image, pixel, line, position, walk.outside);
    if (covered && image.grad[pixel] > T(0)) {
      append(image, pixel, line, position, walk.inside_of_silhouette);
    }
    return;
  }
  bool any = false;
  for (int c = 0; c < image.p.num_channels; ++c) any |= image.grad[pixel + c * size] != T(0);
  if (any) append(image, pixel, line, position, walk.outside);
}

template <class T>
bool any_gradient(const Image<T>& image, int64_t pixel, int count) {
  const int64_t size = static_cast<int64_t>(image.p.height) * image.p.width;
  bool any = false;
  for (int c = 0; c < image.p.num_channels; ++c) {
    for (int i = 0; i < count; ++i) any |= image.grad[pixel + c * size + i] != T(0);
  }
  return any;
}

// List the pixels of the lines [begin, end), reading the image row by row in either walk.
template <class T>
void list_lines(const Image<T>& image, int begin, int end, Walk<T>& walk) {
  for (PixelLists<T>* lists : {&walk.outside, &walk.inside_of_silhouette}) {
    std::fill(lists->count.begin() + begin, lists->count.begin() + end, 0);
  }
  const bool rows = walk.axis == Axis::kRows;
  const int first_column = rows ? 0 : begin, last_column = rows ? image.p.width : end;
  const int first_row = rows ? begin : 0, last_row = rows ? end : image.p.height;
  for (int row = first_row; row < last_row; ++row) {
    const int64_t start = image.offset(Axis::kRows, row, 0);
    for (int block = first_column; block < last_column; block += kLanes) {
      const int count = std::min(kLanes, last_column - block);
      if (!any_gradient(image, start + block, count)) continue;
      for (int column = block; column < block + count; ++column) {
        list_pixel(image, start + column, rows ? row : column, rows ? column : row, walk);
      }
    }
  }
}

// What the pixels [begin, end) of a list pull at vertices A and B of an edge crossed at `crossing`, if they
// took the colour `other` (C values, `other_stride` apart); of one face's pixels only, unless it is -1.
template <class T>
NR3D_HD void pull_of(const PixelLists<T>& lists, int64_t begin, int64_t end, int num_channels,
                     const T* other, int64_t other_stride, int32_t face, T crossing, T lever_a,
                     T lever_b, T eps, T pull_on[2]) {
  T sum_a[kLanes] = {}, sum_b[kLanes] = {};
  const T* position = lists.position.get();
  const int32_t* faces = lists.face.get();
  for (int64_t i = begin; i < end; i += kLanes) {
    T gain[kLanes] = {};
    for (int c = 0; c < num_channels; ++c) {
      const T* color = lists.color.get() + c * lists.channel_stride + i;
      const T* grad = lists.grad.get() + c * lists.channel_stride + i;
      const T target = other[c * other_stride];
      for (int l = 0; l < kLanes; ++l) gain[l] += (color[l] - target) * grad[l];
    }
    T t[kLanes];
    for (int l = 0; l < kLanes; ++l) {
      const bool counts =
          (i + l < end) & (gain[l] > T(0)) & ((face < 0) | (faces[i + l] == face));
      gain[l] = counts ? gain[l] : T(0);
      t[l] = counts ? position[i + l] - crossing : T(1);
    }
    for (int l = 0; l < kLanes; ++l) {
      sum_a[l] += pull(gain[l], lever_a, t[l], eps);
      sum_b[l] += pull(gain[l], lever_b, t[l], eps);
    }
  }
  T total_a = T(0), total_b = T(0);
  for (int l = 0; l < kLanes; ++l) {
    total_a += sum_a[l];
    total_b += sum_b[l];
  }
  if (lever_a != T(0)) pull_on[0] += total_a;
  if (lever_b != T(0)) pull_on[1] += total_b;
}

// The pixels at positions [first, last] of a line.
template <class T>
NR3D_HD void find(const PixelLists<T>& lists, int line, int first, int last, int64_t& begin,
                  int64_t& end) {
  const T* positions = lists.position.get() + line * lists.stride;
  const int count = lists.count[line];
  int low = 0, high = count;
  while (low < count && positions[low] < T(first)) ++low;
  while (high > low && positions[high - 1] > T(last)) --high;
  begin = line * lists.stride + low;
  end = line * lists.stride + high;
}

// Both passes of one edge on one line.
template <class T>
NR3D_HD void walk_line(const Image<T>& image, const Walk<T>& walk, const Edge<T>& edge, int32_t face,
                       int line, T pull_on[2]) {
  const PixelLists<T>& inside = image.is_silhouette ? walk.inside_of_silhouette : walk.outside;
  const bool any_outside = walk.outside.count[line] > 0, any_inside = inside.count[line] > 0;
  if (!any_outside && !any_inside) return;
  const int length = walk.length;
  const T u = static_cast<T>(line), crossed = crossing(edge, u);
  const int inner = inner_pixel(edge, crossed, length), outer = outer_pixel(edge, inner);
  if (inner < 0 || inner >= length || outer < 0 || outer >= length) return;
  const int64_t size = static_cast<int64_t>(image.p.height) * image.p.width;
  const int64_t inner_at = image.offset(walk.axis, line, inner);
  const int64_t outer_at = image.offset(walk.axis, line, outer);
  const T lever_a = lever_of_a(edge, u, length), lever_b = lever_of_b(edge, u, length);
  int64_t begin, end;
  if (any_outside && image.face_index[inner_at] == face) {
    find(walk.outside, line, edge.outwards_up ? outer : 0, edge.outwards_up ? length - 1 : outer, begin,
         end);
    if (begin < end) {
      pull_of(walk.outside, begin, end, image.p.num_channels, image.color + inner_at, size, -1, crossed,
              lever_a, lever_b, image.p.eps, pull_on);
    }
  }
  const bool nothing_to_uncover = image.is_silhouette && image.face_index[outer_at] >= 0;
  if (any_inside && !nothing_to_uncover) {
    const int other = far_pixel(edge, u, length);
    find(inside, line, std::min(inner, other), std::max(inner, other), begin, end);
    if (begin < end) {
      pull_of(inside, begin, end, image.p.num_channels, image.color + outer_at, size, face, crossed,
              lever_a, lever_b, image.p.eps, pull_on);
    }
  }
}

// The gradient of the corners of one face (in [0, 2F)), in its drawing order, along the axis the walk
// moves vertices in.
template <class T>
NR3D_HD void walk_face(const Image<T>& image, const Walk<T>& walk, int32_t face, const T u[3],
                       const T v[3], T grad[3]) {
  for (int e = 0; e < 3; ++e) {
    const Edge<T> edge = make_edge(u, v, e, walk.axis);
    if (edge.au == edge.bu) continue;
    int first, last;
    lines_of(edge, walk.num_lines, first, last);
    T pull_on[2] = {};
    for (int line = first; line <= last; ++line) {
      walk_line(image, walk, edge, face, line, pull_on);
    }
    grad[e] += pull_on[0];
    grad[e == 2 ? 0 : e + 1] += pull_on[1];
  }
}

// One image's buffers, used again for the next.
template <class T>
struct Workspace {
  Walk<T> columns, rows;
  std::vector<uint8_t> is_seen;  // [1 + 2F] whether a face won a pixel; entry 0 is the background
  std::vector<T> corner_grad;    // [F, 3, 2] x, y

  explicit Workspace(const KatoGradientParams<T>& p)
      : columns{Axis::kColumns, p.width, p.height, {p.width, p.height, p.num_channels},
                {p.width, p.height, p.num_channels}},
        rows{Axis::kRows, p.height, p.width, {p.height, p.width, p.num_channels},
             {p.height, p.width, p.num_channels}},
        is_seen(2 * p.num_faces + 1),
        corner_grad(6 * p.num_faces) {}
};

template <class T>
NR3D_HD void walk_copy(const Image<T>& image, const T* vertices, const Workspace<T>& work, int64_t face,
                       T corner_grad[6]) {
  const KatoGradientParams<T>& p = image.p;
  const int32_t* corners = p.faces + 3 * (face < p.num_faces ? face : face - p.num_faces);
  T x[3], y[3], grad_x[3] = {}, grad_y[3] = {};
  for (int k = 0; k < 3; ++k) {
    const T* v = vertices + 3 * static_cast<int64_t>(corners[corner_of(face, p.num_faces, k)]);
    x[k] = to_pixel(v[0], p.width);
    y[k] = to_pixel(v[1], p.height);
  }
  walk_face(image, work.columns, static_cast<int32_t>(face), x, y, grad_y);
  walk_face(image, work.rows, static_cast<int32_t>(face), y, x, grad_x);
  for (int k = 0; k < 3; ++k) {
    const int corner = corner_of(face, p.num_faces, k);
    corner_grad[2 * corner] += grad_x[k];
    corner_grad[2 * corner + 1] += grad_y[k];
  }
}

template <class T>
NR3D_HD void walk_faces(const Image<T>& image, const T* vertices, int64_t begin, int64_t end,
                        Workspace<T>& work) {
  for (int64_t face = begin; face < end; ++face) {
    T* corner_grad = work.corner_grad.data() + 6 * face;
    std::fill(corner_grad, corner_grad + 6, T(0));
    for (const int64_t copy : {face, face + image.p.num_faces}) {
      if (work.is_seen[1 + copy]) walk_copy(image, vertices, work, copy, corner_grad);
    }
  }
}

// target_clones takes no templates: one plain function a scalar.
NR3D_VECTOR_CLONES void walk_range(const Image<float>& image, const float* vertices, int64_t begin,
                                   int64_t end, Workspace<float>& work) {
  walk_faces(image, vertices, begin, end, work);
}
NR3D_VECTOR_CLONES void walk_range(const Image<double>& image, const double* vertices, int64_t begin,
                                   int64_t end, Workspace<double>& work) {
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

template <class T>
void mark_seen_faces(const Image<T>& image, std::vector<uint8_t>& is_seen) {
  std::fill(is_seen.begin(), is_seen.end(), 0);
  const int64_t size = static_cast<int64_t>(image.p.height) * image.p.width;
  for (int64_t i = 0; i < size; ++i) {
    const uint64_t entry = static_cast<uint64_t>(int64_t{1} + image.face_index[i]);
    if (entry >= is_seen.size()) {
      throw std::invalid_argument("kato_gradient: face_index must be inside [-1, " +
                                  std::to_string(2 * image.p.num_faces) + "), got " +
                                  std::to_string(image.face_index[i]));
    }
    is_seen[entry] = 1;
  }
}

template <class T>
void gradient_of_image(const KatoGradientParams<T>& p, int64_t mesh, int threads, Workspace<T>& work) {
  const Image<T> image(p, mesh);
  const T* vertices = p.vertices + mesh * p.num_vertices * 3;
  mark_seen_faces(image, work.is_seen);
  for (Walk<T>* walk : {&work.columns, &work.rows}) {
    parallel_for(walk->num_lines, 64, threads, [&](int64_t begin, int64_t end) {
      list_lines(image, static_cast<int>(begin), static_cast<int>(end), *walk);
    });
  }
  parallel_for(p.num_faces, 256, threads, [&](int64_t begin, int64_t end) {
    walk_range(image, vertices, begin, end, work);
  });
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
