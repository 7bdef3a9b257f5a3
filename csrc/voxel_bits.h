// Voxels as bits, 32 along z in a word.
#pragma once
#include <cstdint>

#include "common.h"

namespace nr3d {

struct VoxelBits {
  uint32_t *shell, *outside;  // [B, R, R, words]: what a mesh touches, what it does not enclose
  int64_t words_of_mesh;
  int resolution, words_of_column;
};

// In memory of 8 bytes for each word of each mesh.
inline VoxelBits voxel_bits(int64_t num_meshes, int resolution, void* memory) {
  const int words = (resolution + 31) / 32;
  const int64_t size = static_cast<int64_t>(resolution) * resolution * words;
  uint32_t* const shell = static_cast<uint32_t*>(memory);
  return {shell, memory ? shell + num_meshes * size : nullptr, size, resolution, words};
}

NR3D_HD int64_t word_of(const VoxelBits& bits, int x, int y, int word) {
  return (static_cast<int64_t>(x) * bits.resolution + y) * bits.words_of_column + word;
}

// The cells of a word that are in the grid.
NR3D_HD uint32_t cells_in_grid(const VoxelBits& bits, int64_t word) {
  const int64_t count = bits.resolution - 32 * word;
  return count < 32 ? (uint32_t(1) << count) - 1 : ~uint32_t(0);
}

// Those that the shell leaves free.
NR3D_HD uint32_t free_cells(const VoxelBits& bits, uint32_t shell, int64_t word) {
  return ~shell & cells_in_grid(bits, word);
}

// The cells of word i of a mesh that lie at the border of the grid.
NR3D_HD uint32_t border_cells(const VoxelBits& bits, int64_t i) {
  const int64_t last = bits.resolution - 1, word = i % bits.words_of_column;
  const int64_t column = i / bits.words_of_column;
  const int64_t x = column / bits.resolution, y = column % bits.resolution;
  if (x == 0 || x == last || y == 0 || y == last) return ~uint32_t(0);
  return (word == 0 ? uint32_t(1) : 0) | (word == last / 32 ? uint32_t(1) << last % 32 : 0);
}

// The free cells that an unbroken row of free ones joins with a seed. Seeds are free.
NR3D_HD uint32_t smear(uint32_t seeds, uint32_t free) {
  uint32_t up = seeds, down = seeds, runs_up = free, runs_down = free;
  for (int by = 1; by < 32; by *= 2) {
    up |= runs_up & up << by;
    runs_up &= runs_up << by;
    down |= runs_down & down >> by;
    runs_down &= runs_down >> by;
  }
  return up | down;
}

}  // namespace nr3d
