// The rows and columns of an image, one line after the other: an edge looks along both.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "kato_gradient.h"
#include "pack.h"

namespace nr3d {

// One image of a batch.
template <class T>
struct Image {
  const KatoGradientParams<T>& p;
  const int32_t* face_index;        // [H, W]
  const int16_t* short_face_index;  // [H, W]; one of the two is null
  const T* color;                   // [C, H, W]; null for a silhouette
  const T* grad;                    // [C, H, W]; of a silhouette [H / factor, W / factor]

  Image(const KatoGradientParams<T>& params, int64_t mesh)
      : p(params),
        face_index(p.face_index ? p.face_index + mesh * size() : nullptr),
        short_face_index(p.short_face_index ? p.short_face_index + mesh * size() : nullptr),
        color(p.image ? p.image + mesh * size() * p.num_channels : nullptr),
        grad(p.grad_image + mesh * size() * p.num_channels / (p.factor * p.factor)) {}

  int64_t size() const { return static_cast<int64_t>(p.height) * p.width; }
};

// From the first to the last, of lines or of positions on them. Both count from the bottom left.
struct Range {
  int first = std::numeric_limits<int>::max(), last = -1;

  bool is_empty() const { return last < first; }
  int size() const { return last - first + 1; }
  void include(const Range& other) {
    first = std::min(first, other.first);
    last = std::max(last, other.last);
  }
};

// One line. Channels are a plane apart.
template <class T>
struct Line {
  Axis axis;
  int number, length;
  Range pixels;               // beyond them is background, and nothing may be read
  const int32_t* face_index;  // [length]
  const T *color, *grad;      // [C, length]; null is the color of a silhouette
  int64_t color_plane, grad_plane;
};

// Neighbouring lines. Rows are read where they are; columns are copied, so that nothing walks over
// an image in steps of its width. Used again for one block after the other.
template <class T>
struct LineBlock {
  static constexpr int kMost = 16;

  const Image<T>* image = nullptr;
  Axis axis = Axis::kRows;
  Range lines, pixels;
  int64_t stride, plane;            // the room of a line, of all lines
  std::vector<int32_t> face_index;  // [kMost, stride]
  std::vector<T> color, grad;       // [C, kMost, stride]

