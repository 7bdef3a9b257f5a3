// The pixels of an image sorted by the face that they show. Who sums over a face's pixels owns what
// the face gets, and sums in the order of the image: the same bits for every number of threads.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "fragments.h"
#include "parallel.h"

namespace nr3d {

// Neighbouring pixels of a row that show one face.
struct Run {
  int32_t face;           // in [0, 2F)
  int row, first, count;  // row 0 is the top
};

// The runs of one group of faces.
struct RunRange {
  const Run *first, *last;
  const Run* begin() const { return first; }
  const Run* end() const { return last; }
};

class FaceRuns {
 public:
  // Of 2F groups each holds one side of a face; of F, both sides.
  explicit FaceRuns(int64_t num_groups) : num_groups_(num_groups), ends_(num_groups + 1) {}

  // Sort the pixels of one image. Groups are in ascending order, runs in that of the image.
  void sort(const int32_t* face_index, int height, int width) {
    find(face_index, height, width);
    seen_.clear();
    for (int64_t g = 0; g < num_groups_; ++g) {
      if (ends_[g + 1] > 0) seen_.push_back(g);
      ends_[g + 1] += ends_[g];
    }
    sorted_.resize(found_.size());
    for (const Run& run : found_) sorted_[ends_[group_of(run.face)]++] = run;
  }

  int64_t num_seen() const { return static_cast<int64_t>(seen_.size()); }

  RunRange runs_of(int64_t number) const {  // of the groups seen
    const int64_t group = seen_[number];
    const Run* runs = sorted_.data();
    return {runs + (group > 0 ? ends_[group - 1] : 0), runs + ends_[group]};
  }

 private:
  int64_t group_of(int64_t face) const { return face < num_groups_ ? face : face - num_groups_; }

  // List the runs of an image, and count those of every group one place further on.
  void find(const int32_t* face_index, int height, int width) {
    found_.clear();
    std::fill(ends_.begin(), ends_.end(), 0);
    for (int row = 0; row < height; ++row) {
      const int32_t* faces = face_index + static_cast<int64_t>(row) * width;
      for (int i = 0; i < width;) {
        const int first = i;
        const int32_t face = faces[i];
        while (++i < width && faces[i] == face) continue;
        if (face < 0) continue;
        found_.push_back({face, row, first, i - first});
        ++ends_[group_of(face) + 1];
      }
    }
  }

  int64_t num_groups_;
  std::vector<int64_t> ends_;  // [groups + 1] once sorted, where the runs of a group end
  std::vector<int64_t> seen_;  // groups that have runs
  std::vector<Run> found_, sorted_;
};

// Divide threads between the images, where there are enough of them, and the work inside each.
struct Sharing {
  int images, inside;
};
inline Sharing share_threads(int64_t num_images, int threads) {
  const bool many = num_images >= threads;
  return {many ? threads : 1, many ? 1 : threads};
}

// One thread's buffers, used again for the next image.
template <class T>
struct CornerWork {
  FaceRuns runs;
  std::vector<T> sums;

  explicit CornerWork(const Fragments<T>& seen) : runs(2 * seen.num_faces) {}
};

// Add to the vertices, [V, channels], what their faces' pixels in one image give:
// differentiate(runs of a face, sums) sets the sums of its corners, [3, channels], in drawing
// order.
template <class T, class Differentiate>
void add_corners(const Fragments<T>& seen, int64_t mesh, int64_t num_channels, int threads,
                 CornerWork<T>& work, T* vertices, Differentiate&& differentiate) {
  constexpr int64_t kFacesOfThread = 128;
  work.runs.sort(seen.face_index + mesh * num_pixels(seen), seen.height, seen.width);
  const int64_t num_faces = work.runs.num_seen();
  work.sums.resize(3 * num_channels * num_faces);
  T* const sums = work.sums.data();
  parallel_for(num_faces, kFacesOfThread, threads, [&](int64_t begin, int64_t end) {
    for (int64_t f = begin; f < end; ++f) {
      differentiate(work.runs.runs_of(f), sums + 3 * num_channels * f);
    }
  });
  for (int64_t f = 0; f < num_faces; ++f) {
    int32_t corners[3];
    corners_of(seen, work.runs.runs_of(f).first->face, corners);
    for (int k = 0; k < 3; ++k) {
      const T* from = sums + (3 * f + k) * num_channels;
      T* to = vertices + corners[k] * num_channels;
      for (int64_t c = 0; c < num_channels; ++c) to[c] += from[c];
    }
  }
}

}  // namespace nr3d
