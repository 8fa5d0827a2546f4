// SPDX-License-Identifier: Apache-2.0
//
// The one shape of all options. An API that takes options takes a vector of them, which a caller
// writes as a list:
//
//   client.Pull(ctx, ref, {WithPullUnpack, WithPlatform("linux/arm64")});
//
// An option without arguments may be passed as it is or called, WithPullUnpack or WithPullUnpack().
// One with arguments is called. A caller's own option is a function of the same arguments:
//
//   client.Pull(ctx, ref, {[](Client&, RemoteContext& c) { c.all_metadata = true; }});
//
// Options are applied in order; the first one that fails ends the call, with its error.
#ifndef CONTAINERD_OPTION_OPTION_H_
#define CONTAINERD_OPTION_OPTION_H_

#include <concepts>
#include <cstddef>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <absl/status/status.h>

namespace containerd::option {

template <typename... Args>
class Option;
template <typename Opt>
class Plain;

namespace internal {

template <typename T>
inline constexpr bool kIsOption = false;
template <typename... Args>
inline constexpr bool kIsOption<Option<Args...>> = true;
template <typename Opt>
inline constexpr bool kIsOption<Plain<Opt>> = true;

// A function that returns an option, such as WithPlatform.
template <typename F>
inline constexpr bool kMakesOption = false;
template <typename R, typename... Args>
inline constexpr bool kMakesOption<R (*)(Args...)> = kIsOption<R>;
template <typename R, typename... Args>
inline constexpr bool kMakesOption<R (*)(Args...) noexcept> = kIsOption<R>;

template <typename F>
inline constexpr bool kIsStdFunction = false;
template <typename Signature>
inline constexpr bool kIsStdFunction<std::function<Signature>> = true;

// An argument that goes to a function which takes a reference, and to one which takes a pointer.
template <typename T>
struct Either {
  T* at;
  operator T&() const { return *at; }  // NOLINT(google-explicit-constructor)
  operator T*() const { return at; }   // NOLINT(google-explicit-constructor)
};

template <typename Arg>
struct LooseArg {
  using Type = Arg;
  static Arg Of(Arg arg) { return arg; }
};
template <typename T>
struct LooseArg<T&> {
  using Type = Either<T>;
  static Type Of(T& arg) { return {&arg}; }
};

template <typename... Args>
using Last = std::tuple_element_t<sizeof...(Args) - 1, std::tuple<Args...>>;

// How a function takes an option's arguments.
enum class Form {
  kNone,    // not at all
  kStrict,  // as they are
  kLoose,   // some as pointers
  kTarget,  // only the last one, which is what the option changes
};

template <typename F, typename... Args>
constexpr Form FormOf() {
  if constexpr (std::is_invocable_v<F&, Args...>) {
    return Form::kStrict;
  } else if constexpr (std::is_invocable_v<F&, typename LooseArg<Args>::Type...>) {
    return Form::kLoose;
  } else if constexpr (std::is_invocable_v<F&, typename LooseArg<Last<Args...>>::Type>) {
    return Form::kTarget;
  } else {
    return Form::kNone;
  }
}

template <typename F, typename... Args>
decltype(auto) Invoke(F& f, Args... args) {
  constexpr Form form = FormOf<F, Args...>();
  if constexpr (form == Form::kStrict) {
    return std::invoke(f, std::forward<Args>(args)...);
  } else if constexpr (form == Form::kLoose) {
    return std::invoke(f, LooseArg<Args>::Of(std::forward<Args>(args))...);
  } else {
    auto all = std::forward_as_tuple(args...);
    return std::invoke(f, LooseArg<Last<Args...>>::Of(std::get<sizeof...(Args) - 1>(all)));
  }
}

template <typename F, typename... Args>
absl::Status Run(F& f, Args... args) {
  using Result = decltype(Invoke<F, Args...>(f, std::forward<Args>(args)...));
  if constexpr (std::is_void_v<Result>) {
    Invoke<F, Args...>(f, std::forward<Args>(args)...);
    return absl::OkStatus();
  } else {
    static_assert(std::is_convertible_v<Result, absl::Status>,
                  "an option returns nothing or absl::Status");
    return Invoke<F, Args...>(f, std::forward<Args>(args)...);
  }
}

// What a vector of options is made of in other ways than of a list of options.
template <typename T, typename Opt>
inline constexpr bool kHolds = std::is_same_v<T, Opt*> || std::is_same_v<T, const Opt*>;
template <typename T, typename Opt>
requires requires { typename T::value_type; }
inline constexpr bool kHolds<T, Opt> =
    std::is_same_v<std::remove_cv_t<typename T::value_type>, Opt>;

// A pointer may stand for a reference in a call of an option.
template <typename A, typename Arg>
inline constexpr bool kPasses =
    std::is_convertible_v<A, Arg> ||
    (std::is_lvalue_reference_v<Arg> &&
     std::is_convertible_v<std::decay_t<A>, std::remove_reference_t<Arg>*> &&
     std::is_pointer_v<std::decay_t<A>>);

template <typename Arg, typename A>
decltype(auto) Pass(A&& a) {
  if constexpr (std::is_convertible_v<A, Arg>) {
    return std::forward<A>(a);
  } else {
    return *a;
  }
}

template <typename Args, typename... As>
inline constexpr bool kPassAll = false;
template <typename... Args, typename... As>
requires(sizeof...(Args) ==
         sizeof...(As)) inline constexpr bool kPassAll<std::tuple<Args...>, As...> =
    (kPasses<As, Args> && ...);

}  // namespace internal

// A function that changes its last argument, the target; those before it tell what for: mostly
// none, or a context and a client. An argument that may be missing is a pointer, any other a
// reference.
//
// An option is made of any function of these arguments, or of the target alone, that returns
// absl::Status or nothing; it may take each by reference or by pointer. Copies share nothing but
// what the function shares. Thread-safe if the function is.
template <typename... Args>
class Option {
 public:
  static_assert(sizeof...(Args) > 0, "an option has a target");

