"""The command line of entry scripts that have flags of their own instead of a model's settings."""
import argparse
import sys
from pathlib import Path

from common.errors import UserError


class Arguments(argparse.ArgumentParser):
    """A parser whose complaints are user errors: one sentence and status 1, like those of every other bad input.

    Args:
        description (str): the script's docstring; `--help` shows it as it is written.
        options (dict): further options of argparse.ArgumentParser.
    """

    def __init__(self, description=None, **options):
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(prog=options.pop("prog", Path(sys.argv[0]).name), description=description, allow_abbrev=False,
                         **options)

    def error(self, message):
        """Raise UserError with what argparse found wrong."""
        raise UserError(f"{message} (--help lists every flag)")
