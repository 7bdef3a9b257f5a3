// One line of an image, and what it says to the edges of one face. For .cu files: a warp walks a
// line, and a lane takes a run of pixels that show one face. csrc/edge_walk.h says the same in
// packs.
#pragma once
#include <algorithm>

#include "kato_gradient.h"
#include "launch.h"

namespace nr3d {

// How the channels of an image are known: of a silhouette all follows from the face index.
constexpr int kSilhouette = 0, kAnyChannels = -1;

// A line where it lies in the image: each pointer is to its first pixel, at the left or at the
// bottom, of the first channel.
template <class T>
struct LineView {
  Axis axis;
  int number, length, factor;
  int64_t mesh;
  int step, grad_step;        // from pixel to pixel; a gradient of a silhouette serves `factor`
  int64_t plane, grad_plane;  // from channel to channel
  const int32_t* face_index;
  const int16_t* short_face_index;
  const T *color, *grad;
};

template <class T>
__device__ LineView<T> view_of(const KatoGradientParams<T>& p, int64_t mesh, int number) {
  LineView<T> line;
  const bool is_row = number < p.height;
  line.axis = is_row ? Axis::kRows : Axis::kColumns;
  line.number = is_row ? number : number - p.height;
  line.length = is_row ? p.width : p.height;
  line.factor = p.factor;
  line.mesh = mesh;
  line.plane = static_cast<int64_t>(p.height) * p.width;
  line.step = is_row ? 1 : -p.width;
  const int bottom = p.height - 1;
  const int first = is_row ? (bottom - line.number) * p.width : bottom * p.width + line.number;
  const int64_t pixel = mesh * line.plane + first;
  line.face_index = p.face_index ? p.face_index + pixel : nullptr;
  line.short_face_index = p.short_face_index ? p.short_face_index + pixel : nullptr;
  line.color = p.image ? p.image + mesh * p.num_channels * line.plane + first : nullptr;
  const int width = p.width / p.factor, low = p.height / p.factor - 1;
  const int at = line.number / p.factor;
  line.grad_plane = line.plane / (p.factor * p.factor);
  line.grad_step = is_row ? 1 : -width;
  line.grad = p.grad_image + mesh * p.num_channels * line.grad_plane +
              (is_row ? (low - at) * width : low * width + at);
  return line;
}

// The face at a position: -1 where there is none, or where the index is none (and a complaint).
template <class T>
__device__ int32_t face_at(const KatoGradientParams<T>& p, const LineView<T>& line, int position,
                           Fault* fault) {
  const int offset = position * line.step;
  const int32_t face = line.face_index ? line.face_index[offset] : line.short_face_index[offset];
  if (face >= -1 && face < 2 * p.num_faces) return face;
  const bool is_row = line.axis == Axis::kRows;
  complain(fault, Argument::kFaceIndex, line.mesh, p.height - 1 - (is_row ? line.number : position),
           is_row ? position : line.number, face, -1, 2 * p.num_faces);
  return -1;
}

template <class T>
__device__ T grad_at(const LineView<T>& line, int channel, int position) {
  const int at = line.factor == 1 ? position : position / line.factor;
  return line.grad[channel * line.grad_plane + at * line.grad_step];
}

template <class T>
__device__ T color_at(const LineView<T>& line, int channel, int position) {
  return line.color[channel * line.plane + position * line.step];
}

// How much the loss falls if pixels take the color of another one; a silhouette changes by 1.
template <int kChannels, class T>
class Gain {
 public:
  __device__ Gain(int num_channels, const LineView<T>& line, int other)
      : num_channels_(num_channels), line_(line), other_(other) {
    for (int c = 0; c < kChannels; ++c) color_[c] = color_at(line, c, other);
  }

