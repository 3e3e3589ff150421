"""fetch_bench as a long-lived process, and the page that several of them share."""

import mmap
import struct
import time

from command_process import CommandProcess


class Board:
    """The page that fetch_bench's processes share (bench/gpu/board.h)."""

    COPIES = 2

    def __init__(self, path):
        self.path = path
        path.write_bytes(bytes(4096))
        with open(path, "r+b") as file:
            self._page = mmap.mmap(file.fileno(), 4096)

    def _word(self, index):
        return struct.unpack_from("<Q", self._page, 8 * index)[0]

    @property
    def version(self):
        return self._word(0)

    @property
    def state(self):
        return self._word(1)

    @property
    def fetches(self):
        return self._word(2)

    def clear(self):
        self._page[:24] = bytes(24)

    def wait_copying(self, bound_s=20):
        """Until the reader is between get() and done; returns which fetch it is, or None."""
        give_up = time.monotonic() + bound_s
        while time.monotonic() < give_up:
            if self.state == self.COPIES:
                return self.fetches
        return None


class FetchProcess(CommandProcess):
    """In one of its roles."""

    def __init__(self, program, role, device, shape, *flags, cluster_key, config_dir, environment=None):
        super().__init__([program, f"--role={role}", f"--device={device}", f"--shape={shape}", f"--cluster-key={cluster_key}",
                          f"--config-dir={config_dir}", *flags], role, environment)
