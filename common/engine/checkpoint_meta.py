"""The description in a checkpoint: its text is JSON of known types within bounds, or the file is damaged."""
import math

from common.engine.checkpoint_file import DamagedCheckpoint
from common.errors import UserError
from common.text_files import parse_json

MAX_LETTERS = 1 << 20
# Numbers up to here are exact in JSON of other programs too.
_LARGEST = 1 << 53
# Type and smallest value of what every description may say; what else a model writes is checked where it is read.
_KNOWN = {"format": (int, 1), "step": (int, 0), "epoch": (int, 0), "batch": (int, 0), "skipped": (int, 0),
          "counted": (int, 0), "rank_size": (int, 1), "steps_per_epoch": (int, 1), "loss_sum": (float, -math.inf)}


def check_meta(text: str) -> dict:
    """The description as a dictionary.

    Args:
        text (str): of the entry `meta`.

    Raises:
        DamagedCheckpoint: no JSON, no dictionary, a value of another type, or a number beyond its bounds.
    """
    if len(text) > MAX_LETTERS:
        raise DamagedCheckpoint("its description is too long")
    try:
        meta = parse_json(text, "the description")
    except UserError as error:
        raise DamagedCheckpoint(str(error)) from None
    if not isinstance(meta, dict) or not isinstance(meta.get("config", {}), dict) \
            or not isinstance(meta.get("model", ""), str):
        raise DamagedCheckpoint("its description is none")
    for key, (kind, least) in _KNOWN.items():
        value = meta.get(key, 0 if key == "format" else least)  # the format is never missing
        if not isinstance(value, int if kind is int else int | float) or isinstance(value, bool) \
                or not least <= value <= _LARGEST:
            raise DamagedCheckpoint(f"its {key} is none")
    for key, value in meta["config"].items() if "config" in meta else ():
        items = value if isinstance(value, list) else [value]
        if not all(_is_setting(item) for item in items):
            raise DamagedCheckpoint(f"its setting {key} is none")
    return meta


def _is_setting(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str | bool | None) or (isinstance(value, int) and abs(value) <= _LARGEST)
