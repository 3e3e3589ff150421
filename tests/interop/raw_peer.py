"""A peer that speaks TCP and no more: it says nothing, whatever it is told."""

import contextlib
import re
import socket
import threading

DROPPED_TIMEOUT_S = 40


class SilentListener:
    """Accepts connections, keeps them, and says nothing."""

    def __enter__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"/ip4/127.0.0.1/tcp/{self._socket.getsockname()[1]}"
        self._accepted = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def was_dialled(self):
        return bool(self._accepted)

    def __exit__(self, *_):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for each in [self._socket, *self._accepted]:
            each.close()

    def _accept(self):
        with contextlib.suppress(OSError):  # shut down
            while True:
                self._accepted.append(self._socket.accept()[0])


class SilentDialler:
    """Connects to a multiaddr and says nothing."""

    def __init__(self, address):
        self._port = int(re.search(r"/tcp/(\d+)", address)[1])

    def __enter__(self):
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=DROPPED_TIMEOUT_S)
        return self

    def is_dropped(self):
        """Waits until the other side has ended the connection; whatever it says before that is read and dropped."""
        try:
            while self._socket.recv(4096):
                pass
        except ConnectionError:
            pass
        except TimeoutError:
            return False
        return True

    def __exit__(self, *_):
        self._socket.close()
