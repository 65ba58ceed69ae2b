"""Predictions over an evaluation set, batch by batch, their errors, and the lines and files that report them.

Source: akanazawa/hmr src/benchmark (`eval_util.py`, `evaluate_h36m.py`): 14 joints in LSP order, relative to the middle
of the hips; what it calls reconstruction error is the error after Procrustes alignment, PA-MPJPE. PCK and AUC of 3D
joints as MPI-INF-3DHP defines them (Mehta et al., 3DV 2017), PCK of 2D joints as for LSP (Yang and Ramanan, 2013).
"""
from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from mindspore import Tensor
from tqdm import tqdm

from common.body_models.files import BodyModel
from common.data.image import AnnotatedImages
from common.data.pipeline import batches_ahead
from common.engine.graph_cache import Compiled
from common.errors import UserError
from common.files import atomic_write, npz_bytes
from common.inference.meshes import Region
from common.metrics import aligned_joint_errors, joint_errors, mean_by_group
from hmr.src.conventions import Convention, network_input
from hmr.src.dataset import NUM_LSP
from hmr.src.inference import crop_person
from hmr.src.network import HMR, JOINTS
from hmr.src.protocols import Subject, true_bodies

LOGGER = logging.getLogger("mindhuman")
# The joints that all datasets share, LSP's.
EVALUATED = JOINTS[:14]
PERCENTILES = (90, 70, 50, 30, 10)
PCK_MM, PCK_TORSO = 150.0, 0.2
AUC_MM = np.arange(0.0, 151.0, 5.0)


@dataclass(frozen=True)
class Viewer:
    """How the network sees people.

    Args:
        network (HMR): trained, in evaluation mode.
        convention (Convention): conventions of its weights.
        kind (str), size (int), margin (float): see `inference.crop_person`.
        batch_size (int): people per call.
    """

    network: HMR | None
    convention: Convention
    kind: str
    size: int
    margin: float
    batch_size: int


@dataclass(frozen=True)
class Results:
    """What was predicted and measured, one row per person.

    Attributes:
        theta (array): (N, 85).
        j3d (array): (N, 14, 3), metres.
        j2d (array): (N, 14, 2), pixels of the image.
        errors (Errors): None where the set has no truth in 3D.
        mean_pa_mpjpe_mm (array): (N,), what the pose that the regressor starts from would give; None likewise.
        subjects (list[Subject]): who the rows are; people whose image cannot be used are left out.
    """

    theta: np.ndarray
    j3d: np.ndarray
    j2d: np.ndarray
    errors: Errors | None
    mean_pa_mpjpe_mm: np.ndarray | None
    subjects: list[Subject]


