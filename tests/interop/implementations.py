"""The peer programs: what each needs to run, how it is built, and the command that starts it."""

import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent


# Where the installers of Go and Rust put them, for shells that have not been told.
os.environ["PATH"] += f":/usr/local/go/bin:{pathlib.Path.home()}/.cargo/bin"


class NotRun(Exception):
    """Something that the machine lacks; not a failure of ours."""


def cache_folder():
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(cache) / "kv-cache-p2p" / "interop"


def version_of(command, pattern):
    """The numbers of what a program says of its version, as `pattern` finds them; None if it is not there."""
    if shutil.which(command[0]) is None:
        return None
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
    found = re.search(pattern, said)
    return tuple(int(number) for number in found.groups()) if found else None


class Ours:
    lacks = {}
    lacks_as_listener = {}

    def __init__(self, program):
        self.program = program

    def prepare(self):
        """Returns the command that starts the peer."""
        if not os.access(self.program, os.X_OK):
            raise SystemExit(f"{self.program} is not there: build the target interop_peer")
        return [str(self.program)]


class Built:
    """A peer that is built once, into a folder of the cache named after the hash of its sources and lock file."""

    name = None
    # What the peer is made of: patterns inside its folder.
    sources = ()
    build_timeout_s = 600
    # What the implementation truly lacks and no command or argument of its peer could tell: why, by case.
    lacks = {}
    # The same, of it as the listener alone.
    lacks_as_listener = {}

    def check_tools(self):
        """Raises NotRun if the machine cannot build or run it."""
        raise NotImplementedError

    def build(self, sources, into):
        """Puts what start_command() needs into the folder `into`. `sources` is a copy, to build in."""
        raise NotImplementedError

    def start_command(self, folder):
        raise NotImplementedError

    def prepare(self):
        self.check_tools()
        files = sorted(path for pattern in self.sources for path in (FOLDER / self.name).glob(pattern))
        digest = hashlib.sha256()
        for path in files:
            digest.update(f"{path.relative_to(FOLDER)}\0".encode() + path.read_bytes() + b"\0")
        built = cache_folder() / f"{self.name}-{digest.hexdigest()[:16]}"
        if not built.exists():
            built.parent.mkdir(parents=True, exist_ok=True)
            with open(built.parent / f"{self.name}.lock", "w", encoding="ascii") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not built.exists():
                    self._build(files, built)
        return self.start_command(built)

    def _build(self, files, built):
        # In a folder of its own, then renamed: a build that breaks off leaves nothing that looks complete.
        with tempfile.TemporaryDirectory(dir=built.parent, prefix="building-") as folder:
            sources, into = pathlib.Path(folder, "sources"), pathlib.Path(folder, "into")
            into.mkdir()
            for path in files:
                copy = sources / path.relative_to(FOLDER / self.name)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copy)
            self.build(sources, into)
            into.rename(built)

    def _call(self, command, folder, environment=None):
        try:
            subprocess.run(command, cwd=folder, env={**os.environ, **(environment or {})}, check=True, text=True,
                           stdin=subprocess.DEVNULL, capture_output=True, timeout=self.build_timeout_s)
        except subprocess.CalledProcessError as failure:
            raise SystemExit(f"{' '.join(command)} failed:\n{failure.stdout}{failure.stderr}")
        except subprocess.TimeoutExpired:
            raise SystemExit(f"{' '.join(command)}: not done after {self.build_timeout_s} s")


class Go(Built):
    name = "go"
    sources = ("*.go", "go.mod", "go.sum")

    def check_tools(self):
        # An older one than go.mod asks for fetches that one by itself.
        if (version_of(["go", "version"], r"go(\d+)\.(\d+)") or (0,)) < (1, 24):
            raise NotRun("needs Go 1.24 or later")

    def build(self, sources, into):
        self._call(["go", "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o", str(into / "peer"), "."], sources)

    def start_command(self, folder):
        return [str(folder / "peer")]


class Rust(Built):
    name = "rust"
    sources = ("Cargo.toml", "Cargo.lock", "*.rs", "src/**/*.rs")
    build_timeout_s = 1500
    lacks = {
        "muxer by handshake": "rust-libp2p neither sends nor reads muxers in its handshakes",
        "TLS, muxer by handshake": "rust-libp2p neither sends nor reads muxers in its handshakes",
        "signed peer record of ours, read by theirs": "rust-libp2p's identify reads an older form of the record only",
    }

    def check_tools(self):
        if shutil.which("cargo") is None:
            raise NotRun("needs cargo")

    def build(self, sources, into):
        # What cargo has compiled is kept, so that a change in the peer does not compile all of rust-libp2p again.
        target = cache_folder() / "rust-target"
        self._call(["cargo", "build", "--release", "--locked", "--target-dir", str(target)], sources)
        shutil.copy(target / "release" / "peer", into / "peer")

    def start_command(self, folder):
        return [str(folder / "peer")]


class Js(Built):
    name = "js"
    sources = ("package.json", "package-lock.json", ".npmrc", "*.mjs")
    lacks_as_listener = {
        "TLS, muxer by multistream, theirs offers none": "js-libp2p's TLS listener agrees on a muxer whatever it is told",
    }

    def check_tools(self):
        if (version_of(["node", "--version"], r"v(\d+)\.") or (0,)) < (20,) or shutil.which("npm") is None:
            raise NotRun("needs Node 20 or later and npm")

    def build(self, sources, into):
        self._call(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], sources)
        # Modules are found from where the program lies, so everything stays together.
        into.rmdir()
        sources.rename(into)

    def start_command(self, folder):
        return ["node", "--import", str(folder / "polyfill.mjs"), str(folder / "peer.mjs")]


def implementations(ours):
    """By the name that the table shows."""
    return {"ours": Ours(ours), "go": Go(), "rust": Rust(), "js": Js()}
