// The CUDA kernels as a library that runs them on the CPU: tests/emu/emulation.py loads it.
// NR3D_EMULATE_CUDA and NR3D_WITH_CUDA are defined on the compiler's command line.
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <type_traits>
#include <utility>

#include "cuda_emu.h"
#include "entries.h"

namespace {

using Call = std::function<int64_t(const int64_t*)>;

// An argument as its 64 bits: a number of floating point, or a whole one.
template <class T>
T from_word(int64_t word) {
  if constexpr (std::is_floating_point_v<T>) {
    double value;
    std::memcpy(&value, &word, sizeof(value));
    return static_cast<T>(value);
  } else {
    return static_cast<T>(word);
  }
}

template <class R, class... A, size_t... i>
Call caller(R (*function)(A...), std::index_sequence<i...>) {
  return [function](const int64_t* words) -> int64_t {
    if constexpr (std::is_void_v<R>) {
      function(from_word<A>(words[i])...);
      return 0;
    } else {
      return function(from_word<A>(words[i])...);
    }
  };
}

struct Table {
  std::map<std::string, std::pair<size_t, Call>> calls;

  Table() {
    nr3d::entries::define_cuda([this](const char* name, auto function) { add(name, function); });
  }
  template <class R, class... A>
  void add(const char* name, R (*function)(A...)) {
    calls[name] = {sizeof...(A), caller(function, std::index_sequence_for<A...>{})};
  }
};

const Table& table() {
  static const Table all;
  return all;
}

std::string message;

}  // namespace

extern "C" {

// How many arguments an entry takes; -1 if there is none of this name.
int64_t emu_count(const char* name) {
  const auto found = table().calls.find(name);
  return found == table().calls.end() ? -1 : static_cast<int64_t>(found->second.first);
}

// Call an entry; null, or what went wrong.
const char* emu_call(const char* name, const int64_t* words, int64_t* result) {
  try {
    *result = table().calls.at(name).second(words);
    return nullptr;
  } catch (const std::exception& error) {
    message = error.what();
    return message.c_str();
  }
}
}
