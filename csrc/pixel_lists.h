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

// The pixels of each line that can pull, by ascending position. A line's last pack is filled up
// with pixels beyond the image that do not pull.
template <class T>
struct PixelLists {
  static constexpr int kLanes = Pack<T>::kLanes;
  using Index = typename Pack<T>::Integer;

  PixelLists(const KatoGradientParams<T>& p, Axis axis)
      : length(axis == Axis::kRows ? p.width : p.height),
        num_channels(p.num_channels),
        has_color(p.image != nullptr),
        stride(length + kLanes),
        plane(static_cast<int64_t>(axis == Axis::kRows ? p.height : p.width) * stride),
        count(plane / stride),
        first(plane / stride + kLanes),
        last(plane / stride + kLanes),
        position(new T[plane]),
        face(new Index[plane]),
        color(has_color ? new T[plane * num_channels] : nullptr),
        grad(new T[plane * num_channels]) {}

  int length, num_channels;
  bool has_color;
  int64_t stride, plane;          // the room of a line, of all lines
  std::vector<int32_t> count;     // [lines]
  std::vector<T> first, last;     // [lines, padded] the least and the largest position; of none,
                                  // beyond the image
  std::unique_ptr<T[]> position;  // [lines, stride] along the line
  std::unique_ptr<Index[]> face;  // [lines, stride] the face seen there
  std::unique_ptr<T[]> color;     // [C, lines, stride]; null for a silhouette
  std::unique_ptr<T[]> grad;      // [C, lines, stride]

  void clear() { std::fill(count.begin(), count.end(), 0); }

  void append(const Image<T>& image, int64_t pixel, int line, int pixel_position) {
    const int64_t at = line * stride + count[line]++;
    position[at] = static_cast<T>(pixel_position);
    face[at] = image.face_index[pixel];
    for (int c = 0; c < num_channels; ++c) {
      if (has_color) color[at + c * plane] = image.color[pixel + c * image.size];
      grad[at + c * plane] = image.grad[pixel + c * image.size];
    }
  }

  void finish() {
    for (size_t line = 0; line < count.size(); ++line) {
      const int64_t begin = line * stride, end = begin + count[line];
      first[line] = count[line] > 0 ? position[begin] : static_cast<T>(length);
      last[line] = count[line] > 0 ? position[end - 1] : T(-1);
      if (count[line] == 0) continue;
      std::fill_n(face.get() + end, kLanes, Index{-1});
      std::fill_n(position.get() + end, kLanes, static_cast<T>(length));
      for (int c = 0; c < num_channels; ++c) {
        if (has_color) std::fill_n(color.get() + c * plane + end, kLanes, T(0));
        std::fill_n(grad.get() + c * plane + end, kLanes, T(0));
      }
    }
  }
};

// One walking direction: its lines and what can contribute on them.
template <class T>
struct Walk {
  Axis axis;
  int num_lines, length;
  int64_t origin;                // offset of line 0, position 0
  int line_step, position_step;  // between neighbours' offsets
  PixelLists<T> outside, inside;

  Walk(const KatoGradientParams<T>& p, Axis walk_axis)
      : axis(walk_axis),
        num_lines(axis == Axis::kRows ? p.height : p.width),
        length(axis == Axis::kRows ? p.width : p.height),
        origin(static_cast<int64_t>(p.height - 1) * p.width),
        line_step(axis == Axis::kRows ? -p.width : 1),
        position_step(axis == Axis::kRows ? 1 : -p.width),
        outside(p, axis),
        inside(p, axis) {}
};

}  // namespace nr3d