  // Does nothing.
  Option() = default;

  // Takes anything, so that the compiler says what is wrong with what is no option, rather than
  // that there is no such function.
  template <typename F>
  requires(!std::derived_from<std::remove_cvref_t<F>, Option> &&
           !internal::kHolds<std::remove_cvref_t<F>, Option>) Option(F&& f)
      : run_(Adapt(std::forward<F>(f))) {}  // NOLINT(google-explicit-constructor)

  absl::Status operator()(Args... args) const {
    return run_ == nullptr ? absl::OkStatus() : run_(std::forward<Args>(args)...);
  }

  // The same with pointers to the arguments, or to some; they must not be null.
  template <typename... As>
  requires internal::kPassAll<std::tuple<Args...>, As...> absl::Status operator()(
      As&&... as) const {
    return run_ == nullptr ? absl::OkStatus() : run_(internal::Pass<Args>(std::forward<As>(as))...);
  }

 private:
  using Function = std::function<absl::Status(Args...)>;

  template <typename F>
  static Function Adapt(F&& f) {
    using Decayed = std::decay_t<F>;
    constexpr bool takes = internal::FormOf<Decayed, Args...>() != internal::Form::kNone;
    static_assert(takes || !internal::kMakesOption<Decayed>,
                  "this option takes arguments: call it, as in WithPlatform(\"linux/arm64\")");
    static_assert(takes || !internal::kIsOption<Decayed>,
                  "this option is one of another call: its target is of another type");
    static_assert(
        takes || internal::kMakesOption<Decayed> || internal::kIsOption<Decayed>,
        "this is no option of this call: an option is one of its With... or a function of the "
        "same arguments, with the target as the last one, by reference or pointer");
    if constexpr (takes) {
      // Not of a reference to a function, which is never null: GCC warns of the question.
      if constexpr (internal::kIsStdFunction<Decayed> ||
                    std::is_pointer_v<std::remove_reference_t<F>>) {
        if (f == nullptr) return nullptr;
      }
      return [f = Decayed(std::forward<F>(f))](Args... args) mutable {
        return internal::Run<Decayed, Args...>(f, std::forward<Args>(args)...);
      };
    } else {
      return nullptr;
    }
  }

  Function run_;
};

// An option without arguments, to pass as it is or to call. The header declares it,
//
//   extern const option::Plain<RemoteOpt> WithPullUnpack;
//
// and the source file defines it as `constinit`, of a lambda without captures, so that it is there
// before any code runs.
template <typename... Args>
class Plain<Option<Args...>> {
 public:
  // Of a function object without state, as an option is made of.
  template <typename F>
  requires(std::is_empty_v<F>&& internal::FormOf<F, Args...>() !=
           internal::Form::kNone) constexpr explicit Plain(F /*f*/)
      : run_([](Args... args) -> absl::Status {
          F f;
          return internal::Run<F, Args...>(f, std::forward<Args>(args)...);
        }) {}

  Option<Args...> operator()() const { return run_; }

  // Applies it.
  absl::Status operator()(Args... args) const { return run_(std::forward<Args>(args)...); }
  template <typename... As>
  requires internal::kPassAll<std::tuple<Args...>, As...> absl::Status operator()(
      As&&... as) const {
    return run_(internal::Pass<Args>(std::forward<As>(as))...);
  }

 private:
  absl::Status (*run_)(Args...);
};

}  // namespace containerd::option

#endif  // CONTAINERD_OPTION_OPTION_H_
