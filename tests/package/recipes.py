"""recipes.py SOURCE CMAKE GENERATOR COMPILER: the vcpkg port and the Conan recipe, as far as they can be tried without vcpkg and
Conan: their versions are that of takt, and what they would package are the headers and the licence. Stand-ins take the place of
the functions that the two tools offer to recipes."""
import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import types

source, cmake, generator, compiler = sys.argv[1:]
config = open(os.path.join(source, "include/takt/core/config.hpp")).read()
version = ".".join(re.findall(r"^#define TAKT_VERSION_[A-Z]+ (\d+)$", config, re.M))
failures = 0


def check(what, is_true):
    global failures
    if not is_true:
        failures += 1
        print("not so:", what)


def headers_under(directory):
    return sorted(os.path.relpath(os.path.join(at, f), directory) for at, _, files in os.walk(directory) for f in files
                  if f.endswith((".hpp", ".cppm")))


wanted = headers_under(os.path.join(source, "include"))
check("the tree has headers", len(wanted) > 50)

# vcpkg
port = os.path.join(source, "cmake/vcpkg/takt")
manifest = json.load(open(os.path.join(port, "vcpkg.json")))
check("the port has the version of takt, " + version, manifest["version"] == version)
check("the port's name is that of its directory", manifest["name"] == os.path.basename(port))
for name in ("description", "license", "supports"):
    check("the manifest says its " + name, manifest.get(name))
used = set(re.findall(r"^(vcpkg_[a-z_]+)\(", open(os.path.join(port, "portfile.cmake")).read(), re.M))
helpers = {"vcpkg-cmake": {"vcpkg_cmake_configure", "vcpkg_cmake_install"}, "vcpkg-cmake-config": {"vcpkg_cmake_config_fixup"},
           None: {"vcpkg_fixup_pkgconfig", "vcpkg_install_copyright"}}
depends = {d["name"] for d in manifest["dependencies"]} | {None}
for name in used:
    check(name + " is of a dependency", any(name in functions for helper, functions in helpers.items() if helper in depends))
with tempfile.TemporaryDirectory() as work:
    script = os.path.join(work, "stand_in.cmake")
    open(script, "w").write(f"""
function(vcpkg_cmake_configure)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "SOURCE_PATH" "OPTIONS")
  execute_process(COMMAND "{cmake}" -S ${{arg_SOURCE_PATH}} -B "{work}/build" -G "{generator}" "-DCMAKE_CXX_COMPILER={compiler}"
    -DCMAKE_INSTALL_LIBDIR=lib ${{arg_OPTIONS}} OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endfunction()
function(vcpkg_cmake_install)
  execute_process(COMMAND "{cmake}" --install "{work}/build" --prefix "{work}/package" OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endfunction()
function(vcpkg_cmake_config_fixup)
  file(RENAME "{work}/package/lib/cmake/takt" "{work}/package/share/takt")
endfunction()
function(vcpkg_fixup_pkgconfig)
endfunction()
function(vcpkg_install_copyright)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "FILE_LIST")
  file(COPY_FILE "${{arg_FILE_LIST}}" "{work}/package/share/takt/copyright")
endfunction()
set(CURRENT_PACKAGES_DIR "{work}/package")
include("{port}/portfile.cmake")
""")
    check("the portfile runs", subprocess.run([cmake, "-P", script]).returncode == 0)
    check("it installs the headers", headers_under(os.path.join(work, "package/include")) == wanted)
    check("it installs the licence", os.path.exists(os.path.join(work, "package/share/takt/copyright")))
    check("it installs no library", not os.path.exists(os.path.join(work, "package/lib")))
    check("find_package finds it", os.path.exists(os.path.join(work, "package/share/takt/takt-config.cmake")))


# Conan
def module(name, **members):
    made = types.ModuleType(name)
    made.__dict__.update(members)
    sys.modules[name] = made


def copy(recipe, pattern, src, dst):
    for at, _, files in os.walk(src):
        if ".git" in at.split(os.sep) or "build" in os.path.relpath(at, src).split(os.sep):
            continue
        for f in files:
            path = os.path.relpath(os.path.join(at, f), src)
            if fnmatch.fnmatch(path, pattern):
                os.makedirs(os.path.dirname(os.path.join(dst, path)), exist_ok=True)
                shutil.copy(os.path.join(at, f), os.path.join(dst, path))


class Anything:
    def __getattr__(self, name):
        return lambda *arguments: None


module("conan", ConanFile=object)
module("conan.tools")
module("conan.tools.build", check_min_cppstd=lambda recipe, standard: check("the recipe wants C++20", standard == 20))
module("conan.tools.files", copy=copy, load=lambda recipe, path: open(path).read())
module("conan.errors", ConanInvalidConfiguration=ValueError)
recipe_file = os.path.join(source, "cmake/conan/conanfile.py")
names = {}
exec(compile(open(recipe_file).read(), recipe_file, "exec"), names)
recipe = names["Takt"]()
recipe.recipe_folder = os.path.dirname(recipe_file)
recipe.set_version()
check("the recipe has the version of takt, " + version, recipe.version == version)
for system, refused in (("Linux", False), ("Windows", True)):
    recipe.settings = types.SimpleNamespace(os=system, arch="x86_64")
    try:
        recipe.validate()
        check("the recipe refuses " + system, not refused)
    except ValueError:
        check("the recipe accepts " + system, refused)
with tempfile.TemporaryDirectory() as work:
    recipe.export_sources_folder = recipe.source_folder = os.path.join(work, "exported")
    recipe.package_folder = os.path.join(work, "package")
    recipe.cpp_info = Anything()
    recipe.export_sources(), recipe.package(), recipe.package_info()
    check("the recipe packages the headers", headers_under(os.path.join(work, "package/include")) == wanted)
    check("the recipe packages the licence", os.path.exists(os.path.join(work, "package/licenses/LICENSE")))

print("failed" if failures else f"vcpkg and Conan: version {version}, {len(wanted)} headers")
sys.exit(failures > 0)
