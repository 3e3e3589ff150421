"""One way of running one of the others: a serving and a fetching process on loopback.

Both programs take `serve --bytes=N …` or `fetch --bytes=N --address=A --connections=C …`. The serving one prints
{"address", "version"}. At each line of its standard input the fetching one clears its memory, fetches, compares every
byte with what it should be and prints {"seconds", "equal_bytes"}. Both end when their standard input does.
"""

import dataclasses

import place
import tcp_sockets
from party import Party, PeerFailed

START_TIMEOUT_S = 60
# Far below what any of them does; on top of it, time for clearing and comparing.
BYTES_PER_SECOND_MIN = 40e6
RUN_TIMEOUT_S = 30


@dataclasses.dataclass(frozen=True)
class Way:
    """One choice of options; the commands lack what follows from bytes and connections."""

    name: str
    serve: tuple
    fetch: tuple
    environment: tuple = ()

    def described(self):
        return " ".join([*(f"{key}={value}" for key, value in self.environment), *self.fetch])


class Pair:
    """Both processes, connected. They stand still but for run(), so that others can take turns with them."""

    def __init__(self, peer, way, environment, size, connections):
        self.name, self.way, self.bytes, self.connections = peer, way, size, connections
        self._timeout_s = RUN_TIMEOUT_S + size / BYTES_PER_SECOND_MIN
        self._runs, self._parties = 0, []
        self.log_path = place.logs() / f"{peer}-{connections}-{way.name.replace(' ', '-')}.log"
        self._log = open(self.log_path, "w", encoding="utf-8")  # pylint: disable=consider-using-with
        try:
            self._start({**environment, **dict(way.environment)})
        except BaseException:
            self.close()
            raise

    def _start(self, environment):
        for key, value in sorted(environment.items()):
            print(f"--- {key}={value}", file=self._log)
        server = self._party("serve", [*self.way.serve, f"--bytes={self.bytes}"], environment)
        hello = server.next_line(START_TIMEOUT_S + self._timeout_s)
        self.version = hello["version"]
        command = [*self.way.fetch, f"--bytes={self.bytes}", f"--connections={self.connections}"]
        self._client = self._party("fetch", [*command, f"--address={hello['address']}"], environment)
        # Not counted: it connects, pages are touched, and windows grow.
        self.run()

    def _party(self, role, command, environment):
        self._parties.append(Party(role, command, environment, self._log))
        return self._parties[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for party in self._parties:
            party.close()
        self._log.close()

    def run(self):
        """Seconds of one transfer of all bytes, each of which was then seen to be right."""
        for party in self._parties:
            party.resume()
        self._client.tell("run")
        line = self._client.next_line(self._timeout_s)
        for party in self._parties:
            party.pause()
        if line.get("equal_bytes") != self.bytes:
            raise PeerFailed(f"the fetching process said {line}")
        self._runs += 1
        print(f"--- {line['seconds']} s", file=self._log, flush=True)
        return line["seconds"]

    def cpu_s(self):
        """Both processes', clearing and comparing included."""
        return sum(party.cpu_s() for party in self._parties)

    def proof(self):
        """A line that says that TCP carried all of it; raises RuntimeError if it did not."""
        proof = tcp_sockets.proof(self._client.pid, self.bytes * self._runs)
        print(f"--- {proof}", file=self._log, flush=True)
        return proof
