// What the lines of an image say to the edges of one face.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "kato_gradient.h"
#include "pack.h"
#include "pixel_lists.h"

namespace nr3d {

constexpr int kFacesAtOnce = 8;

// One face on a walk.
template <class T>
struct WalkedFace {
  int32_t number;     // in [0, 2F)
  bool pulls_inside;  // whether one of its pixels can
  T u[3], v[3];       // its corners in drawing order
};

// Where lines meet the edges of some faces, all meetings in a row. Most do nothing, and which do is
// hard to foretell: so all are computed, a pack at once, and those that pull are picked without
// branches.
template <class T>
struct Meetings {
  using Integer = typename Pack<T>::Integer;

  int count = 0, num_outside = 0, num_inside = 0;
  std::vector<T> u;                            // the line
  std::vector<T> au, av, bu, slope, outwards;  // the edge
  std::vector<T> limit;                        // the line's outermost pixel that pulls from outside
  std::vector<T> crossing;                     // position of the edge on the line
  std::vector<T> lever_a, lever_b, eps_a, eps_b;
  std::vector<Integer> face, pulls_inside;  // its number; a mask
  std::vector<int32_t> edge;                // 4 times the face's place among the faces, plus 0 to 2
  std::vector<int32_t> outside, inside;     // the meetings that pull from there

