"""What a check of a data folder found, and how it is shown."""
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from common.data.catalogue import DataSet
from common.errors import UserError

OK, NOTE, ERROR = "ok", "note", "error"


class Finding(NamedTuple):
    """One row: level is OK, NOTE (usable, with less) or ERROR (training is not possible); advice says what to do."""

    level: str
    item: str
    found: str
    advice: str = ""


def check_set(item: str, data_set: DataSet, folder: str | None, read: Callable[[str], str | Finding],
              failed: str = ERROR, advice: str = "") -> Finding:
    """The row of one data set.

    Args:
        item: name of the row.
        data_set: of the catalogue.
        folder: where it lies; None where it is not there, which is no more than a note.
        read: folder -> what was found there, in words, or a whole row.
        failed: level of files that cannot be read. advice: what to do about them.
    """
    if folder is None:
        return Finding(NOTE, item, f"no folder {' or '.join(data_set.folders[:2])}", f"get it from {data_set.source}")
    try:
        found = read(folder)
    except UserError as error:
        return Finding(failed, item, str(error), advice)
    return found if isinstance(found, Finding) else Finding(OK, item, found)


def spread(count: int, most: int) -> list[int]:
    """Numbers of `most` of `count` items, evenly spread, or of all."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int)).tolist() if count else []


def format_table(findings: list[Finding]) -> str:
    """The findings as aligned text, each advice on a line of its own."""
    widths = [max(len(getattr(finding, field)) for finding in findings) for field in ("level", "item")]
    lines = []
    for finding in findings:
        lines.append(f"{finding.level:<{widths[0]}}  {finding.item:<{widths[1]}}  {finding.found}".rstrip())
        if finding.advice:
            lines.append(f"{'':<{sum(widths) + 4}}-> {finding.advice}")
    return "\n".join(lines)
