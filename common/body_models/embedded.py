"""Which body model a network belongs to, and what an exported one holds of it: arrays, and so their licence."""
from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from common.body_models.files import BodyModel
    from common.engine.checkpoint import Checkpoint

LOGGER = logging.getLogger("mindhuman")


def warn_other_body(checkpoint: Checkpoint, key: str, synthetic: bool) -> None:
    """Say it when a network learned the parameters of another kind of body than the one that is posed with them.

    Args:
        checkpoint (Checkpoint): of the network; published weights, which tell nothing, belong to the real body.
        key (str): setting with the path of the body model, empty for the synthetic one.
        synthetic (bool): whether the body that is used is the synthetic one.
    """
    saved = checkpoint.meta.get("config", {})
    if not saved:
        return
    learned = checkpoint.meta.get("body_model", "" if saved.get(key, "file") else "synthetic") == "synthetic"
    if learned != synthetic:
        kinds = ("the synthetic", "the real") if learned else ("the real", "the synthetic")
        advice = f"--{key} names the real one's file (docs/body_models.md)" if synthetic else f"leave --{key} out"
        LOGGER.warning("checkpoint %s was trained with %s body and is used with %s one: results mean little; %s",
                       checkpoint.path, *kinds, advice)


def announce_embedded(path: str, model: BodyModel) -> dict:
    """Say in the log whose arrays an exported file holds.

    Args:
        path (str): the exported file.
        model (BodyModel): the body model inside.

    Returns:
        dict: the same for the description beside the file.
    """
    if model.synthetic:
        LOGGER.info("%s holds the arrays of the synthetic body, which is free of licences", path)
    else:
        LOGGER.warning("%s holds arrays of the body model %s: pass it on only as that file's licence allows", path,
                       model.source)
    return {"kind": model.kind, "file": model.name, "synthetic": model.synthetic}
