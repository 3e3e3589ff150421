"""What every end-to-end test is made of: producers and consumers of a test, and what a right outcome is.

Tests assert counts, bytes, exit codes and log lines, never a time.
"""

import itertools
import pathlib
import shutil
import signal
import sys
import tempfile
import unittest

import demo_process
import models
import netns
from demo_process import DemoProcess

NOT_RUN = 77
CLUSTER_KEY = "5e" * 32
OTHER_CLUSTER_KEY = "a1" * 32
# Of a namespace or of 127.0.0.1: tests that share the machine's loopback let the system choose ports.
LOOPBACK = "127.0.0.1"


class E2eTest(unittest.TestCase):
    """Keeps a folder for the test's files and ends its processes; prints what they said if the test fails."""

    # Processes of setUpClass, which live as long as the class.
    class_processes_from = 0
    _names = itertools.count(1)

    @classmethod
    def setUpClass(cls):
        cls.class_processes_from = demo_process.started_count()
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="kvp2p-e2e-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.addClassCleanup(demo_process.kill_all)

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            print(demo_process.describe_since(self.class_processes_from), file=sys.stderr, flush=True)
        return result

    # Processes --------------------------------------------------------------------------------------------------------

    @classmethod
    def path(cls, stem):
        """A new path in the class's folder."""
        return cls.folder / f"{stem}-{next(cls._names)}"

    @classmethod
    def token_file(cls, tokens):
        path = cls.path("tokens")
        path.write_text("".join(f"{token}\n" for token in tokens))
        return path

    @classmethod
    def start(
        cls,
        role,
        model=None,
        tokens=None,
        namespace=None,
        key=CLUSTER_KEY,
        config_dir=None,
        mdns=False,
        direct=False,
        flags=(),
    ):
        """Starts gpu-demo with --json. Without `tokens` the flags say what the prompt is.

        Processes of one host would read each other's memory in place. Most tests are of what crosses a network, so
        that is off unless `direct` is set.
        """
        arguments = [f"--role={role}", "--json", f"--config-dir={config_dir or cls.path('config')}"]
        if key:
            arguments.append(f"--cluster-key={key}")
        if model:
            arguments.append(f"--model={model.name}")
        if tokens:
            arguments.append(f"--token-file={cls.token_file(tokens)}")
        if not mdns:
            arguments.append("--no-mdns")
        if not direct:
            arguments.append("--no-direct")
        return DemoProcess(role, [*arguments, *flags], netns=namespace, environment=cls.environment())

    @classmethod
    def environment(cls):
        """The digests of weights that one process has computed serve the others; the user's own are left alone."""
        return {"XDG_CACHE_HOME": str(cls.folder / "cache")}

    @classmethod
    def start_producer(cls, model, tokens, listen_ip=LOOPBACK, flags=(), **options):
        """Starts a producer without waiting for it."""
        if listen_ip:
            flags = [f"--listen-ip={listen_ip}", *flags]
        return cls.start("producer", model, tokens, flags=flags, **options)

    @classmethod
    def producer(cls, model, tokens, **options):
        """A producer that has published every full block of its prompt."""
        process = cls.start_producer(model, tokens, **options)
        process.wait_event("listening")
        process.wait_event("published")
        return process

    @classmethod
    def start_consumer(cls, model, tokens, peers=(), listen_ip=LOOPBACK, flags=(), **options):
        if listen_ip:
            flags = [f"--listen-ip={listen_ip}", *flags]
        flags = [*(f"--peer={peer}" for peer in peers), *flags]
        return cls.start("consumer", model, tokens, flags=flags, **options)

    @classmethod
    def consume(cls, model, tokens, peers=(), **options):
        """Runs a consumer to its end."""
        process = cls.start_consumer(model, tokens, peers, **options)
        process.wait_exit()
        return process

    @classmethod
    def compute_alone(cls, model, tokens, **options):
        """A consumer that knows nobody: what it generates is the reference."""
        return cls.consume(model, tokens, flags=["--find-peer-ms=0", *options.pop("flags", ())], **options)

    # Outcomes ---------------------------------------------------------------------------------------------------------

    def check_result(self, consumer, fetched, prompt, generated=64):
        """The consumer has the right answer, and fetched just that many tokens for it. Returns its result."""
        self.assertEqual(consumer.wait_exit(), 0, "exit code")
        result = consumer.wait_event("result")
        self.assertEqual(result["prompt_tokens"], prompt)
        self.assertEqual(result["fetched_tokens"], fetched, f"reason: {result['reason']}")
        self.assertEqual(result["computed_tokens"], prompt - fetched)
        self.assertTrue(result["verified"])
        self.assertTrue(result["matches_local"], "the output differs from a run with the cache off")
        self.assertEqual(len(result["generated"]), generated)
        return result

    def assert_log(self, process, pattern):
        """A line of the log, written by now or soon, says so."""
        return process.wait_log(pattern, bound_s=10)

    def assert_same_kv(self, path, other, blocks, model):
        """Two --kv-dump files agree in their first blocks, to the bit."""
        ours, theirs = path.read_bytes(), other.read_bytes()
        for dump, name in ((ours, path), (theirs, other)):
            self.assertGreaterEqual(len(dump), blocks * model.block_bytes, name)
            self.assertEqual(len(dump) % model.block_bytes, 0, f"{name} is not a whole number of blocks")
        for block in range(blocks):
            part = slice(block * model.block_bytes, (block + 1) * model.block_bytes)
            self.assertEqual(ours[part], theirs[part], f"block {block} differs")


def address_of(producer, pattern=f"/ip4/{LOOPBACK}/"):
    """The producer's multiaddr that begins in that way."""
    addresses = producer.wait_event("listening")["addresses"]
    for address in addresses:
        if address.startswith(pattern):
            return address
    raise AssertionError(f"no address of the producer begins with {pattern}: {addresses}")


def tcp_port_of(address):
    parts = address.split("/")
    return int(parts[parts.index("tcp") + 1])


def with_tcp_port(address, port):
    """The same multiaddr with another port: a proxy's."""
    parts = address.split("/")
    parts[parts.index("tcp") + 1] = str(port)
    return "/".join(parts)


def stats_of(process):
    """Counters of the core by name, of a process that has ended."""
    return process.wait_event("stats")


def main(needs_namespaces=False, needs_model=False):
    """Runs the tests of the file, or says why not."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    demo_process.gpu_demo_path()
    reason = None
    if needs_namespaces:
        reason = netns.why_not()
    if needs_model and not (models.real_model_folder() / "tokens.txt").exists():
        reason = f"no model in {models.real_model_folder()}: run scripts/model/fetch_model.sh"
    if reason:
        print(f"not run: {reason}")
        sys.exit(NOT_RUN)
    unittest.main(verbosity=2)
