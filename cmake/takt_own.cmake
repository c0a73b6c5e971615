# What takt's own programs are built with. None of it is exported: a user's warnings are the user's.
include_guard()

add_library(takt_own INTERFACE)
target_link_libraries(takt_own INTERFACE takt::takt)
target_compile_options(takt_own INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 sees overlapping copies in std::string's operator+ and assign (https://gcc.gnu.org/PR105651).
  target_compile_options(takt_own INTERFACE -Wno-restrict)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 22)
  # doctest and Google Benchmark use __COUNTER__, which clang 22 calls an extension.
  target_compile_options(takt_own INTERFACE -Wno-c2y-extensions)
endif()
if(TAKT_SANITIZE)
  target_compile_options(takt_own INTERFACE -fsanitize=${TAKT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  target_link_options(takt_own INTERFACE -fsanitize=${TAKT_SANITIZE})
endif()

# takt_has(RESULT PART PACKAGE...): whether all packages are installed or may be fetched; where not, says that PART stays out.
function(takt_has result part)
  set(${result} TRUE PARENT_SCOPE)
  foreach(name IN LISTS ARGN)
    find_package(${name} QUIET)
    if(NOT ${name}_FOUND AND NOT TAKT_FETCH_DEPENDENCIES)
      message(STATUS "takt: without ${part}: ${name} was not found (Debian, Ubuntu: see cmake/packages.sh)")
      set(${result} FALSE PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

# takt_dependency(NAME TARGET [FetchContent arguments...]): an installed package first, the network only on request.
function(takt_dependency name target)
  if(TARGET ${target})
    return()
  endif()
  find_package(${name} QUIET)
  if(TARGET ${target})
    set_target_properties(${target} PROPERTIES IMPORTED_GLOBAL TRUE)
    return()
  endif()
  if(NOT TAKT_FETCH_DEPENDENCIES)
    message(FATAL_ERROR "takt: ${name} was not found. Install it (Debian, Ubuntu: see cmake/packages.sh), or configure with "
      "-DTAKT_FETCH_DEPENDENCIES=ON to download it.")
  endif()
  include(FetchContent)
  FetchContent_Declare(${name} ${ARGN})
  FetchContent_MakeAvailable(${name})
endfunction()
