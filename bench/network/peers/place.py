"""Where the others' programs and libraries are: what scripts/setup_bench_peers.sh made, or a bundle of the same."""

import os
import pathlib

FOLDER = pathlib.Path(__file__).resolve().parent
REPOSITORY = FOLDER.parents[2]


def installed():
    return pathlib.Path(os.environ.get("KVP2P_BENCH_PEERS") or REPOSITORY / ".deps" / "bench-peers")


def logs():
    folder = pathlib.Path(os.environ.get("KVP2P_BENCH_PEERS_LOGS") or REPOSITORY / "build" / "bench-peers")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def lacks(relative):
    """None if it is there; else what to do about it."""
    path = installed() / relative
    return None if path.exists() else f"{path} is not there: run scripts/setup_bench_peers.sh"


def python_environment(**more):
    """For a program that loads the wheels; the libraries are those that the wheels expect of the system."""
    at = installed()
    return {"PYTHONPATH": str(at / "site"), "LD_LIBRARY_PATH": str(at / "lib"), "PYTHONDONTWRITEBYTECODE": "1", **more}


def wheel_version(distribution):
    """Of the wheel whose name begins so, as its folder of metadata says."""
    found = sorted((installed() / "site").glob(f"{distribution}*.dist-info"))
    return ", ".join(path.name.removesuffix(".dist-info") for path in found) or "of unknown version"
