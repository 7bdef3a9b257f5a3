#include "voxelize.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "ops.h"
#include "parallel.h"

namespace nr3d {
namespace {

constexpr uint8_t kEmpty = 0, kShell = 1, kOutside = 2;

// A grid with one empty cell around it on every side, so that no neighbour needs a bounds check.
struct PaddedGrid {
  int64_t size, stride[3];
  std::vector<uint8_t> cells;

  explicit PaddedGrid(int resolution)
      : size(resolution + 2), stride{size * size, size, 1}, cells(size * size * size, kEmpty) {}
  int64_t index(int64_t x, int64_t y, int64_t z) const {
    return (x + 1) * stride[0] + (y + 1) * stride[1] + z + 1;
  }
};

// Mark the four cells around each grid point that the face covers in one projection. The cells
// at -1 lie in the padding, which is cleared before anybody looks at it.
template <class T>
void mark_columns(const ColumnFace<T>& f, const int (&axes)[3], int resolution, PaddedGrid& grid) {
  if (f.det == 0) return;
  const int64_t du = grid.stride[axes[0]], dv = grid.stride[axes[1]], dw = grid.stride[axes[2]];
  for (int u = f.us.first; u <= f.us.last; ++u) {
    for (int v = f.vs.first; v <= f.vs.last; ++v) {
      const int w = crossed_cell(f, u, v, resolution);
      if (w < 0) continue;
      uint8_t* cell = grid.cells.data() + (u + 1) * du + (v + 1) * dv + (w + 1) * dw;
      cell[0] = cell[-du] = cell[-dv] = cell[-du - dv] = kShell;
    }
  }
}

template <class T>
void mark_corner(const T (&corner)[3], int resolution, PaddedGrid& grid) {
  for (const T value : corner) {
    if (!(value >= 0 && value < static_cast<T>(resolution))) return;
  }
  grid.cells[grid.index(static_cast<int>(corner[0]), static_cast<int>(corner[1]),
                        static_cast<int>(corner[2]))] = kShell;
}

template <class T>
void mark_faces(const VoxelizeParams<T>& p, const T* vertices, PaddedGrid& grid) {
  for (int64_t face = 0; face < p.num_faces; ++face) {
    T corners[3][3];
    for (int k = 0; k < 3; ++k) {
      const T* vertex = vertices + 3 * static_cast<int64_t>(p.faces[3 * face + k]);
      for (int axis = 0; axis < 3; ++axis) corners[k][axis] = to_grid(vertex[axis], p.resolution);
      mark_corner(corners[k], p.resolution, grid);
    }
    for (int pass = 0; pass < 3; ++pass) {
      const PassAxes axes = axes_of_pass(pass);
      mark_columns(column_face(corners, axes.axis, p.resolution), axes.axis, p.resolution, grid);
    }
  }
}

void clear_padding(PaddedGrid& grid) {
  const int64_t n = grid.size;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      for (const int64_t side : {int64_t(0), n - 1}) {
        grid.cells[side * n * n + i * n + j] = kEmpty;
        grid.cells[i * n * n + side * n + j] = kEmpty;
        grid.cells[i * n * n + j * n + side] = kEmpty;
      }
    }
  }
}

// Mark every empty cell that 6-neighbours connect with the padding, one run along z at a time.
void flood_from_padding(PaddedGrid& grid, std::vector<int64_t>& stack) {
  uint8_t* cells = grid.cells.data();
  const int64_t n = grid.size;
  stack.assign(1, 0);
  while (!stack.empty()) {
    const int64_t seed = stack.back();
    stack.pop_back();
    if (cells[seed] != kEmpty) continue;
    const int64_t row = seed / n, row_begin = row * n;
    int64_t begin = seed, end = seed + 1;
    while (begin > row_begin && cells[begin - 1] == kEmpty) --begin;
    while (end < row_begin + n && cells[end] == kEmpty) ++end;
    std::memset(cells + begin, kOutside, end - begin);
    const bool has_neighbour[4] = {row >= n, row < n * n - n, row % n > 0, row % n < n - 1};
    const int64_t offsets[4] = {-n * n, n * n, -n, n};
    for (int side = 0; side < 4; ++side) {
      if (!has_neighbour[side]) continue;
      for (int64_t i = begin + offsets[side]; i < end + offsets[side]; ++i) {
        const bool starts_run = i == begin + offsets[side] || cells[i - 1] != kEmpty;
        if (cells[i] == kEmpty && starts_run) stack.push_back(i);
      }
    }
  }
}

void store(const PaddedGrid& grid, int resolution, bool fill, uint8_t* voxels) {
  for (int x = 0; x < resolution; ++x) {
    for (int y = 0; y < resolution; ++y) {
      const uint8_t* row = grid.cells.data() + grid.index(x, y, 0);
      for (int z = 0; z < resolution; ++z) *voxels++ = fill ? row[z] != kOutside : row[z] == kShell;
    }
  }
}

}  // namespace

template <class T>
void voxelize_cpu(const VoxelizeParams<T>& p, int threads) {
  const int64_t num_cells = static_cast<int64_t>(p.resolution) * p.resolution * p.resolution;
  parallel_for(p.num_meshes, 1, threads, [&](int64_t begin, int64_t end) {
    std::vector<int64_t> stack;
    for (int64_t mesh = begin; mesh < end; ++mesh) {
      PaddedGrid grid(p.resolution);
      mark_faces(p, p.vertices + mesh * p.num_vertices * 3, grid);
      clear_padding(grid);
      if (p.fill) flood_from_padding(grid, stack);
      store(grid, p.resolution, p.fill, p.voxels + mesh * num_cells);
    }
  });
}

template void voxelize_cpu(const VoxelizeParams<float>&, int);
template void voxelize_cpu(const VoxelizeParams<double>&, int);

}  // namespace nr3d
