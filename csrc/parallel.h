// A parallel loop without OpenMP: no runtime shared with torch, nothing left behind for a fork to
// break.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace nr3d {

// Call fn(state, begin, end) on disjoint ranges of at most `grain` that cover [0, n); every thread
// makes a state of its own, once. The first exception thrown is rethrown here. Where the system
// refuses a thread, those at hand do the work.
template <class MakeState, class Function>
void parallel_for(int64_t n, int64_t grain, int threads, MakeState&& make_state, Function&& fn) {
  if (n <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  const int64_t num_ranges = (n + grain - 1) / grain;
  const int64_t workers = std::min<int64_t>(std::max(threads, 1), num_ranges);
  std::atomic<int64_t> next{0};
  std::exception_ptr error;
  std::mutex error_lock;
  auto work = [&] {
    try {
      auto state = make_state();
      for (int64_t i; (i = next.fetch_add(1)) < num_ranges;) {
        fn(state, i * grain, std::min(n, (i + 1) * grain));
      }
    } catch (...) {
      next.store(num_ranges);
      std::lock_guard<std::mutex> guard(error_lock);
      if (!error) error = std::current_exception();
    }
  };
  std::vector<std::thread> team;
  team.reserve(workers);
  try {
    for (int64_t i = 1; i < workers; ++i) team.emplace_back(work);
  } catch (const std::system_error&) {
  }
  work();
  for (auto& thread : team) thread.join();
  if (error) std::rethrow_exception(error);
}

// The same without a state: fn(begin, end).
template <class Function>
void parallel_for(int64_t n, int64_t grain, int threads, Function&& fn) {
  parallel_for(
      n, grain, threads, [] { return 0; },
      [&](int, int64_t begin, int64_t end) { fn(begin, end); });
}

}  // namespace nr3d
