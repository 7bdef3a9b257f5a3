// Where a CUDA kernel runs, and how it tells of bad input. No CUDA header is needed to read this.
#pragma once
#include <cstdint>

namespace nr3d {

// Which argument of an operation is wrong; nr3d/ops/faults.py has the same numbers.
enum class Argument : int64_t { kVertices = 1, kFaces = 2, kFaceIndex = 3 };

// The first complaint of the kernels of one operation on one device. It lies in host memory that
// the device writes to, so that nobody has to wait to read it.
struct Fault {
  int64_t state;     // 0: nothing to complain about; 1: being written; 2: complete
  int64_t argument;  // Argument
  int64_t place[3];  // index of the bad value along each axis of the argument; -1 beyond the last
  double value;      // the bad value
  int64_t low, end;  // indices must lie in [low, end)
};

struct CudaPlace {
  int device;     // index
  void* stream;   // cudaStream_t; kernels are queued on it
  Fault* fault;   // of the operation
  void* scratch;  // device memory, of the size that <op>_scratch gives
};

}  // namespace nr3d
