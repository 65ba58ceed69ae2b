"""The project's log: plain lines on standard output."""
import logging
import sys

from common.errors import for_reader

LOGGER = logging.getLogger("mindhuman")


class _Format(logging.Formatter):
    """Plain lines for information, `warning:` or `error:` in front of the others, the rank where there are several."""

    def __init__(self, rank: int, rank_size: int):
        super().__init__("%(message)s")
        self.prefix = f"[rank {rank}] " if rank_size > 1 else ""

    def format(self, record: logging.LogRecord) -> str:
        level = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        return self.prefix + level + super().format(record)


def _printable(record: logging.LogRecord) -> bool:
    """A filter that lets every record pass: names from files cannot forge lines or stop the terminal.

    Settings are named as they were written, commands as they work in the current folder.
    """
    record.msg, record.args = for_reader(record.getMessage()), ()
    return True


def set_up_logging(rank: int = 0, rank_size: int = 1) -> None:
    """Send the project's log to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Format(rank, rank_size))
    LOGGER.handlers[:] = [handler]
    LOGGER.addFilter(_printable)
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
