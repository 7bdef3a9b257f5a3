// The pixels that show a face, found in the rectangle around it: sums over them need no atomics and
// have a fixed order. For .cu files.
#pragma once
#include "rasterize.h"
#include "reduce.h"
#include "watch.h"

namespace nr3d {

constexpr int kFaceThreads = 128;
constexpr int kFaceLanes = 8;  // have a face: most are seen in few pixels
constexpr int kFacesOfBlock = kFaceThreads / kFaceLanes;
constexpr unsigned kLargeBox = 512;  // pixels: more are shared by the whole block

// The side of a face that is seen, and the rectangle of pixels that may show it.
template <class T>
struct SeenFace {
  int64_t mesh, face;  // face in [0, 2F)
  int64_t first;       // number of the upper left pixel, of all meshes'
  unsigned width, count;
  RasterFace<T> corners;
};

template <class T>
__device__ inline SeenFace<T> seen_face(const Fragments<T>& seen, int64_t mesh, int64_t face) {
  SeenFace<T> own{};
  own.mesh = mesh;
  own.face = face;
  if (!is_drawable(seen, face)) return own;
  const T* vertices = vertices_of(seen, mesh);
  if (!load_face(vertices, seen.faces, seen.num_faces, face, own.corners)) {
    own.face += seen.num_faces;
    if (!load_face(vertices, seen.faces, seen.num_faces, own.face, own.corners)) return own;
  }
  const auto rows = pixel_range(own.corners.y, seen.height, 0, seen.height - 1);
  const auto columns = pixel_range(own.corners.x, seen.width, 0, seen.width - 1);
  if (!(rows.first <= rows.last && columns.first <= columns.last)) return own;
  const int top = seen.height - 1 - static_cast<int>(rows.last);
  own.first = (mesh * seen.height + top) * seen.width + static_cast<int>(columns.first);
  own.width = static_cast<unsigned>(columns.last - columns.first) + 1;
  own.count = own.width * (static_cast<unsigned>(rows.last - rows.first) + 1);
  return own;
}

// The number of pixel n of the rectangle, of all meshes'.
template <class T>
__device__ inline int64_t pixel_of(const Fragments<T>& seen, const SeenFace<T>& own, unsigned n) {
  return own.first + static_cast<int64_t>(n / own.width) * seen.width + n % own.width;
}

// Add what every step-th pixel gives. Whether there was one.
template <int kCount, class T, class Add>
__device__ inline bool add_pixels(const Fragments<T>& seen, const SeenFace<T>& own, unsigned first,
                                  unsigned step, T (&sums)[kCount], Add& add) {
  bool found = false;
  for (unsigned n = first; n < own.count; n += step) {
    const int64_t pixel = pixel_of(seen, own, n);
    if (seen.face_index[pixel] != own.face) continue;
    found = true;
    add(own, pixel, sums);
  }
  return found;
}

// The same of a large face by all threads of the block. The first warp gets the sums.
template <int kCount, class T, class Add>
__device__ inline void add_large(const Fragments<T>& seen, const SeenFace<T>& own, T* room,
                                 T (&sums)[kCount], Add& add) {
  for (int k = 0; k < kCount; ++k) sums[k] = T(0);
  add_pixels(seen, own, threadIdx.x, kFaceThreads, sums, add);
  sum_of_block(sums, room);
  if (threadIdx.x >= kWarpSize) return;
  for (int k = 0; k < kCount; ++k) sums[k] = __shfl_sync(kWholeWarp, sums[k], 0);
}

// Sum over the pixels of all faces of all meshes, in blocks of kFaceThreads, blocks_for_faces of
// them: add(face, pixel, sums) adds what a pixel gives; store(face, sums, lane) is called by
// kFaceLanes lanes, which have the same sums. Of faces that are not seen the sums are 0.
template <int kCount, class T, class Add, class Store>
__device__ inline void sum_faces(const Fragments<T>& seen, Add add, Store store) {
  __shared__ T room[kFaceThreads / kWarpSize * kCount];
  __shared__ bool is_large[kFacesOfBlock];
  const int group = threadIdx.x / kFaceLanes, lane = threadIdx.x % kFaceLanes;
  const int64_t first = static_cast<int64_t>(blockIdx.x) * kFacesOfBlock;
  const bool exists = first + group < seen.num_meshes * seen.num_faces;
  const auto face_of = [&](int64_t i) {
    return seen_face(seen, i / seen.num_faces, i % seen.num_faces);
  };
  T sums[kCount] = {};
  {
    const SeenFace<T> own = exists ? face_of(first + group) : SeenFace<T>{};
    const bool is_small = own.count <= kLargeBox;
    if (lane == 0) is_large[group] = !is_small;
    const bool found = is_small && add_pixels(seen, own, lane, kFaceLanes, sums, add);
    if (__any_sync(kWholeWarp, found)) {
      for (int k = 0; k < kCount; ++k) sums[k] = sum_of_lanes<kFaceLanes>(sums[k]);
    }
    if (exists && is_small) store(own, sums, lane);
  }
  __syncthreads();
  for (int other = 0; other < kFacesOfBlock; ++other) {
    if (!is_large[other]) continue;
    const SeenFace<T> own = face_of(first + other);
    add_large(seen, own, room, sums, add);
    if (group == 0) store(own, sums, lane);
  }
  __syncthreads();  // who calls again writes to is_large
}

template <class T>
dim3 blocks_for_faces(const Fragments<T>& seen) {
  return blocks_for(seen.num_meshes * seen.num_faces, kFacesOfBlock);
}

// Where the corners of a face have their numbers in [M, F, 3, channels], corner k in drawing order.
template <class T>
__device__ inline int64_t corner_place(const Fragments<T>& seen, const SeenFace<T>& own, int k) {
  const int64_t face = own.face < seen.num_faces ? own.face : own.face - seen.num_faces;
  return (own.mesh * seen.num_faces + face) * 3 + corner_of(own.face, seen.num_faces, k);
}

}  // namespace nr3d
