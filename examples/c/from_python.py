import ctypes, sys, time  # python3 from_python.py [libtakt_c.so.1]: sleeps on the grid, through the C library
takt = ctypes.CDLL(sys.argv[1] if len(sys.argv) > 1 else "libtakt_c.so.1")
takt.takt_last_error.restype = ctypes.c_char_p
class timespec(ctypes.Structure):
    _fields_ = [("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long)]
TAKT_SLACK_10MS = 7
for beat in range(5):
    if takt.takt_nanosleep_aligned(ctypes.byref(timespec(0, 9_000_000)), TAKT_SLACK_10MS) < 0:
        sys.exit(takt.takt_last_error().decode())
    print(time.monotonic())
