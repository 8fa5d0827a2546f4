// SPDX-License-Identifier: Apache-2.0
//
// Options that take the process from an image's config.
//
//   NewContainerOpts spec = WithNewSpec({oci::WithImageConfigArgs(image, {"--verbose"})});
//
// Source: pkg/oci/spec_opts.go.
#ifndef CONTAINERD_OCI_SPEC_OPTS_IMAGE_H_
#define CONTAINERD_OCI_SPEC_OPTS_IMAGE_H_

#include <concepts>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "containerd/export/export.h"
#include "containerd/oci/spec.h"
#include "containerd/option/pairs.h"

namespace containerd::oci {

// Environment, arguments, working directory and user of the image's config. Variables that are set
// already go over the image's; PATH gets a default if the image has no environment; the user is
// looked up as WithUser does, with the groups as WithAdditionalGIDs does. ErrInvalidArgument if the
// config is none.
CONTAINERD_EXPORT SpecOpt WithImageConfig(std::shared_ptr<const Image> image);

// The same, with arguments in place of the image's command (but after its entry point) unless
// empty.
CONTAINERD_EXPORT SpecOpt WithImageConfigArgs(std::shared_ptr<const Image> image,
                                              std::vector<std::string> args);
template <std::size_t N, std::size_t M>
requires option::IsPair<M>
void WithImageConfigArgs(std::shared_ptr<const Image>, option::BracedTexts<N, M>) = delete;

// For images that are handles, as the client's: the option keeps a copy.
template <class T>
requires std::derived_from<T, Image> && std::copy_constructible<T> SpecOpt
WithImageConfig(const T& image) {
  return WithImageConfig(std::shared_ptr<const Image>(std::make_shared<const T>(image)));
}
template <class T>
requires std::derived_from<T, Image> && std::copy_constructible<T> SpecOpt
WithImageConfigArgs(const T& image, std::vector<std::string> args) {
  return WithImageConfigArgs(std::shared_ptr<const Image>(std::make_shared<const T>(image)),
                             std::move(args));
}
template <class T, std::size_t N, std::size_t M>
requires(std::derived_from<T, Image>&& option::IsPair<M>) void WithImageConfigArgs(
    const T&, option::BracedTexts<N, M>) = delete;

}  // namespace containerd::oci

#endif  // CONTAINERD_OCI_SPEC_OPTS_IMAGE_H_
