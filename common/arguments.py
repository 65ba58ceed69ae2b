"""The command line: argparse whose complaints are user errors of one sentence each."""
import argparse
import difflib
import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from common.errors import UserError

DASHES = "-\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}"  # a text that was copied from a page may hold any of them


class Arguments(argparse.ArgumentParser):
    """A parser whose complaints are user errors: one sentence and status 1, like those of every other bad input.

    Args:
        description (str): the script's docstring; `--help` shows it as it is written.
        options (dict): further options of argparse.ArgumentParser.
    """

    def __init__(self, description: str | None = None, **options: Any):
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(prog=options.pop("prog", Path(sys.argv[0]).name), description=description, allow_abbrev=False,
                         **options)
        # Only two hyphens make a flag (and -h); what begins with one may be a value: -1x368, -20,10,300,400.
        self._negative_number_matcher = re.compile("-[^-]")
        self.words = []

    def parse_args(self, args: Sequence[str] | None = None,
                   namespace: argparse.Namespace | None = None) -> argparse.Namespace:
        """The arguments; a word that is neither a flag nor the value of one is refused."""
        self.words = [_at_home(word) for word in (sys.argv[1:] if args is None else args)]
        known, unknown = self.parse_known_args(self.words, namespace)
        if unknown:
            word = unknown[0].split("=")[0]
            if word[:1] in DASHES:
                flags = [flag.lstrip("-") for flag in self._option_string_actions]
                self.error(f"unknown flag {word}{suggest(word.lstrip(DASHES), flags, '--')}")
            raise UserError(f"unexpected argument {unknown[0]!r}: values follow their flag, as in --key value")
        return known

    def _get_values(self, action: argparse.Action, words: list[str]):
        """As argparse, which takes the two hyphens of --flag=-- for an end of flags and gives an empty list."""
        values = super()._get_values(action, words)
        return self._get_value(action, "--") if values == [] and action.nargs in (None, argparse.OPTIONAL) else values

    def error(self, message: str) -> NoReturn:
        """Raise UserError with what argparse found wrong, under the name that was typed."""
        match = re.match(r"argument (\S+): (.*)", message)
        if match:
            names = match[1].split("/")
            reason = match[2].replace("expected one argument", "a value has to follow it")
            message = f"{next((name for name in names if name in self.words), names[0])}: {reason}"
        raise UserError(f"{message} (--help lists every flag)")


def _at_home(word: str) -> str:
    """A word with ~ for the home folder, which shells leave as it is in --key=~/file and within quotes."""
    flag, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    return flag + equals + home_path(value)


def home_path(path: str) -> str:
    """A path that begins with ~ for the home folder, unless there is a file of this very name."""
    return os.path.expanduser(path) if path.startswith("~") and not os.path.lexists(path) else path


def suggest(name: str, keys: Iterable[str], prefix: str = "") -> str:
    """`; did you mean ...?` with the keys that are most like a name, or an empty text."""
    close = [key for key in keys if key.startswith(name)] or difflib.get_close_matches(name, list(keys), 2)
    return f"; did you mean {' or '.join(prefix + key for key in close[:2])}?" if close else ""


def join_boxes(argv: Sequence[str]) -> list[str]:
    """A command line in which one --bbox holds the boxes of all; values may begin with a minus sign.

    Raises:
        UserError: --bbox without a value.
    """
    boxes, others, words = [], [], iter(argv)
    for word in words:
        if word == "--bbox" or word.startswith("--bbox="):
            boxes.append(word.partition("=")[2] or next(words, ""))
        else:
            others.append(word)
    if not all(boxes):
        raise UserError("--bbox needs a value: left,top,width,height in px")
    return [*others, f"--bbox={';'.join(boxes)}"] if boxes else others
