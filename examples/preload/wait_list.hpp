/// wait_list.hpp - the functions whose time-outs the preloaded object moves, and the families by which a user chooses
/// them.
///
/// Shared by the object and by the tool, which counts and names them alike. Pure.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace preload {

/// A family of waits, as `takt run --waits` names it.
enum class family : unsigned { sleep, poll, select, epoll, cond, sem, mq, semop, signal, timerfd, timer, futex };
inline constexpr std::string_view family_names[] = {"sleep", "poll",  "select", "epoll",   "cond",  "sem",
                                                    "mq",    "semop", "signal", "timerfd", "timer", "futex"};
inline constexpr std::size_t family_count = std::size(family_names);
inline constexpr std::uint32_t all_families = (1U << family_count) - 1;

[[nodiscard]] constexpr std::uint32_t bit_of(family f) noexcept { return 1U << static_cast<unsigned>(f); }

/// Returns: the bit of the family with that name; 0 if there is none.
[[nodiscard]] constexpr std::uint32_t family_bit(std::string_view name) noexcept {
  for (std::size_t i = 0; i < family_count; ++i)
    if (family_names[i] == name) return 1U << i;
  return 0;
}

/// A function with a time-out.
enum class wait : unsigned {
  nanosleep,
  clock_nanosleep,
  usleep,
  sleep,
  thrd_sleep,
  poll,
  ppoll,
  select,
  pselect,
  epoll_wait,
  epoll_pwait,
  epoll_pwait2,
  pthread_cond_timedwait,
  pthread_cond_clockwait,
  cnd_timedwait,
  sem_timedwait,
  sem_clockwait,
  mq_timedreceive,
  mq_timedsend,
  semtimedop,
  sigtimedwait,
  timerfd_settime,
  timer_settime,
  futex,
};
struct wait_facts {
  std::string_view name;
  family of;
};
/// In the order of `wait`.
inline constexpr wait_facts wait_list[] = {
    {"nanosleep", family::sleep},
    {"clock_nanosleep", family::sleep},
    {"usleep", family::sleep},
    {"sleep", family::sleep},
    {"thrd_sleep", family::sleep},
    {"poll", family::poll},
    {"ppoll", family::poll},
    {"select", family::select},
    {"pselect", family::select},
    {"epoll_wait", family::epoll},
    {"epoll_pwait", family::epoll},
    {"epoll_pwait2", family::epoll},
    {"pthread_cond_timedwait", family::cond},
    {"pthread_cond_clockwait", family::cond},
    {"cnd_timedwait", family::cond},
    {"sem_timedwait", family::sem},
    {"sem_clockwait", family::sem},
    {"mq_timedreceive", family::mq},
    {"mq_timedsend", family::mq},
    {"semtimedop", family::semop},
    {"sigtimedwait", family::signal},
    {"timerfd_settime", family::timerfd},
    {"timer_settime", family::timer},
    {"futex", family::futex},
};
inline constexpr std::size_t wait_count = std::size(wait_list);
static_assert(wait_list[static_cast<unsigned>(wait::futex)].name == "futex");

} // namespace preload
