"""Errors that a user can mend: one sentence that names the file, key or flag and says what to do.

Code names a setting by its key, as in `--ckpt_file`. A user may have written it otherwise: by an alias, or in a yaml
file. `read_as` is told so when the command line is read, and what is printed names the setting as it was written.
"""
import re
import sys

_WRITTEN = {}


class UserError(Exception):
    """Bad input. Entry scripts print its text after `error: ` and exit with status 1, without a traceback."""


def read_as(written):
    """Remember how the settings of this process were written.

    Args:
        written (dict): key -> flag that was typed (`--checkpoint`) or place in a file (`my.yaml: ckpt_file`); a later
            call adds to the earlier ones.
    """
    _WRITTEN.update(written)


def as_written(text):
    """A message with each setting named as it was written.

    A place in a file takes the place of a flag where the message speaks of its value: at the beginning, and in
    brackets; further in, a flag is advice.
    """
    def name(match):
        written = _WRITTEN.get(match["key"], match["flag"])
        alone = match.start() == 0 or text[match.start() - 1] + text[match.end():match.end() + 1] == "()"
        return written if written.startswith("--") or alone else match["flag"]

    return re.sub(r"(?<![\w-])(?P<flag>--(?P<key>\w+))(?![\w-])", name, text)


def run(main, argv=None):
    """Run an entry script's `main(argv)` and leave with its status (None counts as 0).

    Only `UserError` and Ctrl-C are turned into a plain message; anything else is a defect and keeps its traceback.
    """
    try:
        status = main(sys.argv[1:] if argv is None else argv)
    except UserError as error:
        print(f"error: {as_written(str(error))}", file=sys.stderr, flush=True)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr, flush=True)
        sys.exit(130)
    sys.exit(status or 0)