  // `worth` is the sum over the channels of color times gradient, of a silhouette the gradient; a
  // pixel beyond an edge would become brighter, one within a face darker.
  __device__ T of(int position, T worth, bool is_beyond) const {
    if (kChannels == kSilhouette) return is_beyond ? -worth : worth;
    T other = T(0);
    const int count = kChannels > 0 ? kChannels : num_channels_;
    for (int c = 0; c < count; ++c) {
      const T color = kChannels > 0 ? color_[c] : color_at(line_, c, other_);
      other += grad_at(line_, c, position) * color;
    }
    const T gain = worth - other;
    return gain > T(0) ? gain : T(0);
  }

 private:
  int num_channels_;
  const LineView<T>& line_;
  int other_;
  T color_[kChannels > 0 ? kChannels : 1];
};

// The pixels of a line that can pull from beyond an edge, in shared memory, by ascending position.
// Of colors they are those with a gradient, and pull within a face too.
template <class T>
struct PullingPixels {
  const uint16_t* position;
  const T* worth;
  int count;
};

// Pixels [start, end] of a line that show one face, and the face's corners: u across the line, v
// along it.
template <class T>
struct Run {
  int start, end;
  int32_t vertex[3];
  T u[3], v[3];
};

// Where a line meets an edge of a run's face.
template <class T>
struct Meeting {
  int32_t vertex_a, vertex_b;
  Edge<T> edge;
  T bv, cu, cv;
  T crossed, lever_a, lever_b;
  int inner;  // the face's last pixel
  bool pulls_beyond, pulls_within;
};

// The corners of a run's face; false, and a complaint, where they are none.
template <class T>
__device__ bool load_run(const KatoGradientParams<T>& p, const LineView<T>& line, int32_t face,
                         Fault* fault, Run<T>& run) {
  const int64_t front = face < p.num_faces ? face : face - p.num_faces;
  const bool is_row = line.axis == Axis::kRows;
  for (int k = 0; k < 3; ++k) {
    const int32_t vertex = p.faces[3 * front + corner_of(face, p.num_faces, k)];
    if (vertex < 0 || vertex >= p.num_vertices) {
      complain(fault, Argument::kFaces, front, corner_of(face, p.num_faces, k), -1, vertex, 0,
               p.num_vertices);
      return false;
    }
    const T* place = p.vertices + 3 * (line.mesh * p.num_vertices + vertex);
    const T x = to_pixel(place[0], p.width), y = to_pixel(place[1], p.height);
    run.vertex[k] = vertex;
    run.u[k] = is_row ? y : x;
    run.v[k] = is_row ? x : y;
    if (run.u[k] - run.u[k] == T(0) && run.v[k] - run.v[k] == T(0)) continue;
    const int axis = x - x == T(0) ? 1 : 0;
    complain(fault, Argument::kVertices, line.mesh, vertex, axis, place[axis], 0, 0);
    return false;
  }
  return true;
}

// Which edges end the run's face towards `outwards` on the line, as bits: at a corner there are
// two.
template <class T>
__device__ int edges_met(const LineView<T>& line, const Run<T>& run, T outwards) {
  const bool rising = (outwards > T(0)) == (line.axis == Axis::kRows);
  const T u = static_cast<T>(line.number);
  int bits = 0;
  for (int e = 0; e < 3; ++e) {
    const T a = run.u[e], b = run.u[e == 2 ? 0 : e + 1];
    if (rising ? crosses(a, b, u) : crosses(b, a, u)) bits |= 1 << e;
  }
  return bits;
}

// Meet edge e.
template <class T>
__device__ Meeting<T> meet(const LineView<T>& line, const Run<T>& run, int e, T outwards) {
  Meeting<T> m;
  m.vertex_a = e == 0 ? run.vertex[0] : e == 1 ? run.vertex[1] : run.vertex[2];
  m.vertex_b = e == 0 ? run.vertex[1] : e == 1 ? run.vertex[2] : run.vertex[0];
  m.edge.au = e == 0 ? run.u[0] : e == 1 ? run.u[1] : run.u[2];
  m.edge.av = e == 0 ? run.v[0] : e == 1 ? run.v[1] : run.v[2];
  m.edge.bu = e == 0 ? run.u[1] : e == 1 ? run.u[2] : run.u[0];
  m.bv = e == 0 ? run.v[1] : e == 1 ? run.v[2] : run.v[0];
  m.cu = e == 0 ? run.u[2] : e == 1 ? run.u[0] : run.u[1];
  m.cv = e == 0 ? run.v[2] : e == 1 ? run.v[0] : run.v[1];
  m.edge.slope = (m.bv - m.edge.av) / (m.edge.bu - m.edge.au);
  m.edge.outwards = outwards;
  const T u = static_cast<T>(line.number), beyond = static_cast<T>(line.length);
  m.crossed = crossing(m.edge, u);
  const T inner = inner_pixel(m.edge, m.crossed, beyond), outer = inner + outwards;
  const bool is_on_image = inner >= T(0) && inner < beyond && outer >= T(0) && outer < beyond;
  m.inner = is_on_image ? static_cast<int>(inner) : 0;
  // Only where the face is seen at its last pixel.
  m.pulls_beyond = is_on_image && m.inner >= run.start && m.inner <= run.end;
  m.pulls_within = is_on_image;
  m.lever_a = lever_of_a<T>(m.edge, u, line.length);
  m.lever_b = lever_of_b<T>(m.edge, u, line.length);
  return m;
}

// Add what the pixels beyond the edge pull at its vertices.
template <int kChannels, class T>
__device__ void pull_beyond(const KatoGradientParams<T>& p, const LineView<T>& line,
                            const PullingPixels<T>& pixels, const Meeting<T>& m, T& on_a, T& on_b) {
  const Gain<kChannels, T> gain(p.num_channels, line, m.inner);
  const T eps_a = signed_eps(m.edge, m.lever_a, p.eps);
  const T eps_b = signed_eps(m.edge, m.lever_b, p.eps);
  for (int k = 0; k < pixels.count; ++k) {
    const int position = pixels.position[k];
    const T t = static_cast<T>(position) - m.crossed;
    if (!(t * m.edge.outwards > T(0))) continue;
    const T value = gain.of(position, pixels.worth[k], true);
    on_a -= value / (m.lever_a * t + eps_a);
    on_b -= value / (m.lever_b * t + eps_b);
  }
}

// Add what the run's own pixels pull.
template <int kChannels, class T>
__device__ void pull_within(const KatoGradientParams<T>& p, const LineView<T>& line,
                            const Run<T>& run, const Meeting<T>& m, T& on_a, T& on_b) {
  const T a[2] = {m.edge.au, m.edge.av}, b[2] = {m.edge.bu, m.bv}, c[2] = {m.cu, m.cv};
  const T u = static_cast<T>(line.number);
  const int far = static_cast<int>(far_pixel(a, b, c, m.edge.outwards, u, line.length));
  const int low = std::max(std::min(m.inner, far), run.start);
  const int high = std::min(std::max(m.inner, far), run.end);
  const Gain<kChannels, T> gain(p.num_channels, line, m.inner + static_cast<int>(m.edge.outwards));
  for (int position = low; position <= high; ++position) {
    T worth = T(0);
    if (kChannels == kSilhouette) {
      worth = grad_at(line, 0, position);
      if (!(worth > T(0))) continue;
    } else {
      for (int ch = 0; ch < p.num_channels; ++ch) {
        worth += color_at(line, ch, position) * grad_at(line, ch, position);
      }
    }
    const T value = gain.of(position, worth, false), t = static_cast<T>(position) - m.crossed;
    if (m.lever_a != T(0)) on_a += pull(value, m.lever_a, t, p.eps);
    if (m.lever_b != T(0)) on_b += pull(value, m.lever_b, t, p.eps);
  }
}

}  // namespace nr3d
