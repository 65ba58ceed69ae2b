"""What a check of a data folder found, and how it is shown."""
from typing import NamedTuple

OK, NOTE, ERROR = "ok", "note", "error"


class Finding(NamedTuple):
    """One row: level is OK, NOTE (usable, with less) or ERROR (training is not possible); advice says what to do."""

    level: str
    item: str
    found: str
    advice: str = ""


def format_table(findings):
    """The findings as aligned text, each advice on a line of its own."""
    widths = [max(len(getattr(finding, field)) for finding in findings) for field in ("level", "item")]
    lines = []
    for finding in findings:
        lines.append(f"{finding.level:<{widths[0]}}  {finding.item:<{widths[1]}}  {finding.found}".rstrip())
        if finding.advice:
            lines.append(f"{'':<{sum(widths) + 4}}-> {finding.advice}")
    return "\n".join(lines)
