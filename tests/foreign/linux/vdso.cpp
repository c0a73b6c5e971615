// What the kernel's selftests take from their own parser of the vDSO and from the dynamic linker, by takt::vdso. Nothing differs
// by design.
#include <takt/kernel/vdso.hpp>

#include <cstdint>
#include <string_view>
#include <system_error>

namespace {

takt::vdso::image vdso() {
  std::error_code ec;
  return takt::vdso::current(ec);
}

} // namespace

extern "C" {

void vdso_init_from_sysinfo_ehdr(std::uintptr_t) {} // takt finds it by itself
void vdso_init_from_auxv(void*) {}
void* vdso_sym(const char* version, const char* name) { return const_cast<void*>(vdso().try_find(name, version).address); }

void* takt_dlopen(const char* name, int) {
  static const takt::vdso::image image = vdso();
  return image && std::string_view(name) == "linux-vdso.so.1" ? const_cast<takt::vdso::image*>(&image) : nullptr;
}
void* takt_dlsym(void* image, const char* name) {
  return const_cast<void*>(static_cast<const takt::vdso::image*>(image)->try_find(name).address);
}

} // extern "C"
