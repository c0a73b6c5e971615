"""The headers of takt as a Conan package, from the tree that this recipe lies in: conan create takt/cmake/conan"""
import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, load
from conan.errors import ConanInvalidConfiguration


class Takt(ConanFile):
    name = "takt"
    description = "Read time at the cost of one instruction, know how good the reading is, and wake up together"
    license = "MIT"
    topics = ("time", "tsc", "timers", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    no_copy_source = True

    def _tree(self):
        return os.path.normpath(os.path.join(self.recipe_folder, "..", ".."))

    def set_version(self):
        # The version stands once, in the header that a user can ask at compile time.
        config = load(self, os.path.join(self._tree(), "include", "takt", "core", "config.hpp"))
        self.version = ".".join(re.findall(r"^#define TAKT_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)$", config, re.MULTILINE))

    def export_sources(self):
        copy(self, "LICENSE", src=self._tree(), dst=self.export_sources_folder)
        copy(self, "include/*.hpp", src=self._tree(), dst=self.export_sources_folder)
        copy(self, "include/*.cppm", src=self._tree(), dst=self.export_sources_folder)

    def validate(self):
        check_min_cppstd(self, 20)
        if self.settings.os != "Linux" or self.settings.arch not in ("x86_64", "armv8", "riscv64"):
            raise ConanInvalidConfiguration("takt is for Linux on x86-64, aarch64 or riscv64")

    def package_id(self):
        self.info.clear()

    def package(self):
        copy(self, "LICENSE", src=self.source_folder, dst=os.path.join(self.package_folder, "licenses"))
        copy(self, "include/*", src=self.source_folder, dst=self.package_folder)

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        self.cpp_info.set_property("cmake_file_name", "takt")
        self.cpp_info.set_property("cmake_target_name", "takt::takt")
        self.cpp_info.set_property("pkg_config_name", "takt")
