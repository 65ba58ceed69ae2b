"""What an exported network holds of a body model: its arrays become part of the file, and so does their licence."""
import logging
import os

LOGGER = logging.getLogger("mindhuman")


def announce_embedded(path, model):
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
    return {"kind": model.kind, "file": "synthetic" if model.synthetic else os.path.basename(model.source),
            "synthetic": model.synthetic}
