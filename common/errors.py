"""Errors that a user can mend: one sentence that names the file, key or flag and says what to do.

Code names a setting by its key, as in `--ckpt_file`. A user may have written it otherwise: by an alias, or in a yaml
file. `read_as` is told so when the command line is read, and what is printed names the setting as it was written.
"""
import contextlib
import errno
import os
import re
import reprlib
import shlex
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn, TextIO

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG)

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 80

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_WRITTEN = {}


class UserError(Exception):
    """Bad input. Entry scripts print its text after `error: ` and exit with status 1, without a traceback."""


def read_as(written: Mapping[str, str]) -> None:
    """Remember how the settings of this process were written.

    Args:
        written (dict): key -> flag that was typed (`--checkpoint`) or place in a file (`my.yaml: ckpt_file`); a later
            call adds to the earlier ones.
    """
    _WRITTEN.update(written)


def as_written(text: str) -> str:
    """A message with each setting named as it was written.

    A place in a file takes the place of a flag where the message speaks of its value: at the beginning, and in
    brackets; further in, a flag is advice.
    """
    def name(match: re.Match) -> str:
        written = _WRITTEN.get(match["key"], match["flag"])
        alone = match.start() == 0 or text[match.start() - 1] + text[match.end():match.end() + 1] == "()"
        return written if written.startswith("--") or alone else match["flag"]

    return re.sub(r"(?<![\w-])(?P<flag>--(?P<key>\w+))(?![\w-])", name, text)


def from_here(text: str) -> str:
    """A message whose commands of the project work in the current folder.

    Code writes `python tools/get_weights.py`, as the root knows it; elsewhere the file gets its full path.
    """
    def command(match: re.Match) -> str:
        path = os.path.join(ROOT, match["path"])
        if os.path.exists(match["path"]) or not os.path.exists(path):
            return match[0]
        return f"{match['program']} {shlex.quote(path)}"

    return re.sub(r"(?<![\w/.-])(?P<program>python|bash) (?P<path>\w+/[\w/]+\.(?:py|sh))", command, text)


def for_reader(text: str) -> str:
    """A message as it is printed: one line, settings as they were written, commands as they work here."""
    return printable(from_here(as_written(text)))


class OutputClosed(SystemExit):
    """Nobody takes what standard output says; no `except Exception` on the way may keep the program running."""


def run(main: Callable[[Sequence[str]], int | None], argv: Sequence[str] | None = None) -> NoReturn:
    """Run an entry script's `main(argv)` and leave with its status (None counts as 0).

    `UserError`, Ctrl-C, a package that is not installed, a full disk, too little memory and a standard output that
    cannot be written to (`| head`, /dev/full) end in a plain message or none; anything else is a defect and keeps its
    traceback.
    """
    for stream in filter(None, (sys.stdout, sys.stderr)):
        # A name that the terminal's encoding lacks is no reason to stop. A notebook's streams have no such method.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    output = sys.stdout
    sys.stdout = output and _Output(output)
    try:
        status = _run(main, sys.argv[1:] if argv is None else argv)
        if sys.stdout is not None:
            sys.stdout.flush()
    finally:
        sys.stdout = output
    sys.exit(status)


def _run(main: Callable[[Sequence[str]], int | None], argv: Sequence[str]):
    """The status of `main`."""
    try:
        return main(argv) or 0
    except SystemExit as end:
        return end.code
    except UserError as error:
        return _complain(f"error: {for_reader(str(error))}")
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if not package or os.path.exists(os.path.join(ROOT, package)):
            raise
        return _complain(from_here(f"error: {sys.executable} lacks the package {package}: make the environment with "
                                   "`bash scripts/setup.sh` and call .venv/bin/python"))
    except MemoryError as error:
        return _complain(f"error: there is not enough memory ({printable(error) or 'the system gives no more'}); take "
                         "a smaller batch, network or input, or end other programs")
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        return _complain(f"error: {printable(error.filename or 'a file')} cannot be written: {error.strerror}")
    except KeyboardInterrupt:
        return _complain("interrupted", 130)


def _complain(text: str, status: int = 1) -> int:
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)
    return status


class _Output:
    """Standard output that ends the program when it cannot be written to; without a word where nobody reads it."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def __getattr__(self, name: str):
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        return self._guarded(self._stream.write, text)

    def flush(self) -> None:
        return self._guarded(self._stream.flush)

    def _guarded(self, function: Callable, *arguments: object):
        try:
            return function(*arguments)
        except OSError as error:
            failure = error
        # What is still buffered is sent nowhere, else the interpreter complains at its end.
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        if not isinstance(failure, BrokenPipeError):
            _complain(f"error: standard output cannot be written: {failure.strerror}")
        raise OutputClosed(1)


def printable(text: object) -> str:
    """Text for a log line, an error or a plot title: one line without control characters or lone surrogates.

    What is replaced is written as in Python's string literals: a newline becomes backslash and n.
    """
    text = str(text)
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or unicodedata.category(letter) == "Zs"
                   else letter.encode("unicode_escape").decode("ascii") for letter in text)


def reason(error: object) -> str:
    """What an error of a library says, for the middle of a sentence: one line, at most 150 letters."""
    text = " ".join(printable(str(error)[:500]).split())
    return text if len(text) <= 150 else text[:147] + "..."


def first_line(error: Exception) -> str:
    """The first line with text of what an error of the framework says, else its type."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def brief(value: object) -> str:
    """A value that some file holds, for an error text: its representation, cut short where it is long or deep."""
    try:
        return printable(_SHORT.repr(value))
    except (ValueError, RecursionError, MemoryError):  # numbers of thousands of digits, endless structures
        return f"a very large {type(value).__name__}"


def counted(count: int, one: str, several: str = "") -> str:
    """`1 image`, `2 images`; several people need the third argument."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def some(names: Sequence[str]) -> str:
    """The first of many names, for an error text."""
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
