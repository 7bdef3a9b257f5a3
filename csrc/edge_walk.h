// The edges that a line meets. No include guard: see isa.h.

namespace nr3d {
namespace NR3D_ISA {
namespace {

// Some runs of a line, each with the corners of its face in drawing order.
template <class T>
struct Runs {
  using V = typename Pack<T>::Values;
  using Integers = typename Pack<T>::Integers;

  V start, end;  // first and last pixel
  Integers vertex[3];
  V u[3], v[3];
  int32_t first_inside[Pack<T>::kLanes];  // where the run begins in the list of pixels inside
};

// An edge, from A to B, of each of some runs' faces, and the faces' third corner.
template <class T>
struct MetEdges {
  using V = typename Pack<T>::Values;

  Edge<V> edge;
  typename Pack<T>::Integers vertex_a, vertex_b;
  V bv, cu, cv;
};

template <class T>
NR3D_HD void load_corners(const FlatMesh<T>& mesh, const typename Pack<T>::Integers& face,
                          Runs<T>& runs) {
  using V = typename Pack<T>::Values;
  using Integers = typename Pack<T>::Integers;
  const Integers num_faces = uniform<Integers>(mesh.num_faces), is_back = face >= num_faces;
  const Integers corner = 3 * (face - (is_back & num_faces));
  const Integers first = gather<Integers>(mesh.faces, corner);
  const Integers third = gather<Integers>(mesh.faces + 2, corner);
  runs.vertex[0] = is_back ? third : first;
  runs.vertex[1] = gather<Integers>(mesh.faces + 1, corner);
  runs.vertex[2] = is_back ? first : third;
  for (int k = 0; k < 3; ++k) {
    runs.u[k] = gather<V>(mesh.u, runs.vertex[k]);
    runs.v[k] = gather<V>(mesh.v, runs.vertex[k]);
  }
}

// Which of positions on the line show no face.
template <class T>
NR3D_HD typename Pack<T>::Integers are_uncovered(const Line<T>& line,
                                                 const typename Pack<T>::Values& position) {
  using V = typename Pack<T>::Values;
  using Integers = typename Pack<T>::Integers;
  const Integers known =
      (position >= uniform<V>(line.pixels.first)) & (position <= uniform<V>(line.pixels.last));
  const V pixel = known ? position : uniform<V>(line.pixels.first);
  const Integers face = gather<Integers>(line.face_index, __builtin_convertvector(pixel, Integers));
  return ~known | (face < 0);
}

// Set which of the runs' own pixels could pull: the line stays in the face so far.
template <class T>
NR3D_HD void set_inside(const Walk<T>& walk, const Runs<T>& runs, const MetEdges<T>& met,
                        const typename Pack<T>::Values& inner, Meetings<T>& m) {
  using V = typename Pack<T>::Values;
  const Edge<V>& edge = met.edge;
  const V a[2] = {edge.au, edge.av}, b[2] = {edge.bu, met.bv}, c[2] = {met.cu, met.cv};
  const V far = far_pixel(a, b, c, edge.outwards, uniform<V>(walk.line.number), walk.line.length);
  const V least = inner < far ? inner : far, most = inner < far ? far : inner;
  store(least > runs.start ? least : runs.start, m.low);
  store(most < runs.end ? most : runs.end, m.high);
}

// Let the line pull at the given edges, where it meets them.
template <bool kIsSilhouette, class T>
NR3D_HD void pull_at(const Walk<T>& walk, const Runs<T>& runs, const MetEdges<T>& met, T outwards,
                     typename Pack<T>::Integers outside, typename Pack<T>::Integers inside,
                     Contribution<T>*& out) {
  using V = typename Pack<T>::Values;
  using Integers = typename Pack<T>::Integers;
  const int length = walk.line.length;
  const T outermost = outwards > T(0) ? walk.survey.outside.last : walk.survey.outside.first;
  const Edge<V>& edge = met.edge;
  const V u = uniform<V>(walk.line.number), beyond = uniform<V>(length);
  const V crossed = crossing(edge, u), inner = inner_pixel(edge, crossed, static_cast<T>(length));
  const V outer = inner + outwards;
  const Integers on_image = (inner >= V{}) & (inner < beyond) & (outer >= V{}) & (outer < beyond);
  // Only where the face is seen at its last pixel.
  outside &= on_image & ((outermost - crossed) * outwards > V{}) & (inner >= runs.start) &
             (inner <= runs.end);
  inside &= on_image;
  if (kIsSilhouette && any(inside)) inside &= are_uncovered(walk.line, outer);
  const uint32_t pulls_outside = bits_of(outside), pulls_inside = bits_of(inside);
  if ((pulls_outside | pulls_inside) == 0) return;
  Meetings<T> m;
  m.outwards = outwards;
  const V lever_a = lever_of_a<T>(edge, u, length), lever_b = lever_of_b<T>(edge, u, length);
  store(met.vertex_a, m.vertex_a);
  store(met.vertex_b, m.vertex_b);
  store(crossed, m.crossing);
  store(inner, m.inner);
  store(lever_a, m.lever_a);
  store(lever_b, m.lever_b);
  store(signed_eps(edge, lever_a, walk.p.eps), m.eps_a);
  store(signed_eps(edge, lever_b, walk.p.eps), m.eps_b);
  if (pulls_inside != 0) set_inside(walk, runs, met, inner, m);
  int32_t picked[2 * Pack<T>::kLanes];
  int num_picked = 0;
  pick<T>(pulls_outside | pulls_inside, 0, picked, num_picked);
  for (int k = 0; k < num_picked; ++k) {
    const int i = picked[k];
    Pulls<T> pulls;
    if (pulls_outside >> i & 1) pull_outside<kIsSilhouette>(walk, m, i, pulls);
    if (pulls_inside >> i & 1) pull_inside<kIsSilhouette>(walk, m, i, runs.first_inside[i], pulls);
    contribute(m, i, pulls, out);
  }
}

// The first of each run's edges that is marked.
template <class T>
NR3D_HD MetEdges<T> first_edges(const Runs<T>& runs, const typename Pack<T>::Integers marked[3],
                                T outwards) {
  using V = typename Pack<T>::Values;
  const auto zero = marked[0], one = marked[1];
  MetEdges<T> met;
  met.vertex_a = zero ? runs.vertex[0] : one ? runs.vertex[1] : runs.vertex[2];
  met.vertex_b = zero ? runs.vertex[1] : one ? runs.vertex[2] : runs.vertex[0];
  met.edge.au = zero ? runs.u[0] : one ? runs.u[1] : runs.u[2];
  met.edge.av = zero ? runs.v[0] : one ? runs.v[1] : runs.v[2];
  met.edge.bu = zero ? runs.u[1] : one ? runs.u[2] : runs.u[0];
  met.bv = zero ? runs.v[1] : one ? runs.v[2] : runs.v[0];
  met.cu = zero ? runs.u[2] : one ? runs.u[0] : runs.u[1];
  met.cv = zero ? runs.v[2] : one ? runs.v[0] : runs.v[1];
  met.edge.slope = (met.bv - met.edge.av) / (met.edge.bu - met.edge.au);
  met.edge.outwards = V{} + outwards;
  return met;
}

// Let the line pull at the edges that end some runs' faces towards `outwards` (1 or -1). At a
// corner a line meets two such edges of one face: each has its turn.
template <bool kIsSilhouette, class T>
NR3D_HD void meet(const Walk<T>& walk, const Runs<T>& runs, T outwards,
                  const typename Pack<T>::Integers& outside,
                  const typename Pack<T>::Integers& inside, Contribution<T>*& out) {
  using V = typename Pack<T>::Values;
  using Integers = typename Pack<T>::Integers;
  const bool rising = (outwards > T(0)) == (walk.line.axis == Axis::kRows);
  const V u = uniform<V>(walk.line.number);
  Integers marked[3];
  for (int e = 0; e < 3; ++e) {
    const V a = runs.u[e], b = runs.u[e == 2 ? 0 : e + 1];
    marked[e] = (outside | inside) & (rising ? crosses(a, b, u) : crosses(b, a, u));
  }
  for (Integers active; any(active = marked[0] | marked[1] | marked[2]);) {
    const MetEdges<T> met = first_edges(runs, marked, outwards);
    pull_at<kIsSilhouette>(walk, runs, met, outwards, active & outside, active & inside, out);
    marked[2] &= marked[0] | marked[1];
    marked[1] &= marked[0];
    marked[0] = Integers{};
  }
}

// Which of some runs' own pixels could pull at the face's upper end (at its lower one). In a
// silhouette they pull only where the background begins beyond the end.
template <class T>
struct Reach {
  typename Pack<T>::Integers above, below;
};
template <bool kIsSilhouette, class T>
NR3D_HD Reach<T> reach_of(const Walk<T>& walk, const Runs<T>& runs,
                          const typename Pack<T>::Integers& within) {
  using V = typename Pack<T>::Values;
  if (!kIsSilhouette || walk.survey.has_gaps) return {within, within};
  V low = runs.v[0], high = runs.v[0];
  for (int k = 1; k < 3; ++k) {
    low = runs.v[k] < low ? runs.v[k] : low;
    high = runs.v[k] > high ? runs.v[k] : high;
  }
  const Range& covered = walk.survey.covered;  // with a pixel to spare for rounding
  return {within & (high > uniform<V>(covered.last - 1)),
          within & (low < uniform<V>(covered.first + 1))};
}

// Find where some runs begin in the list of pixels inside, from `first` on.
template <class T>
NR3D_HD int find_inside(const PixelList<T>& inside, const int32_t* starts, int first,
                        int32_t first_inside[Pack<T>::kLanes]) {
  for (int l = 0; l < Pack<T>::kLanes; ++l) {
    while (first < inside.count && inside.pixel[first] < starts[l]) ++first;
    first_inside[l] = first;
  }
  return first;
}

// Let a line pull at the edges of the faces that are seen on it.
template <bool kIsSilhouette, class T>
NR3D_HD void walk_line(const Walk<T>& walk, Contributions<T>& contributions) {
  using V = typename Pack<T>::Values;
  using Integers = typename Pack<T>::Integers;
  constexpr int kLanes = Pack<T>::kLanes;
  const PixelList<T>&outside = walk.survey.outside,
        &inside = inside_list<kIsSilhouette>(walk.survey);
  if (outside.count + inside.count == 0) return;
  const Integers first_pixel = uniform<Integers>(walk.line.pixels.first);
  const int num_runs = walk.survey.num_runs;
  // A run's face has at most two edges to each side, and an edge two vertices.
  Contribution<T>* out = contributions.start(int64_t{8} * (num_runs + kLanes));
  int first_inside = 0;
  for (int k = 0; k < num_runs; k += kLanes) {
    const int32_t* starts = walk.survey.starts.data() + k;
    const Integers start = load_as<Integers>(starts);
    const Integers next = load_as<Integers>(starts + 1);
    const Integers is_run = start < next;
    const Integers face = gather<Integers>(walk.line.face_index, is_run ? start : first_pixel);
    const Integers covered = is_run & (face >= 0);
    Runs<T> runs;
    runs.start = __builtin_convertvector(start, V);
    runs.end = __builtin_convertvector(next, V) - T(1);
    const Integers above = covered & (outside.last > runs.start);
    const Integers below = covered & (outside.first < runs.end);
    const Integers within = covered & (inside.first <= runs.end) & (inside.last >= runs.start);
    if (!any(above | below | within)) continue;
    load_corners(walk.mesh, covered & face, runs);
    first_inside = find_inside(inside, starts, first_inside, runs.first_inside);
    const Reach<T> reach = reach_of<kIsSilhouette>(walk, runs, within);
    meet<kIsSilhouette>(walk, runs, T(1), above, reach.above, out);
    meet<kIsSilhouette>(walk, runs, T(-1), below, reach.below, out);
  }
  contributions.finish(out);
}

}  // namespace
}  // namespace NR3D_ISA
}  // namespace nr3d