  explicit LineBlock(const KatoGradientParams<T>& p)
      : stride(std::max(p.height, p.width) + 8),  // not a power of two, for the caches
        plane(kMost * stride),
        face_index(plane),
        color(p.image ? plane * p.num_channels : 0),
        grad(plane * p.num_channels) {}
};

// Copy a square of pixels, from its bottom row upwards, into lines that are its columns.
template <int kSide, class From, class To>
NR3D_HD void turn_square(const From* bottom, int64_t width, To* line, int64_t stride) {
  typedef From FromSide __attribute__((vector_size(kSide * sizeof(From))));
  typedef To ToSide __attribute__((vector_size(kSide * sizeof(To))));
  ToSide square[kSide];
  for (int i = 0; i < kSide; ++i) {
    FromSide row;
    std::memcpy(&row, bottom - i * width, sizeof(row));
    square[i] = __builtin_convertvector(row, ToSide);
  }
  transpose(square);
  for (int i = 0; i < kSide; ++i) std::memcpy(line + i * stride, &square[i], sizeof(ToSide));
}

// Copy pixels of columns into lines. `bottom` is the lowest pixel of the first column.
template <class From, class To>
NR3D_HD void turn(const From* bottom, int64_t width, int num_columns, const Range& pixels,
                  To* lines, int64_t stride) {
  constexpr int kSide = 32 / sizeof(To);
  int i = pixels.first;
  for (; i + kSide <= pixels.last + 1; i += kSide) {
    int k = 0;
    for (; k + kSide <= num_columns; k += kSide) {
      turn_square<kSide>(bottom + k - i * width, width, lines + k * stride + i, stride);
    }
    for (; k < num_columns; ++k) {
      for (int l = i; l < i + kSide; ++l) lines[k * stride + l] = bottom[k - l * width];
    }
  }
  for (; i <= pixels.last; ++i) {
    for (int k = 0; k < num_columns; ++k) lines[k * stride + i] = bottom[k - i * width];
  }
}

// Copy the block's columns of a plane [H, W].
template <class T, class From, class To>
NR3D_HD void copy_columns(const LineBlock<T>& block, const From* plane, To* lines) {
  const KatoGradientParams<T>& p = block.image->p;
  const int64_t lowest_row = static_cast<int64_t>(p.height - 1) * p.width;
  turn(plane + lowest_row + block.lines.first, p.width, block.lines.size(), block.pixels, lines,
       block.stride);
}

// Write each value, `step` after the one before, to the `factor` pixels that were averaged.
template <class T>
NR3D_HD void enlarge(const T* values, int64_t step, int factor, const Range& pixels, T* line) {
  const int first = pixels.first / factor, last = pixels.last / factor;
  if (factor == 2) {
    for (int i = first; i <= last; ++i) line[2 * i] = line[2 * i + 1] = values[i * step];
  } else {
    for (int i = first; i <= last; ++i) std::fill_n(line + i * factor, factor, values[i * step]);
  }
}

// Fill in the gradients of the block's lines of an averaged silhouette.
template <class T>
NR3D_HD void enlarge_grads(LineBlock<T>& block) {
  const KatoGradientParams<T>& p = block.image->p;
  const int64_t width = p.width / p.factor;
  const T* bottom = block.image->grad + (p.height / p.factor - 1) * width;
  const Range& pixels = block.pixels;
  for (int k = 0; k < block.lines.size(); ++k) {
    const int number = block.lines.first + k;
    const int64_t source = number / p.factor;
    T* line = block.grad.data() + k * block.stride;
    if (k > 0 && number % p.factor > 0) {
      const T* previous = line - block.stride;
      std::copy(previous + pixels.first, previous + pixels.last + 1, line + pixels.first);
    } else if (block.axis == Axis::kRows) {
      enlarge(bottom - source * width, 1, p.factor, pixels, line);
    } else {
      enlarge(bottom + source, -width, p.factor, pixels, line);
    }
  }
}

// Copy the block's rows of 16 bit face indices.
template <class T>
NR3D_HD void widen_rows(LineBlock<T>& block) {
  const KatoGradientParams<T>& p = block.image->p;
  for (int number = block.lines.last; number >= block.lines.first; --number) {
    const int16_t* row =
        block.image->short_face_index + static_cast<int64_t>(p.height - 1 - number) * p.width;
    std::copy(row, row + p.width,
              block.face_index.data() + (number - block.lines.first) * block.stride);
  }
}

// Make the given pixels of the given lines, at most kMost, those of the block.
template <class T>
NR3D_HD void load_block(const Image<T>& image, Axis axis, const Range& lines, const Range& pixels,
                        LineBlock<T>& block) {
  const KatoGradientParams<T>& p = image.p;
  block.image = &image;
  block.axis = axis;
  block.lines = lines;
  block.pixels = pixels;
  if (p.factor > 1) enlarge_grads(block);
  if (axis == Axis::kRows) {
    if (image.short_face_index) widen_rows(block);
    return;
  }
  if (image.short_face_index) {
    copy_columns(block, image.short_face_index, block.face_index.data());
  } else {
    copy_columns(block, image.face_index, block.face_index.data());
  }
  for (int c = 0; c < p.num_channels; ++c) {
    const int64_t from = c * image.size(), to = c * block.plane;
    if (p.factor == 1) copy_columns(block, image.grad + from, block.grad.data() + to);
    if (image.color) copy_columns(block, image.color + from, block.color.data() + to);
  }
}

template <class T>
NR3D_HD Line<T> line_of(const LineBlock<T>& block, int number) {
  const Image<T>& image = *block.image;
  const KatoGradientParams<T>& p = image.p;
  const bool is_row = block.axis == Axis::kRows;
  const int64_t row = static_cast<int64_t>(p.height - 1 - number) * p.width;
  const int64_t copy = (number - block.lines.first) * block.stride;
  Line<T> line;
  line.axis = block.axis;
  line.number = number;
  line.length = is_row ? p.width : p.height;
  line.pixels = block.pixels;
  const bool is_face_copied = !is_row || image.short_face_index;
  line.face_index = is_face_copied ? block.face_index.data() + copy : image.face_index + row;
  line.color = nullptr;
  if (image.color) line.color = is_row ? image.color + row : block.color.data() + copy;
  line.color_plane = is_row ? image.size() : block.plane;
  const bool is_grad_copied = !is_row || p.factor > 1;
  line.grad = is_grad_copied ? block.grad.data() + copy : image.grad + row;
  line.grad_plane = is_grad_copied ? block.plane : image.size();
  return line;
}

}  // namespace nr3d
