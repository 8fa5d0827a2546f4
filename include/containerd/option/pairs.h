// SPDX-License-Identifier: Apache-2.0
//
// A list of texts with one pair of braces too many, WithEnv({{"A=1", "B=2"}}), is no list of lists:
// C++ takes the two literals for the begin and the end of one text, and the program dies of it or
// worse. So a function that takes a list of texts has a deleted overload for BracedTexts beside it,
// as oci::WithEnv.
#ifndef CONTAINERD_OPTION_PAIRS_H_
#define CONTAINERD_OPTION_PAIRS_H_

#include <cstddef>

namespace containerd::option {

// N lists of M literals each.
template <std::size_t N, std::size_t M>
using BracedTexts = const char* const (&&)[N][M];

template <std::size_t M>
concept IsPair = M == 2;

}  // namespace containerd::option

#endif  // CONTAINERD_OPTION_PAIRS_H_