def predict(viewer: Viewer, subjects: Sequence[Subject], models: dict[str, BodyModel],
            regressor: np.ndarray | None = None) -> Results:
    """Look at everybody once.

    Args:
        viewer (Viewer): network and crop.
        subjects (list[Subject]): whom to look at.
        models (dict): gender -> BodyModel in float32, for true bodies.
        regressor (array): (14, 6890), vertices to joints in LSP's order, instead of HMR's own.

    Raises:
        UserError: an image is missing, none can be used, or predictions are not finite.
    """
    own = models["neutral"].extras["cocoplus_regressor"][:NUM_LSP].astype(np.float32)
    of_mesh = own if regressor is None else regressor.astype(np.float32)
    mean_vertices = viewer.network.body(Tensor(viewer.network.regressor.mean.asnumpy()[None]))[1].asnumpy()[0]
    mean_joints = of_mesh @ mean_vertices
    network = Compiled(viewer.network)
    rows = {name: [] for name in ("theta", "j3d", "j2d", "mean")}
    errors, seen = [], []
    for chunk, images, regions in tqdm(batches(viewer, subjects), total=-(-len(subjects) // viewer.batch_size),
                                       desc="evaluation", disable=None):
        theta, vertices, j2d, j3d, _ = (output.asnumpy()[:len(chunk)] for output in network(Tensor(images)))
        pred = j3d[:, :NUM_LSP] if regressor is None else of_mesh @ vertices
        seen += chunk
        rows["theta"].append(theta)
        rows["j3d"].append(pred)
        rows["j2d"].append(np.stack([np.asarray(region.corner_px) + 0.5 * (points[:NUM_LSP] + 1.0) * region.side_px
                                     for points, region in zip(j2d, regions)]))
        gt_vertices = true_bodies(chunk, models) if chunk[0].pose is not None else None
        if gt_vertices is None and chunk[0].j3d is None:
            continue
        gt = of_mesh @ gt_vertices if gt_vertices is not None else np.stack([subject.j3d for subject in chunk])
        errors.append(measure(pred, gt, vertices if gt_vertices is not None else None, gt_vertices))
        rows["mean"].append(measure(np.broadcast_to(mean_joints, gt.shape), gt).pa_mpjpe_mm)
    joined = {name: np.concatenate(parts) if parts else None for name, parts in rows.items()}
    return Results(joined["theta"], joined["j3d"], joined["j2d"], _joined(errors), joined["mean"], seen)


def batches(viewer: Viewer,
            subjects: Sequence[Subject]) -> Iterator[tuple[tuple[Subject, ...], np.ndarray, tuple[Region, ...]]]:
    """Batches made by threads ahead of the network: subjects, inputs (B, 3, S, S) and regions.

    People whose image cannot be used are left out. The last batch is filled up with copies, so that all have one shape.
    """
    reader = AnnotatedImages(len({subject.image_path for subject in subjects}))

    def make(subject: Subject) -> tuple[Subject, np.ndarray, Region] | None:
        image = reader.read(subject.image_path, subject.size)
        if image is None:
            return None
        crop, region = crop_person(image, subject.found, viewer.kind, viewer.size, viewer.margin)
        return subject, network_input(crop, viewer.convention), region

    for batch in batches_ahead(make, subjects, viewer.batch_size, 4):
        chunk, images, regions = zip(*batch)
        yield chunk, np.stack([*images, *images[-1:] * (viewer.batch_size - len(chunk))]), regions


def _joined(errors: list[Errors]) -> Errors | None:
    """Errors of several batches as one; None for none."""
    if not errors:
        return None
    columns = [[getattr(part, field.name) for part in errors] for field in fields(Errors)]
    return Errors(*(None if column[0] is None else np.concatenate(column) for column in columns))


@dataclass(frozen=True)
class Errors:
    """What was measured, one entry per sample; None where the dataset has no such truth.

    Attributes:
        mpjpe_mm, pa_mpjpe_mm (array): (N,), mean over the joints, before and after Procrustes alignment.
        joints_mm (array): (N, 14), distance of each joint before the alignment.
        pve_mm (array): (N,), mean over the vertices.
    """

    mpjpe_mm: np.ndarray
    pa_mpjpe_mm: np.ndarray
    joints_mm: np.ndarray
    pve_mm: np.ndarray | None = None


def measure(pred_j3d: np.ndarray, gt_j3d: np.ndarray, pred_vertices: np.ndarray | None = None,
            gt_vertices: np.ndarray | None = None) -> Errors:
    """Errors of predictions.

    Args:
        pred_j3d, gt_j3d (array): (N, J >= 14, 3), metres, the first 14 joints in LSP order.
        pred_vertices, gt_vertices (array): (N, V, 3), metres; None where there are no true meshes.

    Raises:
        UserError: there are no samples, or predictions that are not finite.
    """
    pred, gt = (np.asarray(joints, np.float64)[:, :len(EVALUATED)] for joints in (pred_j3d, gt_j3d))
    if len(pred) == 0:
        raise UserError("there are no samples to evaluate: check the dataset's folder and its filters")
    if not np.isfinite(pred).all():
        raise UserError("the network predicts values that are not finite: its weights are damaged, or it was trained "
                        "with too high a learning rate")
    pred_hips, gt_hips = (joints[:, 2:4].mean(1, keepdims=True) for joints in (pred, gt))
    pred, gt, pve_mm = pred - pred_hips, gt - gt_hips, None
    joints_mm = 1000.0 * joint_errors(pred, gt)
    if gt_vertices is not None:
        pve_mm = 1000.0 * joint_errors(pred_vertices - pred_hips, gt_vertices - gt_hips).mean(-1)
    return Errors(joints_mm.mean(-1), 1000.0 * aligned_joint_errors(pred, gt).mean(-1), joints_mm, pve_mm)


def pck_3d(joints_mm: np.ndarray, threshold_mm: float = PCK_MM) -> float:
    """Share of joints (any shape) that are at most `threshold_mm` away, 0 to 100."""
    return 100.0 * float((np.asarray(joints_mm) <= threshold_mm).mean())


def auc_3d(joints_mm: np.ndarray) -> float:
    """Mean of `pck_3d` over thresholds from 0 to 150 mm, 0 to 100."""
    return float(np.mean([pck_3d(joints_mm, threshold) for threshold in AUC_MM]))


def pck_2d(pred_j2d: np.ndarray, gt_j2d: np.ndarray, visible: np.ndarray) -> float:
    """Share of visible joints that lie at most a fifth of the torso, left shoulder to right hip, from the truth.

    Args:
        pred_j2d, gt_j2d (array): (N, J >= 14, 2), LSP order, any one unit.
        visible (array): (N, J), more than 0 where a joint counts.

    Returns:
        float: 0 to 100; NaN when no joint counts. People whose shoulder or hip is hidden are left out.
    """
    shoulder, hip = EVALUATED.index("left_shoulder"), EVALUATED.index("right_hip")
    count = len(EVALUATED)
    pred, gt, visible = (np.asarray(values, np.float64)[:, :count] for values in (pred_j2d, gt_j2d, visible))
    torso = np.linalg.norm(gt[:, shoulder] - gt[:, hip], axis=-1)
    counts = (visible > 0) & (visible[:, [shoulder]] > 0) & (visible[:, [hip]] > 0)
    if not counts.any():
        return float("nan")
    near = np.linalg.norm(pred - gt, axis=-1) <= PCK_TORSO * torso[:, None]
    return 100.0 * float(near[counts].mean())


def summarize_results(results: Results) -> dict:
    """The figures of an evaluation set.

    Args:
        results (Results): of `predict`.

    Returns:
        dict: `people`; what `summarize` gives, where there is a truth in 3D, and `mean_pose_pa_mpjpe`, the error of the
        pose that the regressor starts from; else `pck_2d`, the share of keypoints within a fifth of the torso.
    """
    figures = {"people": len(results.subjects)}
    if results.errors is None:
        kp2d = np.stack([subject.kp2d for subject in results.subjects])
        figures["pck_2d"] = pck_2d(results.j2d, kp2d[..., :2], kp2d[..., 2])
        return figures
    actions = [subject.action for subject in results.subjects]
    figures.update(summarize(results.errors, None if None in actions else actions))
    figures["mean_pose_pa_mpjpe"] = float(results.mean_pa_mpjpe_mm.mean())
    return figures


def summarize(errors: Errors, actions: Sequence[str] | None = None) -> dict:
    """The figures of an evaluation, in mm.

    Args:
        errors (Errors): of all samples.
        actions (sequence of str): (N,), the action of each sample; None where there are none.

    Returns:
        dict: for `mpjpe` and `pa_mpjpe` (and `pve`): a dict with `mean` over samples, `median`, `percentiles` (percent
        -> value) and, with actions, `actions` (name -> mean) and `action_mean`, in which each action weighs the same;
        `pck` and `auc` of the joints before the alignment.
    """
    result = {"pck": pck_3d(errors.joints_mm), "auc": auc_3d(errors.joints_mm)}
    for name, values in (("mpjpe", errors.mpjpe_mm), ("pa_mpjpe", errors.pa_mpjpe_mm), ("pve", errors.pve_mm)):
        if values is None:
            continue
        percentiles = np.percentile(values, PERCENTILES)
        result[name] = {"mean": float(values.mean()), "median": float(np.median(values)),
                        "percentiles": dict(zip(PERCENTILES, percentiles.tolist()))}
        if actions is not None:
            result[name]["actions"], result[name]["action_mean"] = mean_by_group(values, actions)
    return result


def log_figures(dataset: str, figures: dict) -> None:
    """Write the lines of an evaluation."""
    LOGGER.info("%s: %d people", dataset, figures["people"])
    log_summary(figures)
    if "mean_pose_pa_mpjpe" in figures:
        LOGGER.info("For comparison, the pose that the regressor starts from: PA-MPJPE %.2f mm",
                    figures["mean_pose_pa_mpjpe"])


def log_summary(summary: dict) -> None:
    """Write a summary's lines: per action, mean over actions, over all frames, medians, percentiles; or PCK alone."""
    if "pck_2d" in summary:
        LOGGER.info("PCK at 0.2 of the torso: %.2f", summary["pck_2d"])
        return
    mpjpe, aligned = summary["mpjpe"], summary["pa_mpjpe"]
    if "actions" in mpjpe:
        LOGGER.info("%-15s %10s %10s", "Action", "MPJPE", "PA-MPJPE")
        for action, value in mpjpe["actions"].items():
            LOGGER.info("%-15s %10.2f %10.2f", action, value, aligned["actions"][action])
        LOGGER.info("%-15s %10.2f %10.2f", "Mean of actions", mpjpe["action_mean"], aligned["action_mean"])
    LOGGER.info("MPJPE: %.2f mm, median %.2f mm over all frames", mpjpe["mean"], mpjpe["median"])
    LOGGER.info("PA-MPJPE: %.2f mm, median %.2f mm over all frames", aligned["mean"], aligned["median"])
    if "pve" in summary:
        LOGGER.info("PVE: %.2f mm, median %.2f mm over all frames", summary["pve"]["mean"], summary["pve"]["median"])
    for percent in PERCENTILES:
        LOGGER.info("%d percent of the frames: MPJPE at most %.2f mm, PA-MPJPE at most %.2f mm", percent,
                    mpjpe["percentiles"][percent], aligned["percentiles"][percent])
    LOGGER.info("PCK at %.0f mm: %.2f, AUC: %.2f", PCK_MM, summary["pck"], summary["auc"])


def write_results(folder: str, facts: dict, figures: dict, results: Results) -> None:
    """Write `eval_result.json` with the figures and `eval_result.npz` with a row for each person.

    Args:
        folder (str): where to; made when missing.
        facts (dict): what was evaluated.
        figures (dict): of `summarize_results`.
        results (Results): as there.
    """
    text = json.dumps({**facts, "unit": "mm", **figures}, indent=1)
    atomic_write(os.path.join(folder, "eval_result.json"), (text + "\n").encode())
    columns = {"theta": results.theta, "j3d": results.j3d, "j2d": results.j2d}
    if results.errors is not None:
        columns.update({name: value for name, value in vars(results.errors).items() if value is not None})
    columns.update(key=[subject.key for subject in results.subjects],
                   image=[subject.image_path for subject in results.subjects], joints=EVALUATED)
    atomic_write(os.path.join(folder, "eval_result.npz"), npz_bytes(columns, compressed=False))
