#include "kato_gradient.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "edge_walk.h"
#include "ops.h"
#include "parallel.h"
#include "survey.h"

namespace nr3d {
namespace {

// One image's buffers, used again for the next.
template <class T>
struct Workspace {
  Survey<T> survey;
  Meetings<T> meetings;        // where one thread walks all faces
  std::vector<T> expanded;     // [H, W] the gradient of a silhouette drawn larger
  std::vector<T> x, y;         // [V] pixel coordinates
  std::vector<T> corner_grad;  // [F, 3, 2] x, y

  explicit Workspace(const KatoGradientParams<T>& p)
      : survey(p),
        meetings(std::max(p.height, p.width)),
        expanded(p.factor > 1 ? static_cast<size_t>(p.height) * p.width : 0),
        x(p.num_vertices),
        y(p.num_vertices),
        corner_grad(6 * p.num_faces) {}
};

// Some faces on both walks; turned, they have x and y swapped.
template <class T>
struct WalkedFaces {
  int count = 0;
  WalkedFace<T> upright[kFacesAtOnce], turned[kFacesAtOnce];
};

template <class T>
NR3D_HD void add_face(const KatoGradientParams<T>& p, const Workspace<T>& work, int64_t face,
                      WalkedFaces<T>& faces) {
  const int32_t* corners = p.faces + 3 * (face < p.num_faces ? face : face - p.num_faces);
  WalkedFace<T>&upright = faces.upright[faces.count], &turned = faces.turned[faces.count];
  upright.number = turned.number = static_cast<int32_t>(face);
  upright.pulls_inside = turned.pulls_inside = work.survey.pulls_inside[1 + face];
  for (int k = 0; k < 3; ++k) {
    const int32_t vertex = corners[corner_of(face, p.num_faces, k)];
    upright.u[k] = turned.v[k] = work.x[vertex];
    upright.v[k] = turned.u[k] = work.y[vertex];
  }
  ++faces.count;
}

template <class T>
NR3D_HD void walk_and_clear(const Image<T>& image, WalkedFaces<T>& faces, Meetings<T>& meetings,
                            Workspace<T>& work) {
  const int64_t num_faces = image.p.num_faces;
  T grad_x[kFacesAtOnce][3], grad_y[kFacesAtOnce][3];
  walk_faces(image, work.survey.columns, faces.upright, faces.count, meetings, grad_y);
  walk_faces(image, work.survey.rows, faces.turned, faces.count, meetings, grad_x);
  for (int f = 0; f < faces.count; ++f) {
    const int64_t face = faces.upright[f].number;
    T* corner_grad = work.corner_grad.data() + 6 * (face < num_faces ? face : face - num_faces);
    for (int k = 0; k < 3; ++k) {
      const int corner = corner_of(face, num_faces, k);
      corner_grad[2 * corner] += grad_x[f][k];
      corner_grad[2 * corner + 1] += grad_y[f][k];
    }
  }
  faces.count = 0;
}

template <class T>
NR3D_HD void walk_seen_faces(const Image<T>& image, int64_t begin, int64_t end,
                             Meetings<T>& meetings, Workspace<T>& work) {
  WalkedFaces<T> faces;
  std::fill(work.corner_grad.begin() + 6 * begin, work.corner_grad.begin() + 6 * end, T(0));
  for (int64_t face = begin; face < end; ++face) {
    for (const int64_t copy : {face, face + image.p.num_faces}) {
      if (!work.survey.is_seen[1 + copy]) continue;
      add_face(image.p, work, copy, faces);
      if (faces.count == kFacesAtOnce) walk_and_clear(image, faces, meetings, work);
    }
  }
  walk_and_clear(image, faces, meetings, work);
}

template <class T>
NR3D_HD bool prepare(const Image<T>& image, const T* vertices, Workspace<T>& work) {
  for (int64_t v = 0; v < image.p.num_vertices; ++v) {
    work.x[v] = to_pixel(vertices[3 * v], image.p.width);
    work.y[v] = to_pixel(vertices[3 * v + 1], image.p.height);
  }
  return survey_rows(image, work.survey);
}

// target_clones takes no templates: one plain function a scalar.
NR3D_VECTOR_CLONES void walk_range(const Image<float>& image, int64_t begin, int64_t end,
                                   Meetings<float>& meetings, Workspace<float>& work) {
  walk_seen_faces(image, begin, end, meetings, work);
}
NR3D_VECTOR_CLONES void walk_range(const Image<double>& image, int64_t begin, int64_t end,
                                   Meetings<double>& meetings, Workspace<double>& work) {
  walk_seen_faces(image, begin, end, meetings, work);
}
NR3D_VECTOR_CLONES bool prepare_image(const Image<float>& image, const float* vertices,
                                      Workspace<float>& work) {
  return prepare(image, vertices, work);
}
NR3D_VECTOR_CLONES bool prepare_image(const Image<double>& image, const double* vertices,
                                      Workspace<double>& work) {
  return prepare(image, vertices, work);
}

// Sum the corners into their vertices in the order of the faces, whatever computed them.
template <class T>
void gather_corners(const KatoGradientParams<T>& p, const Workspace<T>& work, T* grad_vertices) {
  std::fill(grad_vertices, grad_vertices + 3 * p.num_vertices, T(0));
  for (int64_t corner = 0; corner < 3 * p.num_faces; ++corner) {
    T* grad = grad_vertices + 3 * static_cast<int64_t>(p.faces[corner]);
    grad[0] += work.corner_grad[2 * corner];
    grad[1] += work.corner_grad[2 * corner + 1];
  }
}

// A silhouette's gradient arrives at the size its factor x factor blocks were averaged to.
template <class T>
void expand(const KatoGradientParams<T>& p, const T* grad, std::vector<T>& expanded) {
  const int width = p.width / p.factor;
  const T share = T(1) / (p.factor * p.factor);
  T* to = expanded.data();
  for (int row = 0; row < p.height; row += p.factor, grad += width) {
    for (int i = 0; i < width; ++i) std::fill_n(to + i * p.factor, p.factor, share * grad[i]);
    for (int k = 1; k < p.factor; ++k) std::copy(to, to + p.width, to + k * p.width);
    to += p.factor * p.width;
  }
}

template <class T>
Image<T> image_of(const KatoGradientParams<T>& p, int64_t mesh, std::vector<T>& expanded) {
  const int64_t size = static_cast<int64_t>(p.height) * p.width;
  Image<T> image{p, p.face_index + mesh * size, nullptr, nullptr, size};
  if (p.image) image.color = p.image + mesh * size * p.num_channels;
  image.grad = p.grad_image + mesh * size * p.num_channels / (p.factor * p.factor);
  if (p.factor > 1) {
    expand(p, image.grad, expanded);
    image.grad = expanded.data();
  }
  return image;
}

template <class T>
[[noreturn]] void refuse_face_index(const Image<T>& image) {
  const int64_t limit = 2 * image.p.num_faces;
  const int32_t* bad = std::find_if(image.face_index, image.face_index + image.size,
                                    [limit](int32_t face) { return face < -1 || face >= limit; });
  throw std::invalid_argument("kato_gradient: face_index must hold face indices inside [-1, " +
                              std::to_string(limit) + "), got " + std::to_string(*bad));
}

template <class T>
void gradient_of_image(const KatoGradientParams<T>& p, int64_t mesh, int threads,
                       Workspace<T>& work) {
  const Image<T> image = image_of(p, mesh, work.expanded);
  const T* vertices = p.vertices + mesh * p.num_vertices * 3;
  if (!prepare_image(image, vertices, work)) refuse_face_index(image);
  if (threads == 1) {
    walk_range(image, 0, p.num_faces, work.meetings, work);
  } else {
    parallel_for(
        p.num_faces, 256, threads, [&] { return Meetings<T>(std::max(p.height, p.width)); },
        [&](Meetings<T>& meetings, int64_t begin, int64_t end) {
          walk_range(image, begin, end, meetings, work);
        });
  }
  gather_corners(p, work, p.grad_vertices + mesh * p.num_vertices * 3);
}

}  // namespace

template <class T>
void kato_gradient_cpu(const KatoGradientParams<T>& p, int threads) {
  if (static_cast<int64_t>(p.height) * p.width > std::numeric_limits<int32_t>::max()) {
    throw std::invalid_argument("kato_gradient: image must have fewer than 2^31 pixels, got " +
                                std::to_string(p.height) + " x " + std::to_string(p.width));
  }
  // Threads share the images where there are enough of them, else the work inside each image.
  const bool many_images = p.num_meshes >= threads;
  parallel_for(
      p.num_meshes, 1, many_images ? threads : 1, [&] { return Workspace<T>(p); },
      [&](Workspace<T>& work, int64_t mesh, int64_t) {
        gradient_of_image(p, mesh, many_images ? 1 : threads, work);
      });
}

template void kato_gradient_cpu(const KatoGradientParams<float>&, int);
template void kato_gradient_cpu(const KatoGradientParams<double>&, int);

}  // namespace nr3d
