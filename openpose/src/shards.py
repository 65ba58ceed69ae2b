"""The predictions of all workers of an evaluation in one place."""
import dataclasses

from common.engine import shards
from openpose.src.evaluate import Predictions, merge


def gather(part, folder, runtime):
    """The predictions of all workers.

    Args:
        part (Predictions): of this worker.
        folder (str): folder that all workers see.
        runtime (Runtime): this worker.

    Returns:
        Predictions: of all workers on the main one, of this one on the others.
    """
    parts = shards.gather(dataclasses.asdict(part), folder, runtime)
    return merge([Predictions(**content) for content in parts])
