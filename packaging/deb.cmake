# SPDX-License-Identifier: Apache-2.0
# What `cpack -G DEB` makes: for each component libcontainerd-cpp-<component>0.1, what programs need that
# run, and libcontainerd-cpp-<component>-dev, what is needed to build them; libcontainerd-cpp-dev for
# containerd::client, with containerd/containerd.h; libcontainerd-cpp-testing-dev. packaging/debs.sh builds
# them as Debian has its paths, and packaging/check-debs.sh installs them on a Debian of their own.

set(_abi ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
set(_release 1)
set(_version "${PROJECT_VERSION}-${_release}")
set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_CONTACT "containerd-cpp maintainers <maintainers@containerd-cpp.invalid>")
set(CPACK_DEBIAN_PACKAGE_RELEASE ${_release})
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SOURCE containerd-cpp)
# What is not in a folder of the architecture's own is the same for all. cpack knows the word from 3.31 on,
# and packaging/debs.sh writes it where an older one has not.
set(CPACK_DEBIAN_PACKAGE_MULTIARCH same)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
                                                WORLD_READ WORLD_EXECUTE)
# Programs depend on the release that they were built with, or a later one of the same interface.
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${PROJECT_BINARY_DIR}")
set(CPACK_COMPONENTS_ALL "")
# Each package has its own.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")

# What headers of core need (and gRPC's package config, which asks for its compiler plugins), and what the
# static libraries are built on.
set(_dev_core "libgrpc++-dev, libprotobuf-dev, libabsl-dev, protobuf-compiler-grpc")
set(_static_core "libfmt-dev, libspdlog-dev, libssl-dev, libre2-dev, libisal-dev, libzstd-dev, zlib1g-dev, pkgconf")
set(_static_registry "libcurl4-openssl-dev")
set(_static_cdi "libyaml-dev")
set(_about "This library mirrors containerd's Go client name for name, for programs that
run containers, pull and push images, and follow what a daemon does, without
a thread for each wait.")

# _containerd_deb(<component> <package> <section> <depends> <summary> <what it is>)
function(_containerd_deb component package section depends summary what)
  string(TOUPPER ${component} upper)
  list(APPEND CPACK_COMPONENTS_ALL ${component})
  set(CPACK_COMPONENTS_ALL "${CPACK_COMPONENTS_ALL}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${package} PARENT_SCOPE)
  set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section} PARENT_SCOPE)
  set(CPACK_DEBIAN_${upper}_PACKAGE_DEPENDS "${depends}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${upper}_DESCRIPTION "${summary}\n${_about}\n\n${what}" PARENT_SCOPE)
  # Only where components are installed by name, as cpack does it.
  set(doc "${CMAKE_INSTALL_DATAROOTDIR}/doc/${package}")
  install(FILES "${PROJECT_SOURCE_DIR}/packaging/copyright" DESTINATION ${doc} COMPONENT ${component}
          EXCLUDE_FROM_ALL)
  install(FILES "${PROJECT_BINARY_DIR}/packaging/changelog.Debian.gz" DESTINATION ${doc} COMPONENT ${component}
          EXCLUDE_FROM_ALL)
  file(STRINGS "${PROJECT_SOURCE_DIR}/packaging/lintian-overrides" overrides REGEX "^[a-z]")
  set(kind dev)
  if(section STREQUAL libs)
    set(kind library)
  endif()
  set(text "")
  foreach(line IN LISTS overrides)
    if(line MATCHES "^${kind}: (.*)$")
      string(APPEND text "${package}: ${CMAKE_MATCH_1}\n")
    endif()
  endforeach()
  if(text)
    file(WRITE "${PROJECT_BINARY_DIR}/packaging/${package}" "${text}")
    install(FILES "${PROJECT_BINARY_DIR}/packaging/${package}"
            DESTINATION "${CMAKE_INSTALL_DATAROOTDIR}/lintian/overrides" COMPONENT ${component} EXCLUDE_FROM_ALL)
  endif()
endfunction()

set(CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS ${CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS})
find_program(CONTAINERD_GZIP gzip REQUIRED)
file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/packaging")
execute_process(COMMAND "${CONTAINERD_GZIP}" -9nc "${PROJECT_SOURCE_DIR}/packaging/changelog"
                OUTPUT_FILE "${PROJECT_BINARY_DIR}/packaging/changelog.Debian.gz" COMMAND_ERROR_IS_FATAL ANY)

foreach(_component IN LISTS CONTAINERD_COMPONENTS)
  string(TOUPPER ${_component} _upper)
  set(_library libcontainerd-cpp-${_component}${_abi})
  set(_depends "")
  set(_dev_depends "${_library} (= ${_version})")
  foreach(_need IN LISTS _needs_${_component})
    # They share internals, which no release promises to keep.
    list(APPEND _depends "libcontainerd-cpp-${_need}${_abi} (= ${_version})")
    string(APPEND _dev_depends ", libcontainerd-cpp-${_need}-dev (= ${_version})")
  endforeach()
  if(_dev_${_component})
    string(APPEND _dev_depends ", ${_dev_${_component}}")
  endif()
  list(JOIN _depends ", " _depends)
  _containerd_deb(${_component} ${_library} libs "${_depends}" "C++ client library for containerd, ${_component}"
                  "This package has the library ${_component}:\n${_about_${_component}}.")
  set(CPACK_DEBIAN_${_upper}_PACKAGE_SHLIBDEPS ON)
  set(CPACK_DEBIAN_${_upper}_PACKAGE_CONTROL_EXTRA "${PROJECT_SOURCE_DIR}/packaging/triggers")
  _containerd_deb(
    ${_component}-dev libcontainerd-cpp-${_component}-dev libdevel "${_dev_depends}"
    "C++ client library for containerd, ${_component}, development files"
    "This package has what programs are built with that use it:\n${_about_${_component}}.")
  set(CPACK_DEBIAN_${_upper}-DEV_PACKAGE_RECOMMENDS "${_static_${_component}}")
endforeach()
set(_dev_depends "")
foreach(_component IN ITEMS core registry cdi)
  list(APPEND _dev_depends "libcontainerd-cpp-${_component}-dev (= ${_version})")
endforeach()
list(JOIN _dev_depends ", " _dev_depends)
_containerd_deb(client-dev libcontainerd-cpp-dev libdevel "${_dev_depends}"
                "C++ client library for containerd, development files"
                "This package brings the development files of core, registry and cdi together.")
if(CONTAINERD_BUILD_TESTING)
  _containerd_deb(testing-dev libcontainerd-cpp-testing-dev libdevel
                  "libcontainerd-cpp-dev (= ${_version}), libcontainerd-cpp-supervisor-dev (= ${_version}), libgtest-dev, libgmock-dev, libfmt-dev"
                  "C++ client library for containerd, for tests of programs that use it"
                  "This package has a daemon in memory, fixtures, mocks and matchers for gtest.")
endif()
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
include(CPack)
