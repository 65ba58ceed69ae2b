"""A look at where the time of some training steps goes: a timeline and a table of the slowest operators.

MindSpore's profiler leaves its findings in many files that differ by device; this keeps two of equal names everywhere:
timeline.json (open it in chrome://tracing or ui.perfetto.dev) and operators.csv.
"""
import collections
import csv
import io
import json
import logging
import pathlib
import re
import shutil
import tempfile

import mindspore as ms

from common.engine.loop import Callback, Progress
from common.files import atomic_write
from common.text_files import read_json

LOGGER = logging.getLogger("mindhuman")
OPERATOR = re.compile(r"([A-Za-z_]\w*?)-op\d+$")
SKIP, STEPS = 3, 10  # updates before the recording, and updates in it
ROWS = 15  # of the table in the log
FIELDS = ("operator", "calls_per_step", "ms_per_step", "share")


class Profiling(Callback):
    """Records some updates after the first ones, which compile, and writes what they spent their time on.

    Args:
        folder (str): where timeline.json and operators.csv go.
    """

    def __init__(self, folder: str):
        self.folder = pathlib.Path(folder)
        self.profiler = self.raw = None
        self.seen = 0

    def on_start(self, progress: Progress) -> None:
        self.seen = 0
        self.first = progress.step

    def wants(self, batch: int) -> bool:
        # Results are fetched together; the recording has to begin and end at its own updates.
        return self.seen <= SKIP + STEPS

    def on_step(self, progress: Progress) -> None:
        self.seen += 1
        if self.seen == SKIP:
            self.raw = tempfile.mkdtemp(prefix="profile-")
            self.profiler = ms.Profiler(output_path=self.raw, start_profile=True)
        elif self.profiler is not None and self.seen == SKIP + STEPS:
            self._finish()

    def on_end(self, progress: Progress) -> None:
        if self.profiler is not None:
            LOGGER.warning("The run ended before %d updates were recorded", STEPS)
            self._finish(max(1, self.seen - SKIP))
        elif self.seen < SKIP:
            LOGGER.warning("--profile: the run has %d updates, the recording begins after %d", self.seen, SKIP)

    def _finish(self, steps: int | None = None) -> None:
        self.profiler.analyse()
        self.profiler = None
        try:
            events = read_events(self.raw)
        finally:
            shutil.rmtree(self.raw, ignore_errors=True)
        if not events:
            LOGGER.warning("MindSpore's profiler recorded no operators on this device")
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        atomic_write(self.folder / "timeline.json", json.dumps(events).encode())
        table = summarise(events, steps or STEPS)
        atomic_write(self.folder / "operators.csv", as_csv(table).encode())
        LOGGER.info("Operators of a step, of %d recorded ones (all of them in %s):", steps or STEPS,
                    self.folder / "operators.csv")
        for line in as_text(table[:ROWS]).splitlines():
            LOGGER.info("%s", line)


def read_events(folder: str) -> list[dict]:
    """The events of a recording: those of MindSpore's timeline, in Chrome's trace format."""
    events = []
    for path in sorted(pathlib.Path(folder).rglob("trace_view.json")):
        events += read_json(path)
    return events


def summarise(events: list[dict], steps: int) -> list[tuple]:
    """Time per kind of operator: `FIELDS` per kind of operator, the slowest first.

    Args:
        events (list[dict]): in Chrome's trace format; names end with `<operator>-op<number>`, `dur` is in microseconds.
        steps (int): updates that they cover.
    """
    time, calls = collections.Counter(), collections.Counter()
    for event in events:
        operator = OPERATOR.search(str(event.get("name", "")))
        if event.get("ph") == "X" and operator:
            time[operator.group(1)] += float(event["dur"]) / 1000
            calls[operator.group(1)] += 1
    total = sum(time.values()) or 1.0
    return [(name, calls[name] / steps, value / steps, value / total) for name, value in time.most_common()]


def as_csv(table: list[tuple]) -> str:
    """The table of `summarise` as csv."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    writer.writerows((name, f"{calls:g}", f"{milliseconds:.4f}", f"{share:.4f}")
                     for name, calls, milliseconds, share in table)
    return text.getvalue()


def as_text(table: list[tuple]) -> str:
    """The table of `summarise` as lines."""
    lines = [f"  {'operator':28s}{'calls':>8s}{'ms':>10s}{'share':>8s}"]
    lines += [f"  {name:28s}{calls:8.1f}{milliseconds:10.3f}{share:8.1%}" for name, calls, milliseconds, share in table]
    return "\n".join(lines)
