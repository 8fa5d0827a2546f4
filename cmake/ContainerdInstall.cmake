# SPDX-License-Identifier: Apache-2.0
# The installed libraries: one a component, shared and static.
#
#   containerd::core        libcontainerd-core        what talks to the daemon, and all that needs no more
#   containerd::registry    libcontainerd-registry    pulls, pushes and the resolvers
#   containerd::cdi         libcontainerd-cdi         device files of CDI
#   containerd::supervisor  libcontainerd-supervisor  private daemons
#   containerd::libcontainerd  libcontainerd-libcontainerd  containers for an engine
#   containerd::cri         libcontainerd-cri         what containerd's CRI plugin is made of
#   containerd::cri-client  libcontainerd-cri-client  typed clients of CRI
#   containerd::client      the first three together
#   containerd::testing     libcontainerd-testing     for users' tests; static only, as GoogleTest is
#
# and each again as containerd::<name>-static, and core as containerd::core-standalone, with what it is built
# on. With them are installed the public headers, the generated
# ones (below include/containerd-cpp, where they meet nobody else's), a package config, and a .pc file
# for each. Each component can be installed alone (cmake --install --component): <name> is what programs
# need that run, <name>-dev what is needed to build them; packaging/ makes a .deb of each.

include(CMakePackageConfigHelpers)

