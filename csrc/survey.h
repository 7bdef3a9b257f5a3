// What a line of an image holds: the runs of pixels in which one face is seen, and the pixels that
// can pull at an edge. Most pixels of a training image cannot. No include guard: see isa.h.

namespace nr3d {
namespace NR3D_ISA {
namespace {

// Pixels of a line by ascending position. The last pack is filled up with positions beyond the line
// that do not pull.
template <class T>
struct PixelList {
  static constexpr int kLanes = Pack<T>::kLanes;

  int count = 0;
  T first = T(0), last = T(0);  // the least and the largest position; of none, beyond the line
  int64_t stride;               // the room of a channel
  std::vector<int32_t> pixel;   // [stride]
  std::vector<T> position;      // [stride] the same
  std::vector<T> grad;          // [C, stride]
  std::vector<T> worth;         // [stride] color times grad, over all channels; not of a silhouette

  PixelList(const KatoGradientParams<T>& p, int64_t room)
      : stride(room),
        pixel(room),
        position(room),
        grad(room * p.num_channels),
        worth(p.image ? room : 0) {}
};

template <class T>
struct Survey {
  int num_runs = 0;
  std::vector<int32_t> starts;  // [num_runs, padded] first pixels of runs, of the background too
  Range covered;                // from the first to the last pixel with a face
  bool has_gaps = false;        // whether there is background between them
  // What can pull from beyond an edge and from within a face. Of colors that is the same, and
  // `inside` is empty.
  PixelList<T> outside, inside;

  explicit Survey(const KatoGradientParams<T>& p)
      : starts(room(p)), outside(p, room(p)), inside(p, room(p)) {}

  // A pack is picked at a time and filled up, and a run ends where another starts.
  static int64_t room(const KatoGradientParams<T>& p) {
    return std::max(p.height, p.width) + 2 * Pack<T>::kLanes + 1;
  }
};

// Read the colors and gradients of the pixels that were picked.
template <class T>
NR3D_HD void fill_list(const KatoGradientParams<T>& p, const Line<T>& line, PixelList<T>& list) {
  using V = typename Pack<T>::Values;
  constexpr int kLanes = Pack<T>::kLanes;
  const T beyond = static_cast<T>(line.length);
  const int count = list.count;
  list.first = count > 0 ? static_cast<T>(list.pixel[0]) : beyond;
  list.last = count > 0 ? static_cast<T>(list.pixel[count - 1]) : T(-1);
  if (count == 0) return;
  std::fill_n(list.pixel.data() + count, kLanes, list.pixel[count - 1]);
  for (int i = 0; i < count; i += kLanes) {
    const int32_t* pixel = list.pixel.data() + i;
    for (int l = 0; l < kLanes; ++l) list.position[i + l] = static_cast<T>(pixel[l]);
    V worth = {};
    for (int c = 0; c < p.num_channels; ++c) {
      const V grad = gather<V>(line.grad + c * line.grad_plane, pixel);
      store(grad, list.grad.data() + c * list.stride + i);
      if (line.color) worth += gather<V>(line.color + c * line.color_plane, pixel) * grad;
    }
    if (line.color) store(worth, list.worth.data() + i);
  }
  std::fill_n(list.position.data() + count, kLanes, beyond);
  if (line.color) std::fill_n(list.worth.data() + count, kLanes, T(0));
  for (int c = 0; c < p.num_channels; ++c) {
    std::fill_n(list.grad.data() + c * list.stride + count, kLanes, T(0));
  }
}

// Find where the line has faces.
template <class T>
NR3D_HD void find_covered(const Line<T>& line, Survey<T>& survey) {
  const int num_runs = survey.num_runs;
  const int32_t* starts = survey.starts.data();
  const bool begins = line.face_index[line.pixels.first] >= 0;
  const bool ends = line.face_index[line.pixels.last] >= 0;
  survey.covered = {};
  if (begins || num_runs > 1) {
    survey.covered = {begins ? line.pixels.first : starts[1],
                      ends ? line.pixels.last : starts[num_runs - 1] - 1};
  }
  int num_faceless = 0;
  for (int k = 0; k < num_runs; ++k) num_faceless += line.face_index[starts[k]] < 0;
  survey.has_gaps = num_faceless > !begins + !ends;
}

// Sort `count` pixels, at most a pack, from `first` on. In a silhouette uncovered pixels that
// should be brighter pull from outside, covered ones that should be darker from inside. In any
// other image every pixel with a gradient may do both, and is listed once.
template <bool kIsSilhouette, class T>
NR3D_HD void survey_pixels(int num_channels, const Line<T>& line, int first, int count,
                           Survey<T>& survey) {
  using V = typename Pack<T>::Values;
  using Integers = typename Pack<T>::Integers;
  const int32_t* faces = line.face_index + first;
  const Integers face = load_some<Integers>(faces, count), covered = face >= 0;
  const bool begins = first == line.pixels.first;
  const Integers changes = begins ? Integers{} : face != load_some<Integers>(faces - 1, count);
  Integers outside, inside;
  if (kIsSilhouette) {
    const V grad = load_some<V>(line.grad + first, count);
    outside = ~covered & (grad < V{});
    inside = covered & (grad > V{});
  } else {
    outside = Integers{};
    for (int c = 0; c < num_channels; ++c) {
      outside |= load_some<V>(line.grad + c * line.grad_plane + first, count) != V{};
    }
    inside = Integers{};
  }
  const Integers pulls = outside | inside;
  if (!any(changes | pulls)) return;
  pick<T>(bits_of(changes), first, survey.starts.data(), survey.num_runs);
  if (!any(pulls)) return;
  pick<T>(bits_of(outside), first, survey.outside.pixel.data(), survey.outside.count);
  if (!kIsSilhouette) return;
  pick<T>(bits_of(inside), first, survey.inside.pixel.data(), survey.inside.count);
}

template <bool kIsSilhouette, class T>
NR3D_HD void survey_all_pixels(int num_channels, const Line<T>& line, Survey<T>& survey) {
  constexpr int kLanes = Pack<T>::kLanes;
  int i = line.pixels.first;
  const int end = line.pixels.last + 1;
  survey_pixels<kIsSilhouette>(num_channels, line, i++, 1, survey);  // nothing is before it
  for (; i + kLanes <= end; i += kLanes) {
    survey_pixels<kIsSilhouette>(num_channels, line, i, kLanes, survey);
  }
  if (i < end) survey_pixels<kIsSilhouette>(num_channels, line, i, end - i, survey);
}

template <class T>
NR3D_HD void survey_line(const KatoGradientParams<T>& p, const Line<T>& line, Survey<T>& survey) {
  survey.starts[0] = line.pixels.first;
  survey.num_runs = 1;
  survey.outside.count = survey.inside.count = 0;
  if (line.color) {
    survey_all_pixels<false>(p.num_channels, line, survey);
  } else {
    survey_all_pixels<true>(1, line, survey);
  }
  const int end = line.pixels.last + 1;
  std::fill_n(survey.starts.data() + survey.num_runs, Pack<T>::kLanes + 1, end);
  find_covered(line, survey);
  fill_list(p, line, survey.outside);
  fill_list(p, line, survey.inside);
}

}  // namespace
}  // namespace NR3D_ISA
}  // namespace nr3d
