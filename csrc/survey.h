// One pass over an image that finds what the walks look for: the faces that are seen, and the
// pixels that can pull.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "pixel_lists.h"

namespace nr3d {

template <class T>
struct Survey {
  Walk<T> columns, rows;
  std::vector<uint8_t> is_seen;       // [1 + 2F] whether a face won a pixel; 0 is the background
  std::vector<uint8_t> pulls_inside;  // [1 + 2F] whether one of the face's pixels can pull at it
  std::vector<uint8_t> roles;         // [H, W] padded

  explicit Survey(const KatoGradientParams<T>& p)
      : columns(p, Axis::kColumns),
        rows(p, Axis::kRows),
        is_seen(2 * p.num_faces + 1),
        pulls_inside(2 * p.num_faces + 1),
        roles(static_cast<size_t>(p.height) * p.width + 8) {}
};

// What a pixel does: bits of `roles`.
constexpr uint8_t kOutside = 1, kInside = 2, kCovered = 4;

// In a silhouette uncovered pixels that should be brighter pull from outside, covered ones that
// should be darker from inside. In any other image every pixel with a gradient may do both.
// False if face_index holds no face index.
template <class T>
NR3D_HD bool find_roles(const Image<T>& image, uint8_t* __restrict roles) {
  const int32_t* __restrict face_index = image.face_index;
  const T* __restrict grad = image.grad;
  const int64_t size = image.size;
  const bool is_silhouette = image.is_silhouette();
  const int32_t limit = static_cast<int32_t>(2 * image.p.num_faces);
  int32_t is_bad = 0;
  if (is_silhouette) {
    for (int64_t i = 0; i < size; ++i) {
      const int covered = face_index[i] >= 0;
      const int outside = (face_index[i] < 0) & (grad[i] < T(0));
      const int inside = (face_index[i] >= 0) & (grad[i] > T(0));
      roles[i] = static_cast<uint8_t>(covered * kCovered + outside * kOutside + inside * kInside);
      is_bad |= (face_index[i] < -1) | (face_index[i] >= limit);
    }
    return is_bad == 0;
  }
  for (int64_t i = 0; i < size; ++i) {
    roles[i] = face_index[i] >= 0 ? kCovered : 0;
    is_bad |= (face_index[i] < -1) | (face_index[i] >= limit);
  }
  for (int c = 0; c < image.p.num_channels; ++c, grad += size) {
    for (int64_t i = 0; i < size; ++i) roles[i] |= grad[i] != T(0) ? kOutside | kInside : 0;
  }
  return is_bad == 0;
}

template <class T>
NR3D_HD void list_pixel(const Image<T>& image, int row, int column, Survey<T>& survey) {
  const int64_t pixel = image.offset(Axis::kRows, row, column);
  const uint8_t role = survey.roles[pixel];
  if (role & kOutside) {
    survey.columns.outside.append(image, pixel, column, row);
    survey.rows.outside.append(image, pixel, row, column);
  }
  if (role & kInside) {
    survey.columns.inside.append(image, pixel, column, row);
    survey.rows.inside.append(image, pixel, row, column);
    survey.pulls_inside[1 + image.face_index[pixel]] = 1;
  }
}

// Most of a row does nothing: look at eight pixels at once.
template <class T>
NR3D_HD void list_row(const Image<T>& image, int row, Survey<T>& survey) {
  const int64_t start = image.offset(Axis::kRows, row, 0);
  const int32_t* face_index = image.face_index + start;
  const uint8_t* roles = survey.roles.data() + start;
  uint64_t pulls;
  std::memset(&pulls, kOutside | kInside, 8);
  for (int begin = 0; begin < image.p.width; begin += 8) {
    uint64_t eight_roles;
    std::memcpy(&eight_roles, roles + begin, 8);
    if (eight_roles == 0) continue;
    const int end = std::min(begin + 8, image.p.width);
    for (int i = begin; i < end; ++i) survey.is_seen[1 + face_index[i]] = 1;
    if ((eight_roles & pulls) == 0) continue;
    for (int i = begin; i < end; ++i) list_pixel(image, row, i, survey);
  }
}

// False if face_index holds no face index.
template <class T>
NR3D_HD bool survey_rows(const Image<T>& image, Survey<T>& survey) {
  if (!find_roles(image, survey.roles.data())) return false;
  std::fill(survey.is_seen.begin(), survey.is_seen.end(), uint8_t{0});
  std::fill(survey.pulls_inside.begin(), survey.pulls_inside.end(), uint8_t{0});
  for (Walk<T>* walk : {&survey.columns, &survey.rows}) {
    walk->outside.clear();
    walk->inside.clear();
  }
  for (int row = 0; row < image.p.height; ++row) {
    list_row(image, row, survey);
  }
  for (Walk<T>* walk : {&survey.columns, &survey.rows}) {
    walk->outside.finish();
    walk->inside.finish();
  }
  return true;
}

}  // namespace nr3d
