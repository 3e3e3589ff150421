"""What every part is given, and how it is kept from stopping the others."""

import contextlib
import traceback
from dataclasses import dataclass

from programs import CannotRun, Deadline, Failed, Programs
from results import Results


@dataclass
class Context:
    """For one part of one run."""

    part: str
    results: Results
    programs: Programs
    deadline: Deadline
    device: str  # "cuda" or "host"
    quick: bool
    gpus: int
    log: callable
    # The command line's.
    options: object = None

    def add(self, name, figure=None, unit="", **more):
        return self.results.add(self.part, name, figure, unit, **more)

    def not_run(self, name, reason):
        return self.results.not_run(self.part, name, reason)

    def failed(self, name, reason):
        return self.results.failed(self.part, name, reason)

    @contextlib.contextmanager
    def row(self, name):
        """What cannot run or fails inside becomes a row of that name, and the part goes on."""
        try:
            yield
        except CannotRun as reason:
            self.not_run(name, str(reason))
        except Failed as reason:
            self.failed(name, str(reason))
        except Exception as error:  # pylint: disable=broad-except
            # A mistake in this benchmark must not cost the rest of the run.
            self.failed(name, f"{type(error).__name__}: {error}")
            traceback.print_exc()
