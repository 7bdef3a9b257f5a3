// What a line of an image holds: the runs of pixels in which one face is seen, and the pixels that
// can pull at an edge. Most pixels of a training image cannot.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "lines.h"
#include "pack.h"

namespace nr3d {

// Pixels of a line by ascending position. The last pack is filled up with positions beyond the line
// that do not pull.
template <class T>
struct PixelList {
  static constexpr int kLanes = Pack<T>::kLanes;

  int count = 0;
  T first = T(0), last = T(0);  // the least and the largest position; of none, beyond the line
  int64_t stride;               // the room of a channel
  std::vector<int32_t> pixel;   // [stride]
  std::vector<T> position;      // [stride] the same
  std::vector<T> color, grad;   // [C, stride]; no color of a silhouette

  PixelList(const KatoGradientParams<T>& p, int64_t room)
      : stride(room),
        pixel(room),
        position(room),
        color(p.image ? room * p.num_channels : 0),
        grad(room * p.num_channels) {}
};

template <class T>
struct Survey {
  int num_runs = 0;
  std::vector<int32_t> starts;  // [num_runs, padded] first pixels of runs, of the background too
  Range covered;                // from the first to the last pixel with a face
  bool has_gaps = false;        // whether there is background between them
  PixelList<T> outside, inside;
  std::vector<uint8_t> roles;  // [length, padded]

  explicit Survey(const KatoGradientParams<T>& p)
      : starts(room(p)), outside(p, room(p)), inside(p, room(p)), roles(room(p)) {}

  // Eight are picked at a time, a pack is filled up, and a run ends where another starts.
  static int64_t room(const KatoGradientParams<T>& p) { return std::max(p.height, p.width) + 24; }
};

// Bits of what a pixel does: start a run, pull from outside or from inside a face.
constexpr uint8_t kStart = 1, kOutside = 2, kInside = 4;

// In a silhouette uncovered pixels that should be brighter pull from outside, covered ones that
// should be darker from inside. In any other image every pixel with a gradient may do both.
template <class T>
NR3D_HD void find_roles(const KatoGradientParams<T>& p, const Line<T>& line,
                        uint8_t* __restrict roles) {
  const int begin = line.pixels.first, end = line.pixels.last + 1;
  const int32_t* __restrict face = line.face_index;
  const T* __restrict grad = line.grad;
  if (!line.color) {
    for (int i = begin; i < end; ++i) {
      const int outside = (face[i] < 0) & (grad[i] < T(0));
      const int inside = (face[i] >= 0) & (grad[i] > T(0));
      roles[i] = static_cast<uint8_t>(outside * kOutside + inside * kInside);
    }
  } else {
    std::fill(roles + begin, roles + end, uint8_t{0});
    for (int c = 0; c < p.num_channels; ++c, grad += line.grad_plane) {
      for (int i = begin; i < end; ++i) {
        const uint8_t role = face[i] >= 0 ? kOutside | kInside : kOutside;
        roles[i] |= grad[i] == T(0) ? uint8_t{0} : role;
      }
    }
  }
  roles[begin] |= kStart;
  for (int i = begin + 1; i < end; ++i) roles[i] |= face[i] != face[i - 1] ? kStart : uint8_t{0};
  std::fill_n(roles + end, 8, uint8_t{0});
}

// Append those of eight pixels, from `first` on, that have the role.
template <uint8_t kRole>
NR3D_HD void pick_pixels(uint64_t roles, int first, int32_t* picked, int& num_picked) {
  roles /= kRole;  // its bit becomes the lowest of each byte
  int num = num_picked;
  for (int i = 0; i < 8; ++i, roles >>= 8) {
    picked[num] = first + i;
    num += roles & 1;
  }
  num_picked = num;
}

// Read the colors and gradients of the pixels that were picked.
template <class T>
NR3D_HD void fill_list(const KatoGradientParams<T>& p, const Line<T>& line, PixelList<T>& list) {
  using V = typename Pack<T>::Values;
  constexpr int kLanes = Pack<T>::kLanes;
  const T beyond = static_cast<T>(line.length);
  const int count = list.count;
  list.first = count > 0 ? static_cast<T>(list.pixel[0]) : beyond;
  list.last = count > 0 ? static_cast<T>(list.pixel[count - 1]) : T(-1);
  if (count == 0) return;
  std::fill_n(list.pixel.data() + count, kLanes, list.pixel[count - 1]);
  for (int i = 0; i < count; i += kLanes) {
    const int32_t* pixel = list.pixel.data() + i;
    for (int l = 0; l < kLanes; ++l) list.position[i + l] = static_cast<T>(pixel[l]);
    for (int c = 0; c < p.num_channels; ++c) {
      const int64_t at = c * list.stride + i;
      store(gather<V>(line.grad + c * line.grad_plane, pixel), list.grad.data() + at);
      if (!line.color) continue;
      store(gather<V>(line.color + c * line.color_plane, pixel), list.color.data() + at);
    }
  }
  std::fill_n(list.position.data() + count, kLanes, beyond);
  for (int c = 0; c < p.num_channels; ++c) {
    std::fill_n(list.grad.data() + c * list.stride + count, kLanes, T(0));
  }
}

// Find where the line has faces.
template <class T>
NR3D_HD void find_covered(const Line<T>& line, Survey<T>& survey) {
  const int num_runs = survey.num_runs;
  const int32_t* starts = survey.starts.data();
  const bool begins = line.face_index[line.pixels.first] >= 0;
  const bool ends = line.face_index[line.pixels.last] >= 0;
  survey.covered = {};
  if (begins || num_runs > 1) {
    survey.covered = {begins ? line.pixels.first : starts[1],
                      ends ? line.pixels.last : starts[num_runs - 1] - 1};
  }
  int num_faceless = 0;
  for (int k = 0; k < num_runs; ++k) num_faceless += line.face_index[starts[k]] < 0;
  survey.has_gaps = num_faceless > !begins + !ends;
}

template <class T>
NR3D_HD void survey_line(const KatoGradientParams<T>& p, const Line<T>& line, Survey<T>& survey) {
  find_roles(p, line, survey.roles.data());
  uint64_t pulls;
  std::memset(&pulls, kOutside | kInside, 8);
  int num_runs = 0, num_outside = 0, num_inside = 0;
  const int end = line.pixels.last + 1;
  for (int i = line.pixels.first; i < end; i += 8) {
    uint64_t roles;
    std::memcpy(&roles, survey.roles.data() + i, 8);
    if (roles == 0) continue;
    pick_pixels<kStart>(roles, i, survey.starts.data(), num_runs);
    if ((roles & pulls) == 0) continue;
    pick_pixels<kOutside>(roles, i, survey.outside.pixel.data(), num_outside);
    pick_pixels<kInside>(roles, i, survey.inside.pixel.data(), num_inside);
  }
  std::fill_n(survey.starts.data() + num_runs, Pack<T>::kLanes + 1, end);
  survey.num_runs = num_runs;
  find_covered(line, survey);
  survey.outside.count = num_outside;
  survey.inside.count = num_inside;
  fill_list(p, line, survey.outside);
  fill_list(p, line, survey.inside);
}

}  // namespace nr3d
