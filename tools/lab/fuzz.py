"""Damaged and hostile files and command lines: what each of many thousand ends with.

    python tools/lab/fuzz.py --minutes 10

Every case is made from its class and a number, so that the same numbers give the same cases. It runs in a process of
its own that reads one case after the other; a signal or a hang costs that process and no more. Printed is a table:
cases that were refused in one sentence, accepted with the same or another content, and those that ended in a
traceback, a signal, a hang or with too much memory, which are listed with the command that repeats them. The status is
1 where there are any.
"""

import argparse
import collections
import contextlib
import json
import os
import random
import resource
import select
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The repository root comes first, so that `common` and the models are found from every directory.
sys.path.insert(0, str(ROOT))

from common.arguments import Arguments  # noqa: E402
from common.errors import UserError, run  # noqa: E402

COMMAND_LINES = "command lines"
OUTCOMES = ("refused", "equal", "changed", "traceback", "memory", "signal", "hang")
BAD = OUTCOMES[3:]
HANG_SECONDS, MEMORY_BYTES = 30.0, 6 << 30
MAX_LISTED = 40


class Worker:
    """The process that runs cases; a new one is started when it has died or hangs.

    Args:
        folder (str): where it keeps the valid files and works.
        classes (list): names of what it will be asked for.
    """

    def __init__(self, folder, classes):
        self.folder, self.classes, self.process = folder, classes, None

    def run(self, name, number):
        """The outcome of a case, one of `OUTCOMES`, and a line about it."""
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, __file__, "--worker", self.folder, "--classes", *self.classes],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=self.folder,
            )
            if self._answer(None) is None:
                raise RuntimeError("the valid files cannot be made or read: what failed stands above")
        self.process.stdin.write(f"{json.dumps([name, number])}\n".encode())
        self.process.stdin.flush()
        answer = self._answer(HANG_SECONDS)
        if answer is not None:
            return answer
        ended = self.process.poll()
        self.close()
        return ["hang", f"longer than {HANG_SECONDS:.0f} s"] if ended is None else ["signal", f"status {ended}"]

    def _answer(self, seconds):
        """None where the process has died or says nothing."""
        ready = select.select([self.process.stdout], [], [], seconds)[0]
        line = self.process.stdout.readline() if ready else b""
        if not line:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(HANG_SECONDS if ready else 0.0)
            return None
        return json.loads(line)

    def close(self):
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None


def work(folder, classes):
    """What the process does: read cases from standard input, answer each with its outcome."""
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    import mindspore  # noqa: F401  (its address space is reserved before the limit is set)

    from tools.lab.fuzz_cases import CLASSES, digest

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    readers, truth = {}, {}
    for name in classes:
        if name != COMMAND_LINES:
            home = Path(folder, name.replace(" ", "_").replace(",", ""))
            home.mkdir(exist_ok=True)
            readers[name] = CLASSES[name](home), home
            truth.update({home / file: digest(read(home / file)) for file, read in readers[name][0].items()})
    os.dup2(nowhere, 2)
    print(json.dumps("ready"), file=answers, flush=True)
    for line in sys.stdin:
        name, number = json.loads(line)
        rng = random.Random(f"{name} {number}")
        if name == COMMAND_LINES:
            outcome = _command_line(rng, Path(folder))
        else:
            outcome = _file(rng, *readers[name], truth)
        print(json.dumps(outcome), file=answers, flush=True)


def _command_line(rng, folder):
    from tools.lab.fuzz_commands import command_line, run_command

    script, argv = command_line(rng, folder)
    said = f"{script} {ascii(argv)}"
    return _outcome(lambda: run_command(script, argv), said)[:2]


