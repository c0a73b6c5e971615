# The target takt_reference: the public headers as HTML in reference/html of the build tree, made by doxygen.
find_program(TAKT_DOXYGEN doxygen)
mark_as_advanced(TAKT_DOXYGEN)
configure_file(${PROJECT_SOURCE_DIR}/cmake/reference.doxyfile.in reference/doxyfile @ONLY)
if(TAKT_DOXYGEN)
  add_custom_target(takt_reference
    COMMAND ${TAKT_DOXYGEN} ${PROJECT_BINARY_DIR}/reference/doxyfile
    COMMAND ${CMAKE_COMMAND} -E echo "takt: the reference is ${PROJECT_BINARY_DIR}/reference/html/index.html"
    VERBATIM)
else()
  add_custom_target(takt_reference
    COMMAND ${CMAKE_COMMAND} -E echo "takt: the reference needs doxygen (Debian, Ubuntu: apt-get install doxygen)"
    COMMAND ${CMAKE_COMMAND} -E false
    VERBATIM)
endif()
