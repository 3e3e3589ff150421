"""What TCP carried to a process: the kernel's own count (TCP_INFO) at each of its sockets."""

import contextlib
import ctypes
import os
import socket
import struct

PIDFD_GETFD = 438  # x86-64 and arm64 alike
BYTES_RECEIVED_AT = 128  # tcpi_bytes_received in struct tcp_info (linux/tcp.h)


def received(pid):
    """Of each connected TCP socket of the process: (our end, their end, bytes received)."""
    libc = ctypes.CDLL(None, use_errno=True)
    counts = []
    process = os.pidfd_open(pid)
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if not os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
                    continue
                copy = libc.syscall(PIDFD_GETFD, process, int(name), 0)
                if copy < 0:
                    raise PermissionError(ctypes.get_errno(), "pidfd_getfd")
                with socket.socket(fileno=copy) as one:
                    if one.type == socket.SOCK_STREAM and one.family in (socket.AF_INET, socket.AF_INET6):
                        counts.append(_count(one))
    finally:
        os.close(process)
    return counts


def _count(connected):
    ends = ["{}:{}".format(*end[:2]) for end in (connected.getsockname(), connected.getpeername())]
    info = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return ends[0], ends[1], struct.unpack_from("=Q", info, BYTES_RECEIVED_AT)[0]


def proof(pid, bytes_min):
    """One line that says that TCP over loopback carried at least `bytes_min` to the process; raises if it did not."""
    counts = [count for count in received(pid) if count[1].startswith("127.")]
    total = sum(count[2] for count in counts)
    if total < bytes_min:
        raise RuntimeError(f"TCP over loopback carried {total} bytes where {bytes_min} were transferred: {counts}")
    carrying = [count for count in counts if count[2] > 1 << 20]
    sockets = ", ".join(f"{here} < {there} {count}" for here, there, count in sorted(carrying))
    return (f"tcpi_bytes_received {total} of {bytes_min} bytes transferred, over {len(carrying)} TCP "
            f"connection{'s' if len(carrying) != 1 else ''} on loopback ({sockets})")