def _file(rng, readers, home, truth):
    from tools.lab.fuzz_cases import digest
    from tools.lab.fuzz_mutations import mutate_file

    name = rng.choice(sorted(readers))
    path = home / name
    # The case has the name of the valid file and lies beside it, as paths belong to what is read.
    copy = home / "case" / name
    shutil.rmtree(copy.parent, ignore_errors=True)
    copy.parent.mkdir()
    (shutil.copytree if path.is_dir() else shutil.copy)(path, copy)
    victim = rng.choice(sorted(file for file in copy.rglob("*") if file.is_file())) if path.is_dir() else copy
    mutate_file(victim, rng)
    outcome, said, result = _outcome(lambda: digest(readers[name](copy)), str(victim.relative_to(copy.parent)))
    if outcome == "equal" and result != truth[path]:
        outcome = "changed"
    return [outcome, said]


def _outcome(read, said):
    """(outcome, a line about it, what `read` gave)."""
    try:
        return ["equal", said, read()]
    except UserError as error:
        return ["refused", f"{said}: {error}", None]
    except SystemExit as end:
        return ["refused" if end.code in (0, 1, 2) else "traceback", f"{said}: status {end.code}", None]
    except MemoryError:
        return ["memory", f"{said}: {_place()}", None]
    except Exception as error:  # every other error is what is looked for
        return ["traceback", f"{said}: {type(error).__name__}: {ascii(str(error))[:200]} {_place()}", None]


def _place():
    """The last lines of the project in the traceback of the current exception."""
    frames = [
        frame
        for frame in traceback.extract_tb(sys.exc_info()[2])
        if frame.filename.startswith(str(ROOT)) and "site-packages" not in frame.filename
    ]
    return " < ".join(f"{os.path.relpath(frame.filename, ROOT)}:{frame.lineno}" for frame in reversed(frames[-3:]))


def fuzz(seconds, first=0, classes=None, folder=None, cases=None):
    """Run cases of all classes in turn.

    Args:
        seconds (float): how long.
        first (int): number of the first case of each class.
        classes (list): names; None for all.
        folder (str): where to work; None for a temporary one, which is removed.
        cases (int): of each class at most; None for no bound.

    Returns:
        tuple: class -> Counter of outcomes, and the bad cases as (class, number, outcome, line about it).
    """
    from tools.lab.fuzz_cases import CLASSES

    classes = classes or [*CLASSES, COMMAND_LINES]
    counts, bad = {name: collections.Counter() for name in classes}, []
    with contextlib.ExitStack() as stack:
        worker = Worker(folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="fuzz_")), classes)
        stack.callback(worker.close)
        end, number = time.monotonic() + seconds, first
        while time.monotonic() < end and (cases is None or number < first + cases):
            for name in classes:
                outcome, said = worker.run(name, number)
                counts[name][outcome] += 1
                if outcome in BAD:
                    bad.append((name, number, outcome, said))
            number += 1
    return counts, bad


def table(counts):
    """The counts as lines of a Markdown table."""
    lines = [
        "| class | cases | refused | accepted, equal | accepted, changed | traceback | memory | signal | hang |",
        "|" + "---|" * 9,
    ]
    for name, found in counts.items():
        lines.append(
            f"| {name} | {sum(found.values()):,} | " + " | ".join(f"{found[one]:,}" for one in OUTCOMES) + " |"
        )
    return lines


def main(argv):
    parser = Arguments(__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default: 10)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case of each class (default: 0)")
    parser.add_argument("--cases", type=int, help="cases of each class at most")
    parser.add_argument("--classes", nargs="+", help="these classes only")
    parser.add_argument("--folder", help="keep the files there, that of the last case too")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.worker:
        return work(options.worker, options.classes)
    if options.folder:
        os.makedirs(options.folder, exist_ok=True)
    counts, bad = fuzz(60.0 * options.minutes, options.first, options.classes, options.folder, options.cases)
    print("\n".join(table(counts)))
    for name, number, outcome, said in bad[:MAX_LISTED]:
        print(f"{outcome}: {ascii(said)}; python tools/lab/fuzz.py --classes {name!r} --first {number} --cases 1")
    return 1 if bad else 0


if __name__ == "__main__":
    run(main)
