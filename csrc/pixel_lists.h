// The pixels that can pull at an edge, listed for the lines of both walking directions. Most pixels
// of a training image cannot, and an edge looks along a whole line: so the lists pay.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "kato_gradient.h"
#include "pack.h"

namespace nr3d {

// One image of a batch.
template <class T>
struct Image {
  const KatoGradientParams<T>& p;
  const int32_t* face_index;  // [H, W]
  const T* color;             // [C, H, W]; null for a silhouette
  const T* grad;              // [C, H, W]
  int64_t size;               // H W

  bool is_silhouette() const { return color == nullptr; }

  // The offset of a pixel given in lines and positions, which count from the bottom left.
  int64_t offset(Axis axis, int line, int position) const {
    const int row = axis == Axis::kRows ? line : position;
    const int column = axis == Axis::kRows ? position : line;
    return static_cast<int64_t>(p.height - 1 - row) * p.width + column;
  }
};

// The pixels of each line that can pull, by ascending position.
template <class T>
struct PixelLists {
  using Index = typename Pack<T>::Integer;

  PixelLists(int num_lines, int length, int num_channels)
      : stride(length + Pack<T>::kLanes),
        plane(static_cast<int64_t>(num_lines) * stride),
        count(num_lines),
        first(num_lines),
        last(num_lines),
        position(new T[plane]),
        face(new Index[plane]),
        color(new T[plane * num_channels]),
        grad(new T[plane * num_channels]) {}

  const int64_t stride, plane;  // the room of a line, of all lines
  std::vector<int32_t> count;   // [lines]
  std::vector<T> first,
      last;  // [lines] the least and the largest position; of none, beyond the image
  std::unique_ptr<T[]> position;  // [lines, stride] along the line
  std::unique_ptr<Index[]> face;  // [lines, stride] the face seen there
  std::unique_ptr<T[]> color;     // [C, lines, stride]
  std::unique_ptr<T[]> grad;      // [C, lines, stride]

  void append(const Image<T>& image, int64_t pixel, int line, int pixel_position) {
    const int64_t at = line * stride + count[line]++;
    position[at] = last[line] = static_cast<T>(pixel_position);
    if (count[line] == 1) first[line] = last[line];
    face[at] = image.face_index[pixel];
    if (image.is_silhouette()) {
      color[at] = image.face_index[pixel] >= 0 ? T(1) : T(0);
      grad[at] = image.grad[pixel];
      return;
    }
    for (int c = 0; c < image.p.num_channels; ++c) {
      color[at + c * plane] = image.color[pixel + c * image.size];
      grad[at + c * plane] = image.grad[pixel + c * image.size];
    }
  }
};

// One walking direction: its lines and what can contribute on them.
template <class T>
struct Walk {
  Axis axis;
  int num_lines, length;
  PixelLists<T> outside, inside;
};

// Where a pixel can contribute: bits of `roles`.
constexpr uint8_t kOutside = 1, kInside = 2;

// In a silhouette uncovered pixels that should be brighter pull from outside, covered ones that
// should be darker from inside. In any other image every pixel with a gradient may do both.
template <class T>
NR3D_HD void find_roles(const Image<T>& image, uint8_t* __restrict roles) {
  const int32_t* __restrict face_index = image.face_index;
  const T* __restrict grad = image.grad;
  const int64_t size = image.size;
  if (image.is_silhouette()) {
    for (int64_t i = 0; i < size; ++i) {
      const int outside = (face_index[i] < 0) & (grad[i] < T(0));
      const int inside = (face_index[i] >= 0) & (grad[i] > T(0));
      roles[i] = static_cast<uint8_t>(outside * kOutside + inside * kInside);
    }
    return;
  }
  std::fill(roles, roles + size, uint8_t{0});
  for (int c = 0; c < image.p.num_channels; ++c, grad += size) {
    for (int64_t i = 0; i < size; ++i) roles[i] |= grad[i] != T(0) ? kOutside | kInside : 0;
  }
}

// Mark the faces that won a pixel; entry 0 is the background. False if face_index holds no face
// index.
template <class T>
NR3D_HD bool mark_seen(const Image<T>& image, int64_t num_entries, uint8_t* __restrict is_seen) {
  const int32_t* __restrict face_index = image.face_index;
  const int64_t size = image.size;
  const int32_t limit = static_cast<int32_t>(num_entries - 1);
  int32_t is_bad = 0;
  for (int64_t i = 0; i < size; ++i) is_bad |= (face_index[i] < -1) | (face_index[i] >= limit);
  if (is_bad != 0) return false;
  std::fill(is_seen, is_seen + num_entries, uint8_t{0});
  for (int64_t i = 0; i < size; ++i) is_seen[face_index[i] + 1] = 1;
  return true;
}

// List the pixels of the lines [begin, end), reading the image row by row in either walk.
template <class T>
void list_lines(const Image<T>& image, const uint8_t* roles, int begin, int end, Walk<T>& walk) {
  for (PixelLists<T>* lists : {&walk.outside, &walk.inside}) {
    std::fill(lists->count.begin() + begin, lists->count.begin() + end, 0);
    std::fill(lists->first.begin() + begin, lists->first.begin() + end,
              static_cast<T>(walk.length));
    std::fill(lists->last.begin() + begin, lists->last.begin() + end, T(-1));
  }
  const bool rows = walk.axis == Axis::kRows;
  const int first_column = rows ? 0 : begin, last_column = rows ? image.p.width : end;
  const int first_row = rows ? begin : 0, last_row = rows ? end : image.p.height;
  for (int row = first_row; row < last_row; ++row) {
    const int64_t start = image.offset(Axis::kRows, row, 0);
    int column = first_column;
    while (column < last_column) {
      uint64_t next_eight = 1;
      if (column + 8 <= last_column) std::memcpy(&next_eight, roles + start + column, 8);
      if (next_eight == 0) {
        column += 8;
        continue;
      }
      for (const int stop = std::min(column + 8, last_column); column < stop; ++column) {
        const uint8_t role = roles[start + column];
        const int line = rows ? row : column, position = rows ? column : row;
        if (role & kOutside) walk.outside.append(image, start + column, line, position);
        if (role & kInside) walk.inside.append(image, start + column, line, position);
      }
    }
  }
}

}  // namespace nr3d
