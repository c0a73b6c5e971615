# The headers of takt, from the tree that this port lies in:
#   vcpkg install takt --overlay-ports=takt/cmake/vcpkg
# In a registry of your own, replace the next line with vcpkg_from_git() or the like.
cmake_path(SET SOURCE_PATH NORMALIZE "${CMAKE_CURRENT_LIST_DIR}/../../..")

set(VCPKG_BUILD_TYPE release) # headers alone
vcpkg_cmake_configure(SOURCE_PATH "${SOURCE_PATH}" OPTIONS -DTAKT_BUILD_TESTS=OFF -DTAKT_BUILD_TOOL=OFF -DTAKT_BUILD_C=OFF
  -DTAKT_BUILD_EXAMPLES=OFF -DTAKT_BUILD_BENCHMARKS=OFF)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup()
vcpkg_fixup_pkgconfig()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/lib")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
