"""The peer programs: what each needs to run, and the command that starts it."""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent
CACHE = FOLDER.parent.parent / ".cache"
INSTALL_TIMEOUT_S = 60


class NotRun(Exception):
    """Something that the machine lacks; not a failure of ours."""


class Ours:
    def __init__(self, program):
        self.program = program

    def prepare(self):
        """Returns the command that starts the peer."""
        if not os.access(self.program, os.X_OK):
            raise SystemExit(f"{self.program} is not there: build the target interop_peer")
        return [str(self.program)]


class Js:
    FILES = ["package.json", "package-lock.json", ".npmrc", "polyfill.mjs", "peer.mjs"]

    def prepare(self):
        if not self._node_is_new_enough() or shutil.which("npm") is None:
            raise NotRun("needs Node 20 or later and npm")
        digest = hashlib.sha256((FOLDER / "js" / "package-lock.json").read_bytes()).hexdigest()[:16]
        installed = CACHE / "interop-js" / digest
        if not installed.exists():
            self._install(installed)
        # Modules are found from where the program lies, so it runs in the folder that holds them.
        for name in self.FILES:
            shutil.copy(FOLDER / "js" / name, installed / name)
        return ["node", "--import", str(installed / "polyfill.mjs"), str(installed / "peer.mjs")]

    @staticmethod
    def _node_is_new_enough():
        if shutil.which("node") is None:
            return False
        version = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=30).stdout
        found = re.match(r"v(\d+)\.", version)
        return found is not None and int(found[1]) >= 20

    def _install(self, installed):
        installed.parent.mkdir(parents=True, exist_ok=True)
        # Into a folder of its own, then renamed: an install that breaks off leaves nothing that looks complete.
        with tempfile.TemporaryDirectory(dir=installed.parent) as folder:
            for name in self.FILES:
                shutil.copy(FOLDER / "js" / name, folder)
            npm = subprocess.run(
                ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
                cwd=folder, timeout=INSTALL_TIMEOUT_S, capture_output=True, text=True)
            if npm.returncode != 0:
                raise SystemExit(f"npm could not install js-libp2p:\n{npm.stderr}")
            try:
                os.rename(folder, installed)
            except OSError:
                if not installed.exists():
                    raise
            else:
                os.mkdir(folder)  # for TemporaryDirectory to remove


def implementations(ours):
    """By the name that the table shows."""
    return {"ours": Ours(ours), "js": Js()}