set(_include_dir "${CMAKE_INSTALL_INCLUDEDIR}")
set(_proto_include_dir "${CMAKE_INSTALL_INCLUDEDIR}/containerd-cpp")
set(_config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/containerd-cpp")

# What public headers mention; anything else is the library's own business.
set(_public_libs gRPC::grpc++ protobuf::libprotobuf absl::status absl::statusor absl::strings absl::cord absl::time
                 absl::span)
# The components that each one needs.
set(_needs_core "")
set(_needs_registry core)
set(_needs_cdi core)
set(_needs_supervisor core)
set(_needs_libcontainerd core)
set(_needs_cri registry core)
set(_needs_cri-client core)
set(_about_core "containerd's stores, containers and tasks")
set(_about_registry "pulling and pushing images")
set(_about_cdi "devices of the Container Device Interface")
set(_about_supervisor "private containerd daemons")
set(_about_libcontainerd "containers for an engine")
set(_about_cri "what containerd's CRI plugin is made of")
set(_about_cri-client "typed clients of CRI")

# What the packages of <component> link besides each other, in <out>; not the public libraries.
function(_containerd_private_libs out component)
  get_property(packages GLOBAL PROPERTY CONTAINERD_PACKAGES_${component})
  set(result "")
  foreach(package IN LISTS packages)
    get_target_property(libs ${package} INTERFACE_LINK_LIBRARIES)
    foreach(lib IN LISTS libs)
      # PRIVATE ones stand as $<LINK_ONLY:...>.
      string(REGEX REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1" lib "${lib}")
      if(lib AND NOT lib MATCHES "^pkg_" AND NOT lib STREQUAL containerd_warnings)
        list(APPEND result "${lib}")
      endif()
    endforeach()
  endforeach()
  list(REMOVE_DUPLICATES result)
  list(REMOVE_ITEM result ${_public_libs})
  set(${out} "${result}" PARENT_SCOPE)
endfunction()

# Installs what find_package reads of containerd::<name>.
function(_containerd_export name component)
  # Each reads what its own name and a dash begin the name of.
  install(EXPORT containerd-cpp-${name} FILE containerd-cpp-${name}-targets.cmake NAMESPACE containerd::
          DESTINATION "${_config_dir}" COMPONENT ${component})
endfunction()

# Adds containerd::<component>, shared and static.
function(_containerd_library component)
  get_property(packages GLOBAL PROPERTY CONTAINERD_PACKAGES_${component})
  foreach(package IN LISTS packages)
    list(APPEND objects $<TARGET_OBJECTS:${package}>)
  endforeach()
  _containerd_private_libs(private_libs ${component})
  foreach(kind IN ITEMS SHARED STATIC)
    set(target containerd_${component})
    set(export_name ${component})
    set(needs ${_needs_${component}})
    list(TRANSFORM needs PREPEND containerd_)
    if(kind STREQUAL STATIC)
      string(APPEND target _static)
      string(APPEND export_name -static)
      list(TRANSFORM needs APPEND _static)
    endif()
    add_library(${target} ${kind} ${objects})
    add_library(containerd::${export_name} ALIAS ${target})
    set_property(GLOBAL APPEND PROPERTY CONTAINERD_LIBRARIES ${target})
    target_link_libraries(${target} PUBLIC ${needs} ${_public_libs} PRIVATE ${private_libs})
    target_include_directories(
      ${target}
      PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${CONTAINERD_PROTO_INCLUDE_DIR}>
             $<INSTALL_INTERFACE:${_include_dir}> $<INSTALL_INTERFACE:${_proto_include_dir}>)
    target_compile_features(${target} PUBLIC cxx_std_20)
    # The interface of a pre-release may change with each minor version.
    set_target_properties(
      ${target}
      PROPERTIES OUTPUT_NAME containerd-${component}
                 EXPORT_NAME ${export_name}
                 LINKER_LANGUAGE CXX
                 VERSION ${PROJECT_VERSION}
                 SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
    if(kind STREQUAL SHARED)
      set(map "${PROJECT_SOURCE_DIR}/cmake/containerd.map")
      target_link_options(${target} PRIVATE -Wl,--as-needed "-Wl,--version-script=${map}")
      set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS "${map}")
      # A program that loads the library pays for each relocation: the library's functions call one
      # another without a search for each name, and relative relocations are packed.
      if(CONTAINERD_HAVE_RELR)
        target_link_options(${target} PRIVATE -fuse-ld=bfd -Wl,-z,pack-relative-relocs
                            -Wl,-Bsymbolic-functions)
      endif()
      # clang's sanitizers have their runtime in the program.
      if(NOT CONTAINERD_SANITIZE AND NOT CONTAINERD_SANITIZE_LIBRARY)
        target_link_options(${target} PRIVATE -Wl,--no-undefined)
      endif()
      if(NOT component STREQUAL core)
        # What base has is shared by packages, not by libraries: each has its own copy of what it uses,
        # and shows it to nobody. The archive alone, without the packages that base needs: core has them.
        target_link_libraries(${target} PRIVATE $<TARGET_FILE:pkg_base>)
        target_link_options(${target} PRIVATE -Wl,--exclude-libs,libpkg_base.a)
        add_dependencies(${target} pkg_base)
      endif()
    endif()
    install(
      TARGETS ${target}
      EXPORT containerd-cpp-${export_name}
      LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT ${component} NAMELINK_COMPONENT ${component}-dev
      ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT ${component}-dev)
    _containerd_export(${export_name} ${component}-dev)
  endforeach()
endfunction()

# lld of Debian 12 packs them without telling the loader.
include(CheckLinkerFlag)
set(CONTAINERD_HAVE_RELR OFF)
if(NOT CONTAINERD_SANITIZE AND NOT CONTAINERD_SANITIZE_LIBRARY)
  check_linker_flag(CXX "-fuse-ld=bfd;-Wl,-z,pack-relative-relocs" CONTAINERD_LINKER_PACKS_RELOCATIONS)
  set(CONTAINERD_HAVE_RELR ${CONTAINERD_LINKER_PACKS_RELOCATIONS})
endif()

foreach(_component IN LISTS CONTAINERD_COMPONENTS)
  _containerd_library(${_component})
endforeach()
foreach(_suffix IN ITEMS "" -static)
  string(REPLACE - _ _target_suffix "${_suffix}")
  add_library(containerd_client${_target_suffix} INTERFACE)
  add_library(containerd::client${_suffix} ALIAS containerd_client${_target_suffix})
  set_target_properties(containerd_client${_target_suffix} PROPERTIES EXPORT_NAME client${_suffix})
  foreach(_component IN ITEMS core registry cdi)
    target_link_libraries(containerd_client${_target_suffix} INTERFACE containerd_${_component}${_target_suffix})
  endforeach()
  install(TARGETS containerd_client${_target_suffix} EXPORT containerd-cpp-client${_suffix})
  _containerd_export(client${_suffix} client-dev)
endforeach()
# A shared library would have a GoogleTest of its own.
if(CONTAINERD_BUILD_TESTING)
  get_property(_packages GLOBAL PROPERTY CONTAINERD_PACKAGES_testing)
  # Of base it has its own copy, as the other libraries have.
  list(TRANSFORM _packages REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>" OUTPUT_VARIABLE _objects)
  add_library(containerd_testing STATIC ${_objects} $<TARGET_OBJECTS:pkg_base>)
  add_library(containerd::testing ALIAS containerd_testing)
  set_property(GLOBAL APPEND PROPERTY CONTAINERD_LIBRARIES containerd_testing)
  # Tests want their kit to be built quickly: gmock's templates take a compiler minutes to optimize.
  foreach(_package IN LISTS _packages)
    target_compile_options(${_package} PRIVATE $<$<NOT:$<CONFIG:Debug>>:-O1>)
  endforeach()
  target_link_libraries(containerd_testing PUBLIC containerd_client containerd_supervisor fmt::fmt GTest::gmock
                                                  GTest::gtest)
  set_target_properties(containerd_testing PROPERTIES OUTPUT_NAME containerd-testing EXPORT_NAME testing
                                                      LINKER_LANGUAGE CXX)
  install(TARGETS containerd_testing EXPORT containerd-cpp-testing
          ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT testing-dev)
  _containerd_export(testing testing-dev)
endif()

# All that is installed, without the examples.
get_property(_libraries GLOBAL PROPERTY CONTAINERD_LIBRARIES)
add_custom_target(containerd_libraries DEPENDS ${_libraries})

# The package config looks for what the libraries link: find_package for ns::target, and a .pc file
# for PkgConfig::PREFIX, in <out_calls>. How the linker is told of them is in <out_flags>, for .pc files:
# not as Requires.private, for which everybody would need the .pc files of all, and which asks for the
# static form of what those are built on.
function(_containerd_find_calls out_calls out_flags)
  set(calls "")
  set(flags "")
  set(seen "")
  foreach(lib IN LISTS ARGN)
    if(lib MATCHES "^PkgConfig::(.*)$")
      set(prefix ${CMAKE_MATCH_1})
      string(APPEND calls "find_dependency(PkgConfig)\n"
                          "pkg_check_modules(${prefix} REQUIRED QUIET IMPORTED_TARGET ${${prefix}_MODULE_NAME})\n")
      list(APPEND flags ${${prefix}_LDFLAGS})
    elseif(lib MATCHES "^([^:]+)::(.*)$")
      set(namespace ${CMAKE_MATCH_1})
      set(target ${CMAKE_MATCH_2})
      string(REPLACE protobuf Protobuf package ${namespace})
      # The config has looked for RE2 already.
      if(NOT package IN_LIST seen AND NOT package STREQUAL re2)
        string(APPEND calls "find_dependency(${package})\n")
        list(APPEND seen ${package})
      endif()
      if(lib STREQUAL OpenSSL::Crypto)
        list(APPEND flags -lcrypto)
      elseif(lib STREQUAL OpenSSL::SSL)
        list(APPEND flags -lssl)
      elseif(lib STREQUAL CURL::libcurl)
        list(APPEND flags -lcurl)
      elseif(lib STREQUAL ZLIB::ZLIB)
        list(APPEND flags -lz)
      elseif(lib STREQUAL re2::re2)
        list(APPEND flags -lre2)
      elseif(lib STREQUAL Threads::Threads)
        list(APPEND flags -pthread)
      elseif(namespace MATCHES "^(fmt|spdlog)$")
        list(APPEND flags -l${namespace})
      endif()
    endif()
  endforeach()
  list(REMOVE_DUPLICATES flags)
  # spdlog is built on it.
  if("-lfmt" IN_LIST flags)
    list(REMOVE_ITEM flags -lfmt)
    list(APPEND flags -lfmt)
  endif()
  set(${out_calls} "${calls}" PARENT_SCOPE)
  set(${out_flags} "${flags}" PARENT_SCOPE)
endfunction()

# Appends to <out> what is linked with <lib> and it last, so that <out> reversed is a linker's order.
function(_containerd_walk out lib)
  string(REGEX REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1" lib "${lib}")
  # Other conditions are of builds, not of programs.
  if(NOT lib OR lib MATCHES "\\$<" OR lib IN_LIST ${out})
    return()
  endif()
  set(walked ${${out}})
  if(TARGET ${lib})
    get_target_property(libs ${lib} INTERFACE_LINK_LIBRARIES)
    # Backwards, for the list is reversed.
    if(libs)
      list(REVERSE libs)
      foreach(next IN LISTS libs)
        _containerd_walk(walked "${next}")
      endforeach()
    endif()
  endif()
  set(${out} ${walked} "${lib}" PARENT_SCOPE)
endfunction()

# How the linker is told of the library of the target <lib>, in <out>: nothing for headers alone.
function(_containerd_link_flags out lib)
  get_target_property(file ${lib} IMPORTED_LOCATION)
  get_target_property(configs ${lib} IMPORTED_CONFIGURATIONS)
  foreach(config IN LISTS configs)
    if(config AND NOT file)
      get_target_property(file ${lib} IMPORTED_LOCATION_${config})
    endif()
  endforeach()
  set(flags "")
  if(file MATCHES "^(.*)/lib([^/]+)\\.(so|a)[0-9.]*$")
    set(folder "${CMAKE_MATCH_1}")
    set(flags -l${CMAKE_MATCH_2})
    if(NOT folder IN_LIST CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES)
      list(PREPEND flags "-L${folder}")
    endif()
  endif()
  set(${out} "${flags}" PARENT_SCOPE)
endfunction()

# The flags for what public headers mention, and all that it is linked with: as flags, because the .pc
# files of gRPC and abseil name dozens of others each, every one of which pkgconf before 2.0 reads again
# on each path to it, for seconds to minutes. <out_libs> has the libraries that programs call by inline
# functions, <out_private> what these are built on.
function(_containerd_public_flags out_cflags out_libs out_private)
  set(walked "")
  set(libs ${ARGN})
  list(REVERSE libs)
  foreach(lib IN LISTS libs)
    _containerd_walk(walked "${lib}")
  endforeach()
  list(REVERSE walked)
  set(cflags "")
  set(public "")
  set(private "")
  foreach(lib IN LISTS walked)
    if(NOT TARGET ${lib})
      if(lib MATCHES "^[-/]")
        string(REPLACE " " ";" flags "${lib}")
      else()
        set(flags -l${lib})
      endif()
      list(APPEND private ${flags})
      continue()
    endif()
    _containerd_link_flags(flags ${lib})
    if(lib MATCHES "^(gRPC|protobuf|absl|utf8_range)::")
      list(APPEND public ${flags})
    else()
      list(APPEND private ${flags})
      continue()
    endif()
    get_target_property(folders ${lib} INTERFACE_INCLUDE_DIRECTORIES)
    foreach(folder IN LISTS folders)
      if(folder AND NOT folder MATCHES "\\$<" AND NOT folder IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
        list(APPEND cflags "-I${folder}")
      endif()
    endforeach()
    get_target_property(words ${lib} INTERFACE_COMPILE_DEFINITIONS)
    foreach(word IN LISTS words)
      if(word AND NOT word MATCHES "\\$<")
        list(APPEND cflags "-D${word}")
      endif()
    endforeach()
  endforeach()
  foreach(list IN ITEMS cflags public private)
    list(REMOVE_DUPLICATES ${list})
  endforeach()
  set(${out_cflags} "${cflags}" PARENT_SCOPE)
  set(${out_libs} "${public}" PARENT_SCOPE)
  set(${out_private} "${private}" PARENT_SCOPE)
endfunction()

# Relative, so that an installation can be moved.
file(RELATIVE_PATH CONTAINERD_PC_TO_PREFIX "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
string(REGEX REPLACE "/$" "" CONTAINERD_PC_TO_PREFIX "${CONTAINERD_PC_TO_PREFIX}")

# _containerd_pc(<file> <component> <about> <libs> <requires> <private flags> [<cflag>...])
function(_containerd_pc name component about libs requires private)
  set(CONTAINERD_PC_NAME ${name})
  set(CONTAINERD_PC_ABOUT "${about}")
  set(CONTAINERD_PC_LIBS "${libs}")
  list(JOIN requires ", " CONTAINERD_PC_REQUIRES)
  list(JOIN private " " CONTAINERD_PC_PRIVATE)
  string(JOIN " " CONTAINERD_PC_CFLAGS "-I\${includedir} -I\${includedir}/containerd-cpp" ${ARGN})
  configure_file("${PROJECT_SOURCE_DIR}/cmake/containerd-cpp.pc.in" "${PROJECT_BINARY_DIR}/${name}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${name}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig"
          COMPONENT ${component})
endfunction()

_containerd_public_flags(_public_cflags _public_flags _below_flags ${_public_libs})
set(CONTAINERD_FIND_STATIC "")
foreach(_component IN LISTS CONTAINERD_COMPONENTS)
  _containerd_private_libs(_libs ${_component})
  _containerd_find_calls(_calls _flags ${_libs})
  string(REGEX REPLACE "([^\n]+\n)" "    \\1" _calls "${_calls}")
  string(APPEND CONTAINERD_FIND_STATIC "  if(containerd-cpp_${_component}_FOUND)\n${_calls}  endif()\n")
  set(_requires ${_needs_${_component}})
  list(TRANSFORM _requires PREPEND containerd-cpp-)
  set(_link "-L\${libdir}" -lcontainerd-${_component})
  set(_cflags "")
  # All others need core.
  if(_component STREQUAL core)
    list(APPEND _link ${_public_flags})
    # Of an archive's two places the last counts.
    list(APPEND _flags ${_below_flags})
    list(REVERSE _flags)
    list(REMOVE_DUPLICATES _flags)
    list(REVERSE _flags)
    set(_cflags ${_public_cflags})
    set(_names ${_public_flags} ${_flags} -lpthread)
    list(FILTER _names INCLUDE REGEX "^-l")
    list(TRANSFORM _names REPLACE "^-l" "")
    list(JOIN _names " " CONTAINERD_STANDALONE_LIBS)
    configure_file("${PROJECT_SOURCE_DIR}/cmake/containerd-cpp-standalone.cmake.in"
                   "${PROJECT_BINARY_DIR}/containerd-cpp-standalone.cmake" @ONLY)
  endif()
  list(JOIN _link " " _link)
  _containerd_pc(containerd-cpp-${_component} ${_component}-dev "${_about_${_component}}" "${_link}"
                 "${_requires}" "${_flags}" ${_cflags})
endforeach()
if(CONTAINERD_BUILD_TESTING)
  _containerd_pc(containerd-cpp-testing testing-dev "for tests with GoogleTest" "-L\${libdir} -lcontainerd-testing"
                 "containerd-cpp;containerd-cpp-supervisor;gmock;fmt" "")
endif()
_containerd_pc(containerd-cpp client-dev "core, registry and cdi together" ""
               "containerd-cpp-registry;containerd-cpp-cdi;containerd-cpp-core" "")
_containerd_find_calls(CONTAINERD_FIND_PUBLIC _ignored ${_public_libs})
list(JOIN CONTAINERD_COMPONENTS " " CONTAINERD_COMPONENTS_IN_ORDER)

configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/containerd-cppConfig.cmake.in" "${PROJECT_BINARY_DIR}/containerd-cppConfig.cmake"
  INSTALL_DESTINATION "${_config_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/containerd-cppConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)

# A header belongs to the component of its package, whose path its own begins with; but the one that
# includes those of several components to containerd::client.
file(GLOB_RECURSE _headers CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}/include/containerd"
     "${PROJECT_SOURCE_DIR}/include/containerd/*.h")
foreach(_header IN LISTS _headers)
  string(REGEX REPLACE "\\.h$" "" _path "${_header}")
  set(_component "")
  while(_path AND NOT _component)
    get_property(_component GLOBAL PROPERTY CONTAINERD_COMPONENT_OF_${_path})
    get_filename_component(_path "${_path}" DIRECTORY)
  endwhile()
  if(_header STREQUAL "containerd.h")
    set(_component client)
  elseif(NOT _component AND _header MATCHES "^testing/")
    continue()
  elseif(NOT _component)
    set(_component core)
  endif()
  get_filename_component(_folder "${_header}" DIRECTORY)
  install(FILES "${PROJECT_SOURCE_DIR}/include/containerd/${_header}"
          DESTINATION "${_include_dir}/containerd/${_folder}"
          COMPONENT ${_component}-dev)
endforeach()
set(_proto_package "")
if(CONTAINERD_PROTO_PACKAGE)
  set(_proto_package "/${CONTAINERD_PROTO_PACKAGE}")
endif()
# CRI's messages are in runtime/v1.
install(
  DIRECTORY "${CONTAINERD_PROTO_INCLUDE_DIR}/"
  DESTINATION "${_proto_include_dir}"
  COMPONENT core-dev
  FILES_MATCHING
  PATTERN "*.pb.h"
  PATTERN "*_mock.grpc.pb.h" EXCLUDE
  REGEX "/proto${_proto_package}/runtime$" EXCLUDE)
install(
  DIRECTORY "${CONTAINERD_PROTO_INCLUDE_DIR}${_proto_package}/runtime"
  DESTINATION "${_proto_include_dir}${_proto_package}"
  COMPONENT cri-client-dev
  FILES_MATCHING
  PATTERN "*.pb.h"
  PATTERN "*_mock.grpc.pb.h" EXCLUDE)
install(FILES "${PROJECT_BINARY_DIR}/containerd-cppConfig.cmake"
              "${PROJECT_BINARY_DIR}/containerd-cppConfigVersion.cmake"
              "${PROJECT_BINARY_DIR}/containerd-cpp-standalone.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/ContainerdRe2.cmake" DESTINATION "${_config_dir}"
        COMPONENT core-dev)
