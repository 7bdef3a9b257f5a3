// What the pixels of a line say to the two vertices of an edge that it meets. No include guard: see
// isa.h.

namespace nr3d {
namespace NR3D_ISA {
namespace {

// A mesh in pixel coordinates: u across the lines, v along them.
template <class T>
struct FlatMesh {
  const int32_t* faces;  // [F, 3]
  int64_t num_faces;
  const T *u, *v;  // [V]
};

// What one meeting of a line and an edge adds to the gradient of v of one vertex.
template <class T>
struct Contribution {
  int32_t vertex;
  T grad;
};

// They are kept in the order of the lines, and summed in it, whoever walked the lines.
template <class T>
class Contributions {
 public:
  const Contribution<T>* begin() const { return values_.get(); }
  const Contribution<T>* end() const { return end_; }
  void clear() { end_ = values_.get(); }

  // Make room for `count` more and give where they begin; `finish` tells where they ended.
  Contribution<T>* start(int64_t count) {
    if (end_ - values_.get() + count > room_) grow(count);
    return end_;
  }
  void finish(Contribution<T>* end) { end_ = end; }

 private:
  void grow(int64_t count) {
    const int64_t used = end_ - values_.get();
    room_ = 2 * (used + count);
    std::unique_ptr<Contribution<T>[]> larger(new Contribution<T>[room_]);
    std::copy(values_.get(), end_, larger.get());
    values_ = std::move(larger);
    end_ = values_.get() + used;
  }

  std::unique_ptr<Contribution<T>[]> values_;
  Contribution<T>* end_ = nullptr;
  int64_t room_ = 0;
};

// A line on which edges are met.
template <class T>
struct Walk {
  const KatoGradientParams<T>& p;
  const FlatMesh<T>& mesh;
  const Line<T>& line;
  const Survey<T>& survey;
};

// Where the line meets the edges; some of the lanes.
template <class T>
struct Meetings {
  static constexpr int kLanes = Pack<T>::kLanes;

  T outwards;
  typename Pack<T>::Integer vertex_a[kLanes], vertex_b[kLanes];
  T crossing[kLanes], inner[kLanes];  // position of the edge, and of the face's last pixel
  T lever_a[kLanes], lever_b[kLanes], eps_a[kLanes], eps_b[kLanes];
  T low[kLanes], high[kLanes];  // the run's pixels that could pull from inside
};

// The pixels that can pull from within a face.
template <bool kIsSilhouette, class T>
NR3D_HD const PixelList<T>& inside_list(const Survey<T>& survey) {
  return kIsSilhouette ? survey.inside : survey.outside;
}

// How much the loss falls if pixels of a list take the color of pixel `other` of the line; those of
// a silhouette change by 1.
template <bool kIsSilhouette, class T>
struct Gain {
  using V = typename Pack<T>::Values;
  const PixelList<T>& list;
  int num_channels;
  const T* others;
  int64_t plane;

  NR3D_HD Gain(const Walk<T>& walk, const PixelList<T>& pixels, T other)
      : list(pixels), num_channels(walk.p.num_channels) {
    if (kIsSilhouette) return;
    others = walk.line.color + static_cast<int>(other);
    plane = walk.line.color_plane;
  }

  // Of the pixels at `at` of the list.
  NR3D_HD V operator()(int at) const {
    V grad, gain;
    load(list.grad.data() + at, grad);
    if (kIsSilhouette) return grad;
    V worth = grad * others[0];
    for (int c = 1; c < num_channels; ++c) {
      load(list.grad.data() + c * list.stride + at, grad);
      worth += grad * others[c * plane];
    }
    load(list.worth.data() + at, gain);
    gain -= worth;
    return gain > V{} ? gain : V{};
  }
};

// What the pixels of a line say to the two vertices of an edge.
template <class T>
struct Pulls {
  typename Pack<T>::Values on_a = {}, on_b = {};
};

template <class T>
NR3D_HD void contribute(const Meetings<T>& m, int i, const Pulls<T>& pulls, Contribution<T>*& out) {
  T sums[2];
  sums_of_lanes<T>(pulls.on_a, pulls.on_b, sums);
  *out++ = {static_cast<int32_t>(m.vertex_a[i]), sums[0]};
  *out++ = {static_cast<int32_t>(m.vertex_b[i]), sums[1]};
}

// Add what the pixels beyond the edge pull.
template <bool kIsSilhouette, class T>
NR3D_HD void pull_outside(const Walk<T>& walk, const Meetings<T>& m, int i, Pulls<T>& pulls) {
  using V = typename Pack<T>::Values;
  constexpr int kLanes = Pack<T>::kLanes;
  const PixelList<T>& list = walk.survey.outside;
  const Gain<kIsSilhouette, T> gain_at(walk, list, m.inner[i]);
  const T crossed = m.crossing[i];
  const T* position = list.position.data();
  V on_a = {}, on_b = {};
  const auto pull = [&](int at, bool holds_edge) {
    V t, gain = gain_at(at);
    load(position + at, t);
    t -= crossed;
    if (holds_edge) {
      const auto beyond = t * m.outwards > V{};
      gain = beyond ? gain : V{};
      t = beyond ? t : V{} + T(1);
    }
    on_a -= gain / (m.lever_a[i] * t + m.eps_a[i]);
    on_b -= gain / (m.lever_b[i] * t + m.eps_b[i]);
  };
  // From the outermost pack inwards, up to the one that holds the edge.
  const int end = (list.count + kLanes - 1) / kLanes * kLanes;
  if (m.outwards > T(0)) {
    int at = end - kLanes;
    for (; at >= 0 && position[at] > crossed; at -= kLanes) pull(at, false);
    if (at >= 0 && position[at + kLanes - 1] > crossed) pull(at, true);
  } else {
    int at = 0;
    for (; at < end && position[at + kLanes - 1] < crossed; at += kLanes) pull(at, false);
    if (at < end && position[at] < crossed) pull(at, true);
  }
  // A pixel of a silhouette gains minus its gradient.
  pulls.on_a += kIsSilhouette ? -on_a : on_a;
  pulls.on_b += kIsSilhouette ? -on_b : on_b;
}

// Add what the run's own pixels pull; `first` is where the run begins in the list.
template <bool kIsSilhouette, class T>
NR3D_HD void pull_inside(const Walk<T>& walk, const Meetings<T>& m, int i, int first,
                         Pulls<T>& pulls) {
  using V = typename Pack<T>::Values;
  constexpr int kLanes = Pack<T>::kLanes;
  const PixelList<T>& list = inside_list<kIsSilhouette>(walk.survey);
  const Gain<kIsSilhouette, T> gain_at(walk, list, m.inner[i] + m.outwards);
  const T lever_a = m.lever_a[i], lever_b = m.lever_b[i], low = m.low[i], high = m.high[i];
  const T* position = list.position.data();
  const V one = V{} + T(1);
  for (int at = first; at < list.count && position[at] <= high; at += kLanes) {
    V t, gain = gain_at(at);
    load(position + at, t);
    const auto counts = (t >= low) & (t <= high);
    gain = counts ? gain : V{};
    t = counts ? t - m.crossing[i] : one;
    if (lever_a != T(0)) pulls.on_a += pull(gain, lever_a, t, walk.p.eps);
    if (lever_b != T(0)) pulls.on_b += pull(gain, lever_b, t, walk.p.eps);
  }
}

}  // namespace
}  // namespace NR3D_ISA
}  // namespace nr3d
