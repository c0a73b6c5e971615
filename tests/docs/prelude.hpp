// prelude.hpp - what the blocks of C++ in the documents take for granted: the reader's own functions and objects. Included after
// the headers that the document itself names, so that a document which forgets one does not compile.
#pragma once
#include <cstddef>
#include <system_error>

void work();
void flush();
void flush_log();
void expire();
void close_connection();
void send_heartbeat();
void epoll_add(int loop, int descriptor);
template <class T> void control(T);
template <class T> void busy_until(T);
template <class... T> void log(const T&...);
extern int loop;
extern std::error_code ec; // of the block before
