"""Joint errors of a lifting function on a split, in millimetres: measured, logged and written; while training too.

Source: una-dinosauria/3d-pose-baseline `predict_3dpose.py`. Differs from it: all frames count; the original left out
what does not fill a last batch of 64, which `drop_remainder_of=64` repeats. With 17 joints the root counts as a joint,
with distance 0 unless the poses are aligned first; with 14 it does not. The lines of the log are the original's.
"""
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from common.config import Config
from common.data.readers.human36m import ACTIONS
from common.engine.callbacks import MetricsCsv, TensorBoard
from common.engine.checkpoint import Checkpoint
from common.engine.loop import Callback, Progress
from common.errors import UserError
from common.files import atomic_write
from common.metrics import aligned_joint_errors, joint_errors
from pose_baseline.src.dataset import Dataset, Split
from pose_baseline.src.network import Lifter, LinearModel
from pose_baseline.src.normalisation import Statistics, targets_to_mm

LOGGER = logging.getLogger("mindhuman")
RULE = "=" * 29
BATCH = 8192


@dataclass(frozen=True)
class Evaluation:
    """Errors in mm.

    error: the headline, `action_mean` or `total_error`. actions: action -> error, in the data set's order.
    action_mean: mean of these, each with the same weight. total_error: mean over all frames. joints: joint -> error
    over all frames. loss: mean squared difference of the normalised values over all frames.
    """

    error: float
    actions: dict
    action_mean: float
    total_error: float
    joints: dict
    loss: float


def evaluate(predict: Callable[[np.ndarray], np.ndarray], split: Split, statistics: Statistics,
             procrustes: bool = False, drop_remainder_of: int | None = None, action_wise: bool = True) -> Evaluation:
    """Measure a lifting function.

    Args:
        predict (function): (n, 32) float32 -> (n, 48 or 42), normalised 2D to normalised 3D.
        procrustes (bool): align every pose with its truth first (similarity, protocol 2).
        drop_remainder_of (int): leave out the frames after the last full batch of this size: of every action for the
            errors per action, of the whole split for the others. None keeps all.
        action_wise (bool): whether `error` is the mean over actions or over frames.
    """
    errors, losses = _errors_and_losses(predict, split, statistics, procrustes)
    rows_of = frames_per_action(split, drop_remainder_of)
    actions = {action: float(errors[rows].mean()) for action, rows in rows_of.items()}
    kept = _kept(len(errors), drop_remainder_of, "the split")
    action_mean, total_error = float(np.mean(list(actions.values()))), float(errors[:kept].mean())
    return Evaluation(
        error=action_mean if action_wise else total_error,
        actions=actions,
        action_mean=action_mean,
        total_error=total_error,
        joints=dict(zip(statistics.evaluated_joints, errors[:kept].mean(0).tolist())),
        loss=float(losses[:kept].mean()))


def frames_per_action(split: Split, drop_remainder_of: int | None = None) -> dict[str, np.ndarray]:
    """action -> rows of the split that count, in the data set's order; arguments as for `evaluate`.

    Raises:
        UserError: an action has fewer frames than one batch.
    """
    rows_of = {}
    for sequence in split.sequences:
        rows_of.setdefault(sequence.action, []).append(np.arange(sequence.start, sequence.stop))
    joined = {action: np.concatenate(rows_of[action]) for action in sorted(rows_of, key=ACTIONS.index)}
    return {action: rows[:_kept(len(rows), drop_remainder_of, action)] for action, rows in joined.items()}


def _errors_and_losses(predict: Callable[[np.ndarray], np.ndarray], split: Split, statistics: Statistics,
                       procrustes: bool) -> tuple[np.ndarray, np.ndarray]:
    """Distance of every joint (N, J) in mm and loss (N,) of every frame."""
    measure = aligned_joint_errors if procrustes else joint_errors
    count = len(split.inputs)
    errors, losses = np.empty((count, len(statistics.evaluated_joints))), np.empty(count)
    for start in range(0, count, BATCH):
        rows = slice(start, start + BATCH)
        targets, outputs = split.targets[rows], predict(split.inputs[rows])
        errors[rows] = measure(targets_to_mm(outputs, statistics), targets_to_mm(targets, statistics))
        losses[rows] = np.square(outputs.astype(np.float64) - targets).mean(1)
    return errors, losses


def _kept(count: int, batch: int | None, of: str) -> int:
    """How many of `count` frames fill whole batches."""
    kept = count if batch is None else count // batch * batch
    if not kept:
        raise UserError(f"{of} has {count} frames, fewer than one batch of {batch}: evaluate all frames instead")
    return kept


def log_evaluation(result: Evaluation, action_wise: bool) -> None:
    """The table of the actions, or the figures over all frames with the error of each joint."""
    if action_wise:
        LOGGER.info("{:=^12} {:=^6}".format("Action", "mm"))
        for action, error in result.actions.items():
            LOGGER.info(f"{action:<12} {error:>6.2f}")
        LOGGER.info("{:<12} {:>6.2f}".format("Average", result.action_mean))
        LOGGER.info("=" * 19)
        return
    LOGGER.info(RULE)
    LOGGER.info("Val loss avg:        %.4f", result.loss)
    LOGGER.info("Val error avg (mm):  %.2f", result.total_error)
    LOGGER.info(RULE)
    for number, (joint, error) in enumerate(result.joints.items(), 1):
        LOGGER.info("Error in joint %02d (mm): %5.2f  %s", number, error, joint)
    LOGGER.info(RULE)


def write_evaluation(path: str, result: Evaluation, checkpoint: Checkpoint, config: Config,
                     frames: int) -> None:
    """The result of an evaluation as JSON, for programs."""
    protocol = "PA-MPJPE (each pose aligned by rotation, translation and scale)" if config.procrustes else "MPJPE"
    content = {"metric": protocol, "unit": "mm", "error": result.error, "action_mean": result.action_mean,
               "all_frames": result.total_error, "actions": result.actions, "joints": result.joints,
               "loss": result.loss, "frames": frames, "checkpoint": checkpoint.path,
               "step": checkpoint.meta.get("step"), "detections": config.detections,
               "camera_frame": config.camera_frame, "drop_remainder": config.drop_remainder}
    atomic_write(path, (json.dumps(content, indent=1) + "\n").encode())


class Evaluate(Callback):
    """Measure the error on the test subjects after each `eval_every` epochs and after the last."""

    def __init__(self, config: Config, network: LinearModel, data: Dataset,
                 recorders: Iterable[MetricsCsv | TensorBoard]):
        self.config, self.lifter, self.data, self.recorders = config, Lifter(network), data, recorders

    def on_epoch_end(self, progress: Progress) -> None:
        last = progress.epoch + 1 == progress.epochs
        if self.data.test is None or not ((progress.epoch + 1) % self.config.eval_every == 0 or last):
            return
        self.lifter.refresh()
        result = evaluate(self.lifter, self.data.test, self.data.statistics, self.config.procrustes,
                          self.config.batch_size if self.config.drop_remainder else None,
                          self.config.evaluateActionWise)
        log_evaluation(result, self.config.evaluateActionWise)
        progress.metrics = {"error_mm": result.error}
        for recorder in self.recorders:
            recorder.record_metrics(progress)
