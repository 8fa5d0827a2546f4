# SPDX-License-Identifier: Apache-2.0
# The installed libraries. All packages but the EXTRA ones together are
#
#   containerd::client          libcontainerd-client.so
#   containerd::client-static   libcontainerd-client.a
#
# and each EXTRA package is a library on top of it: containerd::supervisor and
# containerd::supervisor-static. With them are installed the public headers, the generated ones
# (below include/containerd-cpp, where they meet nobody else's), a package config and a .pc file.

include(CMakePackageConfigHelpers)

set(_include_dir "${CMAKE_INSTALL_INCLUDEDIR}")
set(_proto_include_dir "${CMAKE_INSTALL_INCLUDEDIR}/containerd-cpp")
set(_config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/containerd-cpp")

# What public headers mention; anything else is the library's own business.
set(_public_libs gRPC::grpc++ protobuf::libprotobuf absl::status absl::statusor absl::strings absl::cord absl::time
                 absl::span)

# Adds to <out> what the packages <packages> link besides each other.
function(_containerd_collect_libs out packages)
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
  set(${out} "${result}" PARENT_SCOPE)
endfunction()

# _containerd_library(<name> <package>... ): lib<containerd-name> as containerd::<name>, shared and static.
function(_containerd_library name packages public_libs private_libs)
  foreach(package IN LISTS packages)
    list(APPEND objects $<TARGET_OBJECTS:${package}>)
  endforeach()
  foreach(kind IN ITEMS SHARED STATIC)
    set(target containerd_${name})
    set(export_name ${name})
    if(kind STREQUAL STATIC)
      string(APPEND target _static)
      string(APPEND export_name -static)
    endif()
    add_library(${target} ${kind} ${objects})
    add_library(containerd::${export_name} ALIAS ${target})
    list(TRANSFORM public_libs REPLACE "^containerd::client$" "containerd::client$<$<STREQUAL:${kind},STATIC>:-static>"
         OUTPUT_VARIABLE public)
    target_link_libraries(${target} PUBLIC ${public} PRIVATE ${private_libs})
    target_include_directories(
      ${target}
      PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${CONTAINERD_PROTO_INCLUDE_DIR}>
             $<INSTALL_INTERFACE:${_include_dir}> $<INSTALL_INTERFACE:${_proto_include_dir}>)
    target_compile_features(${target} PUBLIC cxx_std_20)
    # The interface of a pre-release may change with each minor version.
    set_target_properties(
      ${target}
      PROPERTIES OUTPUT_NAME containerd-${name}
                 EXPORT_NAME ${export_name}
                 LINKER_LANGUAGE CXX
                 VERSION ${PROJECT_VERSION}
                 SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
    if(kind STREQUAL SHARED)
      target_link_options(${target} PRIVATE -Wl,--no-undefined)
      set(export containerd-cppTargets)
    else()
      set(export containerd-cppStaticTargets)
    endif()
    install(TARGETS ${target} EXPORT ${export} LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
            ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  endforeach()
endfunction()

get_property(_packages GLOBAL PROPERTY CONTAINERD_PACKAGES)
_containerd_collect_libs(_all_libs "${_packages}")
set(_private_libs ${_all_libs})
list(REMOVE_ITEM _private_libs ${_public_libs})
_containerd_library(client "${_packages}" "${_public_libs}" "${_private_libs}")

get_property(_extra_packages GLOBAL PROPERTY CONTAINERD_EXTRA_PACKAGES)
foreach(_package IN LISTS _extra_packages)
  string(REGEX REPLACE "^pkg_" "" _name ${_package})
  _containerd_collect_libs(_libs "${_package}")
  list(REMOVE_ITEM _libs ${_public_libs})
  list(APPEND _private_libs ${_libs})
  _containerd_library(${_name} "${_package}" containerd::client "${_libs}")
endforeach()
list(REMOVE_DUPLICATES _private_libs)

# The package config looks for what the libraries link: find_package for ns::target, and a .pc file
# for PkgConfig::PREFIX.
function(_containerd_find_calls out_calls out_modules)
  set(calls "")
  set(modules "")
  set(seen "")
  foreach(lib IN LISTS ARGN)
    if(lib MATCHES "^PkgConfig::(.*)$")
      set(prefix ${CMAKE_MATCH_1})
      set(module "${${prefix}_MODULE_NAME}")
      string(APPEND calls "find_dependency(PkgConfig)\n"
                          "pkg_check_modules(${prefix} REQUIRED QUIET IMPORTED_TARGET ${module})\n")
      list(APPEND modules ${module})
    elseif(lib MATCHES "^([^:]+)::")
      string(REPLACE protobuf Protobuf package ${CMAKE_MATCH_1})
      if(NOT package IN_LIST seen)
        string(APPEND calls "find_dependency(${package})\n")
        list(APPEND seen ${package})
      endif()
    endif()
  endforeach()
  set(${out_calls} "${calls}" PARENT_SCOPE)
  set(${out_modules} "${modules}" PARENT_SCOPE)
endfunction()
_containerd_find_calls(CONTAINERD_FIND_PUBLIC _ignored ${_public_libs})
_containerd_find_calls(CONTAINERD_FIND_PRIVATE CONTAINERD_PC_PRIVATE ${_private_libs})
foreach(_lib IN LISTS _private_libs)
  if(_lib MATCHES "^OpenSSL::")
    list(APPEND CONTAINERD_PC_PRIVATE openssl)
  elseif(_lib MATCHES "^CURL::")
    list(APPEND CONTAINERD_PC_PRIVATE libcurl)
  elseif(_lib MATCHES "^LibArchive::")
    list(APPEND CONTAINERD_PC_PRIVATE libarchive)
  elseif(_lib MATCHES "^ZLIB::")
    list(APPEND CONTAINERD_PC_PRIVATE zlib)
  elseif(_lib MATCHES "^(fmt|spdlog|tomlplusplus)::")
    list(APPEND CONTAINERD_PC_PRIVATE ${CMAKE_MATCH_1})
  endif()
endforeach()
list(REMOVE_DUPLICATES CONTAINERD_PC_PRIVATE)
list(JOIN CONTAINERD_PC_PRIVATE ", " CONTAINERD_PC_PRIVATE)

configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/containerd-cppConfig.cmake.in" "${PROJECT_BINARY_DIR}/containerd-cppConfig.cmake"
  INSTALL_DESTINATION "${_config_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/containerd-cppConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
# Relative, so that an installation can be moved.
file(RELATIVE_PATH CONTAINERD_PC_TO_PREFIX "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
string(REGEX REPLACE "/$" "" CONTAINERD_PC_TO_PREFIX "${CONTAINERD_PC_TO_PREFIX}")
configure_file("${PROJECT_SOURCE_DIR}/cmake/containerd-cpp.pc.in" "${PROJECT_BINARY_DIR}/containerd-cpp.pc" @ONLY)

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/containerd" DESTINATION "${_include_dir}")
install(
  DIRECTORY "${CONTAINERD_PROTO_INCLUDE_DIR}/"
  DESTINATION "${_proto_include_dir}"
  FILES_MATCHING
  PATTERN "*.pb.h"
  PATTERN "*_mock.grpc.pb.h" EXCLUDE)
install(FILES "${PROJECT_BINARY_DIR}/containerd-cppConfig.cmake"
              "${PROJECT_BINARY_DIR}/containerd-cppConfigVersion.cmake" DESTINATION "${_config_dir}")
install(EXPORT containerd-cppTargets NAMESPACE containerd:: DESTINATION "${_config_dir}")
install(EXPORT containerd-cppStaticTargets NAMESPACE containerd:: DESTINATION "${_config_dir}")
install(FILES "${PROJECT_BINARY_DIR}/containerd-cpp.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