  explicit Meetings(int num_lines) {
    const size_t most = kFacesAtOnce * 3 * (static_cast<size_t>(num_lines) + Pack<T>::kLanes);
    for (auto* values : {&u, &au, &av, &bu, &slope, &outwards, &limit, &crossing, &lever_a,
                         &lever_b, &eps_a, &eps_b}) {
      values->resize(most);
    }
    for (auto* values : {&face, &pulls_inside}) values->resize(most);
    for (auto* values : {&edge, &outside, &inside}) values->resize(most);
  }
};

template <class T>
NR3D_HD void spread(T value, T* to) {
  store(typename Pack<T>::Values{} + value, to);
}

// Add the meetings of one edge.
template <class T>
NR3D_HD void add_edge(const Walk<T>& walk, const WalkedFace<T>& face, const Edge<T>& edge, int e,
                      Meetings<T>& m) {
  using V = typename Pack<T>::Values;
  using Integers = typename Pack<T>::Integers;
  using Integer = typename Pack<T>::Integer;
  constexpr int kLanes = Pack<T>::kLanes;
  int first, last;
  lines_of(edge, walk.num_lines, first, last);
  const T* limits = (edge.outwards > T(0) ? walk.outside.last : walk.outside.first).data();
  int line = first;
  do {  // what the last pack writes too much, the next edge overwrites
    const int at = m.count + line - first;
    V lane, limit;
    load(kLaneNumbers<T>, lane);
    load(limits + line, limit);
    store(lane + static_cast<T>(line), m.u.data() + at);
    store(limit, m.limit.data() + at);
    spread(edge.au, m.au.data() + at);
    spread(edge.av, m.av.data() + at);
    spread(edge.bu, m.bu.data() + at);
    spread(edge.slope, m.slope.data() + at);
    spread(edge.outwards, m.outwards.data() + at);
    store(Integers{} + static_cast<Integer>(face.number), m.face.data() + at);
    store(Integers{} - static_cast<Integer>(face.pulls_inside), m.pulls_inside.data() + at);
    std::fill_n(m.edge.data() + at, kLanes, e);
    line += kLanes;
  } while (line <= last);
  m.count += std::max(last - first + 1, 0);
}

// Compute the pack of meetings at `at` and pick those that pull.
template <class T>
NR3D_HD void meet(const Image<T>& image, const Walk<T>& walk, int at, Meetings<T>& m) {
  using V = typename Pack<T>::Values;
  using Integers = typename Pack<T>::Integers;
  using Integer = typename Pack<T>::Integer;
  Edge<V> edge;
  V u, limit;
  Integers lane, face, pulls_inside;
  load(kLaneNumbers<Integer>, lane);
  load(m.face.data() + at, face);
  load(m.pulls_inside.data() + at, pulls_inside);
  load(m.u.data() + at, u);
  load(m.limit.data() + at, limit);
  load(m.au.data() + at, edge.au);
  load(m.av.data() + at, edge.av);
  load(m.bu.data() + at, edge.bu);
  load(m.slope.data() + at, edge.slope);
  load(m.outwards.data() + at, edge.outwards);
  const V crossed = crossing(edge, u),
          inner = inner_pixel(edge, crossed, static_cast<T>(walk.length));
  const V outer = inner + edge.outwards, end = V{} + static_cast<T>(walk.length);
  const Integers on_image = (lane < static_cast<Integer>(m.count - at)) & (inner >= V{}) &
                            (inner < end) & (outer >= V{}) & (outer < end);
  const Integers line = __builtin_convertvector(u, Integers);
  const int32_t* face_index = image.face_index + walk.origin;
  const Integer line_step = walk.line_step, step = walk.position_step;
  const Integers inner_at =
      on_image & (line * line_step + __builtin_convertvector(inner, Integers) * step);
  pick(
      on_image & ((limit - crossed) * edge.outwards > V{}) & (gather(face_index, inner_at) == face),
      at, m.outside.data(), m.num_outside);
  pulls_inside &= on_image;
  if (any(pulls_inside)) {
    if (image.is_silhouette()) {
      const Integers outer_at =
          on_image & (inner_at + __builtin_convertvector(edge.outwards, Integers) * step);
      pulls_inside &= gather(face_index, outer_at) < 0;
    }
    pick(pulls_inside, at, m.inside.data(), m.num_inside);
  }
  const V lever_a = lever_of_a<T>(edge, u, walk.length),
          lever_b = lever_of_b<T>(edge, u, walk.length);
  store(crossed, m.crossing.data() + at);
  store(lever_a, m.lever_a.data() + at);
  store(lever_b, m.lever_b.data() + at);
  store(signed_eps(edge, lever_a, image.p.eps), m.eps_a.data() + at);
  store(signed_eps(edge, lever_b, image.p.eps), m.eps_b.data() + at);
}

// How much the loss falls if the entries at `at` of a list take the values `other` ([C], a plane
// apart); those of a silhouette change by 1, and `other` is not read.
template <class V, class T>
NR3D_HD V gain_of(const Image<T>& image, const PixelLists<T>& lists, int64_t at, const T* other) {
  V gain = {}, color, grad;
  if (image.is_silhouette()) {
    load(lists.grad.get() + at, grad);
    return grad;
  }
  for (int c = 0; c < image.p.num_channels; ++c) {
    load(lists.color.get() + c * lists.plane + at, color);
    load(lists.grad.get() + c * lists.plane + at, grad);
    gain += (color - other[c * image.size]) * grad;
  }
  return gain > V{} ? gain : V{};
}

// Add what the pixels beyond the edge pull.
template <class T, class V>
NR3D_HD void pull_outside(const Image<T>& image, const Walk<T>& walk, const Meetings<T>& m, int i,
                          V& pull_on_a, V& pull_on_b) {
  constexpr int kLanes = Pack<T>::kLanes;
  const PixelLists<T>& lists = walk.outside;
  const int line = static_cast<int>(m.u[i]);
  const int64_t row = line * lists.stride;
  const T crossed = m.crossing[i], outwards = m.outwards[i];
  const T* position = lists.position.get() + row;
  const T* other = nullptr;
  if (!image.is_silhouette()) {
    const Edge<T> edge{T(0), T(0), T(0), T(0), outwards};
    other = image.color +
            image.offset(walk.axis, line,
                         static_cast<int>(inner_pixel(edge, crossed, static_cast<T>(walk.length))));
  }
  // From the outermost pack inwards, up to the one that holds the edge.
  const int num_packs = (lists.count[line] + kLanes - 1) / kLanes;
  const bool up = outwards > T(0);
  const int step = up ? -kLanes : kLanes, outermost = up ? kLanes - 1 : 0;
  int at = up ? (num_packs - 1) * kLanes : 0;
  const V one = V{} + T(1);
  V on_a = {}, on_b = {};
  for (int pack = 0; pack < num_packs; ++pack, at += step) {
    if (!((position[at + outermost] - crossed) * outwards > T(0))) break;
    V t, gain = gain_of<V>(image, lists, row + at, other);
    load(position + at, t);
    t -= crossed;
    const auto beyond = t * outwards > V{};
    gain = beyond ? gain : V{};
    t = beyond ? t : one;
    on_a += gain / (m.lever_a[i] * t + m.eps_a[i]);
    on_b += gain / (m.lever_b[i] * t + m.eps_b[i]);
  }
  const T sign = image.is_silhouette() ? T(1) : T(-1);
  pull_on_a += on_a * sign;
  pull_on_b += on_b * sign;
}

// Add what the face's own pixels pull, as far as the line stays in the face.
template <class T, class V>
NR3D_HD void pull_inside(const Image<T>& image, const Walk<T>& walk, const WalkedFace<T>& face,
                         const Meetings<T>& m, int i, V& pull_on_a, V& pull_on_b) {
  using Integer = typename Pack<T>::Integer;
  constexpr int kLanes = Pack<T>::kLanes;
  const PixelLists<T>& lists = walk.inside;
  const T u = m.u[i], crossed = m.crossing[i], outwards = m.outwards[i];
  const T lever_a = m.lever_a[i], lever_b = m.lever_b[i];
  const int line = static_cast<int>(u), e = m.edge[i] % 4;
  const Edge<T> edge{T(0), T(0), T(0), T(0), outwards};
  const T inner = inner_pixel(edge, crossed, static_cast<T>(walk.length));
  const T* other = nullptr;
  if (!image.is_silhouette()) {
    other = image.color + image.offset(walk.axis, line, static_cast<int>(inner + outwards));
  }
  const int b = e == 2 ? 0 : e + 1, c = b == 2 ? 0 : b + 1;
  const T ca[2] = {face.u[e], face.v[e]}, cb[2] = {face.u[b], face.v[b]},
          cc[2] = {face.u[c], face.v[c]};
  const T far = far_pixel(ca, cb, cc, outwards, u, walk.length);
  const T low = std::min(inner, far), high = std::max(inner, far);
  const int64_t row = line * lists.stride;
  const T* position = lists.position.get() + row;
  const V one = V{} + T(1);
  for (int at = 0; at < lists.count[line] && position[at] <= high; at += kLanes) {
    if (position[at + kLanes - 1] < low) continue;
    V t, gain = gain_of<V>(image, lists, row + at, other);
    typename Pack<T>::Integers shown;
    load(position + at, t);
    load(lists.face.get() + row + at, shown);
    const auto counts = (shown == static_cast<Integer>(face.number)) & (t >= low) & (t <= high);
    gain = counts ? gain : V{};
    t = counts ? t - crossed : one;
    if (lever_a != T(0)) pull_on_a += pull(gain, lever_a, t, image.p.eps);
    if (lever_b != T(0)) pull_on_b += pull(gain, lever_b, t, image.p.eps);
  }
}

// The gradients of the corners of some faces, at most kFacesAtOnce, in their drawing order, along
// the axis the walk moves vertices in.
template <class T>
NR3D_HD void walk_faces(const Image<T>& image, const Walk<T>& walk, const WalkedFace<T>* faces,
                        int num_faces, Meetings<T>& m, T grad[][3]) {
  using V = typename Pack<T>::Values;
  m.count = m.num_outside = m.num_inside = 0;
  V pull_on[4 * kFacesAtOnce];  // of each face the fourth is the first again
  for (int f = 0; f < num_faces; ++f) {
    for (int e = 0; e < 3; ++e) {
      add_edge(walk, faces[f], make_edge(faces[f].u, faces[f].v, e, walk.axis), 4 * f + e, m);
    }
    for (int k = 0; k < 4; ++k) pull_on[4 * f + k] = V{};
  }
  for (int at = 0; at < m.count; at += Pack<T>::kLanes) meet(image, walk, at, m);
  for (int k = 0; k < m.num_outside; ++k) {
    const int i = m.outside[k], e = m.edge[i];
    pull_outside(image, walk, m, i, pull_on[e], pull_on[e + 1]);
  }
  for (int k = 0; k < m.num_inside; ++k) {
    const int i = m.inside[k], e = m.edge[i];
    pull_inside(image, walk, faces[e / 4], m, i, pull_on[e], pull_on[e + 1]);
  }
  for (int f = 0; f < num_faces; ++f) {
    pull_on[4 * f] += pull_on[4 * f + 3];
    for (int k = 0; k < 3; ++k) grad[f][k] = sum_of_lanes<T>(pull_on[4 * f + k]);
  }
}

}  // namespace nr3d
