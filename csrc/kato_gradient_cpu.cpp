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
  std::vector<T> expanded;     // [H, W] the gradient of a silhouette drawn larger
  std::vector<T> x, y;         // [V] pixel coordinates
  std::vector<T> corner_grad;  // [F, 3, 2] x, y

  explicit Workspace(const KatoGradientParams<T>& p)
      : survey(p),
        expanded(p.factor > 1 ? static_cast<size_t>(p.height) * p.width : 0),
        x(p.num_vertices),
        y(p.num_vertices),
        corner_grad(6 * p.num_faces) {}
};

template <class T>
NR3D_HD void walk_copy(const Image<T>& image, const Workspace<T>& work, int64_t face,
                       Meetings<T>& meetings, T corner_grad[6]) {
  const KatoGradientParams<T>& p = image.p;
  const Survey<T>& survey = work.survey;
  const int32_t* corners = p.faces + 3 * (face < p.num_faces ? face : face - p.num_faces);
  WalkedFace<T> upright, turned;
  upright.number = turned.number = static_cast<int32_t>(face);
  upright.pulls_inside = turned.pulls_inside = survey.pulls_inside[1 + face];
  for (int k = 0; k < 3; ++k) {
    const int32_t vertex = corners[corner_of(face, p.num_faces, k)];
    upright.u[k] = turned.v[k] = work.x[vertex];
    upright.v[k] = turned.u[k] = work.y[vertex];
  }
  T grad_x[3], grad_y[3];
  walk_face(image, survey.columns, upright, meetings, grad_y);
  walk_face(image, survey.rows, turned, meetings, grad_x);
  for (int k = 0; k < 3; ++k) {
    const int corner = corner_of(face, p.num_faces, k);
    corner_grad[2 * corner] += grad_x[k];
    corner_grad[2 * corner + 1] += grad_y[k];
  }
}

template <class T>
NR3D_HD void walk_faces(const Image<T>& image, int64_t begin, int64_t end, Workspace<T>& work) {
  Meetings<T> meetings(std::max(image.p.height, image.p.width));
  for (int64_t face = begin; face < end; ++face) {
    T* corner_grad = work.corner_grad.data() + 6 * face;
    std::fill(corner_grad, corner_grad + 6, T(0));
    for (const int64_t copy : {face, face + image.p.num_faces}) {
      if (work.survey.is_seen[1 + copy]) walk_copy(image, work, copy, meetings, corner_grad);
    }
  }
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
                                   Workspace<float>& work) {
  walk_faces(image, begin, end, work);
}
NR3D_VECTOR_CLONES void walk_range(const Image<double>& image, int64_t begin, int64_t end,
                                   Workspace<double>& work) {
  walk_faces(image, begin, end, work);
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
    for (int i = 0; i < p.width; ++i) to[i] = share * grad[i / p.factor];
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
  parallel_for(p.num_faces, 256, threads,
               [&](int64_t begin, int64_t end) { walk_range(image, begin, end, work); });
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
  const int64_t grain = std::max<int64_t>(1, p.num_meshes / (4 * std::max(threads, 1)));
  parallel_for(p.num_meshes, many_images ? grain : p.num_meshes, threads,
               [&](int64_t begin, int64_t end) {
                 Workspace<T> work(p);
                 for (int64_t mesh = begin; mesh < end; ++mesh) {
                   gradient_of_image(p, mesh, many_images ? 1 : threads, work);
                 }
               });
}

template void kato_gradient_cpu(const KatoGradientParams<float>&, int);
template void kato_gradient_cpu(const KatoGradientParams<double>&, int);

}  // namespace nr3d
