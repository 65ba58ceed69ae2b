"""Errors that a user can mend: one sentence that names the file, key or flag and says what to do."""
import sys


class UserError(Exception):
    """Bad input. Entry scripts print its text after `error: ` and exit with status 1, without a traceback."""


def run(main, argv=None):
    """Run an entry script's `main(argv)` and leave with its status (None counts as 0).

    Only `UserError` and Ctrl-C are turned into a plain message; anything else is a defect and keeps its traceback.
    """
    try:
        status = main(sys.argv[1:] if argv is None else argv)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr, flush=True)
        sys.exit(130)
    sys.exit(status or 0)
