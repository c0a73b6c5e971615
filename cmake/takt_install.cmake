# Installing, and being found: by find_package from an install or from this build tree, and by pkg-config.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(takt_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/takt)
install(TARGETS takt EXPORT takt-targets FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
# Not in a file set for modules: the promised CMake knows none, and a library that others only include builds nothing.
install(FILES include/takt/takt.cppm DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/takt)
install(EXPORT takt-targets NAMESPACE takt:: DESTINATION ${takt_cmake_dir})
export(EXPORT takt-targets NAMESPACE takt:: FILE takt-targets.cmake)

configure_file(cmake/takt-config.cmake.in takt-config.cmake COPYONLY)
write_basic_package_version_file(takt-config-version.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/takt-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/takt-config-version.cmake
  DESTINATION ${takt_cmake_dir})

# The .pc file finds its prefix from where it lies, so that `cmake --install --prefix` and a moved tree work. An absolute
# CMAKE_INSTALL_INCLUDEDIR is legal and stays as it is.
set(takt_pc_dir ${CMAKE_INSTALL_DATADIR}/pkgconfig)
if(IS_ABSOLUTE "${takt_pc_dir}")
  set(takt_pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH takt_pc_prefix "/${takt_pc_dir}" "/")
  set(takt_pc_prefix "\${pcfiledir}/${takt_pc_prefix}")
endif()
set(takt_pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(takt_pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file(cmake/takt.pc.in takt.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/takt.pc DESTINATION ${takt_pc_dir})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# takt_install_if_built(COMPONENT DIRECTORY TYPE FILE... [IF FILE]): installs what exists when it is installed. A person who
# wants the headers alone need not build the tool; what was not built leaves no empty folder either. IF names the file that
# decides, where it is not the first of those that are installed.
function(takt_install_if_built component directory type)
  cmake_parse_arguments(PARSE_ARGV 3 arg "" "IF" "")
  list(TRANSFORM arg_UNPARSED_ARGUMENTS PREPEND "${CMAKE_CURRENT_BINARY_DIR}/" REGEX "^[^/$]")
  if(NOT arg_IF)
    list(GET arg_UNPARSED_ARGUMENTS 0 arg_IF)
  endif()
  if(NOT IS_ABSOLUTE "${directory}")
    set(directory "\${CMAKE_INSTALL_PREFIX}/${directory}")
  endif()
  list(JOIN arg_UNPARSED_ARGUMENTS "\" \"" files)
  install(CODE "if(EXISTS \"${arg_IF}\")
  file(INSTALL DESTINATION \"${directory}\" TYPE ${type} FILES \"${files}\")
endif()" COMPONENT ${component})
endfunction()
