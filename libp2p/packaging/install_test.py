#!/usr/bin/env python3
"""Installs libp2p into a folder of its own, and builds and runs a consumer and the examples against it from outside.

Usage: install_test.py <source folder> <build folder>
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

SOURCE, BUILD = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
STEP_TIMEOUT_S = 300
RUN_TIMEOUT_S = 30


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=options.pop("timeout", STEP_TIMEOUT_S), **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout[-8000:]}")
    return done.stdout


def check(condition, message):
    if not condition:
        sys.exit(message)


def build(project, prefix, folder):
    """Copies a project away from the source tree and builds it there."""
    shutil.copytree(project, folder / "source")
    run("cmake", "-G", "Ninja", "-S", folder / "source", "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={prefix}",
        "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON")
    run("cmake", "--build", folder / "build")
    return folder / "build"


def check_package(prefix):
    """Nothing of this build may go along: no warning flags, no sanitizers, no paths."""
    for file in (prefix / "lib/cmake/kvp2p-libp2p").iterdir():
        text = file.read_text(encoding="utf-8")
        for unwanted in (str(SOURCE), str(BUILD), "-W", "-fsanitize", "mold", "kvp2p_options"):
            check(unwanted not in text, f"{file} holds {unwanted}")
    names = [file.name for file in prefix.rglob("*.h")]
    check("host.h" in names, "no host.h is installed")
    check(not any(re.search("test|fixture|vectors|pch", name) for name in names), "headers of tests are installed")


def check_consumer(prefix, folder):
    built = build(SOURCE / "libp2p/packaging/consumer", prefix, folder)
    flags = json.loads((built / "compile_commands.json").read_text(encoding="utf-8"))[0]["command"]
    check("-Werror" not in flags and "-Wall" not in flags, f"flags of ours reach the consumer: {flags}")
    check(run(built / "consumer", timeout=RUN_TIMEOUT_S) == "hello\n", "the consumer did not greet")


class Program:
    """An example that runs: lines in, lines out. Ended with Ctrl-C at the latest."""

    def __init__(self, *command):
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def read_until(self, pattern):
        for line in self.process.stdout:
            if match := re.search(pattern, line):
                return match
        sys.exit(f"no line like {pattern} came")

    def say(self, line):
        self.process.stdin.write(line + "\n")

    def end_input(self):
        self.process.stdin.close()

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def wait(self):
        return self.process.wait(timeout=RUN_TIMEOUT_S)


def check_ping(built):
    with Program(built / "ping", "--listen", "/ip4/127.0.0.1/tcp/0") as server:
        address = server.read_until(r"listening on (/ip4/127\.0\.0\.1/\S+)")[1]
        out = run(built / "ping", address, "--count", 3, "--interval", 0, timeout=RUN_TIMEOUT_S)
        check(out.count("answer from") == 3 and "3 sent, 3 answered" in out, out)
        with Program(built / "ping", address, "--interval", 3600) as endless:
            endless.read_until("answer from")
            endless.interrupt()
            check(endless.wait() == 0, "ping was not ended in order by Ctrl-C")
        server.interrupt()
        check(server.wait() == 0, "the pinged side was not ended in order by Ctrl-C")
    for bad in (["/ip4/127.0.0.1/tcp/1", "--count", "1"], ["nonsense"], [], ["--listen", "/ip4/192.0.2.1/tcp/1"]):
        done = subprocess.run([built / "ping", *bad], text=True, capture_output=True, timeout=RUN_TIMEOUT_S, check=False)
        check(done.returncode != 0 and done.stderr, f"ping {bad} did not fail with a message")


def check_chat(built):
    with Program(built / "chat", "--listen", "/ip4/127.0.0.1/tcp/0") as one:
        address = one.read_until(r"listening on (/ip4/127\.0\.0\.1/\S+)")[1]
        with Program(built / "chat", address) as other, Program(built / "chat", address) as third:
            for _ in range(2):
                one.read_until(r"^\* \S+ is here")
            other.say("hello from here")
            one.read_until(": hello from here$")
            one.say("hello to all")
            other.read_until(": hello to all$")
            third.read_until(": hello to all$")
            other.say("bell \a and escape \x1b[31m")
            one.read_until(r": bell \? and escape \?\[31m$")
            other.say("x" * 10000)
            one.read_until("xxx$")
            other.end_input()  # both directions are closed then
            check(other.wait() == 0, "chat did not end with its input")
            one.read_until(r"^\* \S+ has left")
            third.interrupt()
            check(third.wait() == 0, "chat was not ended in order by Ctrl-C")
        one.interrupt()
        check(one.wait() == 0, "the listening chat was not ended in order by Ctrl-C")


def check_examples(prefix, folder):
    built = build(SOURCE / "libp2p/examples", prefix, folder)
    for program in ("chat", "ping"):
        check("Usage" in run(built / program, "--help", timeout=RUN_TIMEOUT_S), f"{program} has no --help")
    check_ping(built)
    check_chat(built)


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        prefix = folder / "prefix"
        run("cmake", "--install", BUILD, "--prefix", prefix, env={**os.environ, "DESTDIR": ""})
        check_package(prefix)
        check_consumer(prefix, folder / "consumer")
        check_examples(prefix, folder / "examples")


if __name__ == "__main__":
    main()
