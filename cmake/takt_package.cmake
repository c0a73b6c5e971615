# The Debian package of what was built: `cpack -G DEB --config build/quick/CPackConfig.cmake` after a build. It holds what
# `cmake --install` installs: the headers, the tool with its manual page, the C library.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME takt)
set(CPACK_PACKAGE_CONTACT "the takt authors <takt@example.org>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DESCRIPTION "takt reads time at the cost of one instruction and states the error of that reading. Programs
that sleep and run timers with it do so on a grid that all processes of the machine share, so that they wake up together.
This package has the headers for C++20, a library for C, and a command-line tool that shows what the timekeeping of a
machine does.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)      # by dpkg-shlibdeps, of dpkg-dev
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON) # programs that link libtakt_c depend on this package
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ
  WORLD_EXECUTE)
include(CPack)
