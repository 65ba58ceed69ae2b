"""A network's answers about the people of an evaluation set, batch by batch, and their errors."""
from dataclasses import dataclass, fields

import numpy as np
from mindspore import Tensor
from tqdm import tqdm

from common.data.image import AnnotatedImages
from common.data.pipeline import batches_ahead
from hmr.src.evaluate import Errors, measure
from hmr.src.inference import crop_person
from hmr.src.people import NUM_LSP
from hmr.src.profiles import network_input
from hmr.src.protocols import true_bodies


@dataclass(frozen=True)
class Viewer:
    """How the network sees people.

    Args:
        network (HMR): trained, in evaluation mode.
        profile (Profile): conventions of its weights.
        kind (str), size (int), margin (float): see `inference.crop_person`.
        batch_size (int): people per call.
    """

    network: object
    profile: object
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
        j2d (array): (N, 14, 2), pixels of the picture.
        errors (Errors): None where the set has no truth in 3D.
        mean_pa_mpjpe_mm (array): (N,), what the pose that the regressor starts from would give; None likewise.
        subjects (list[Subject]): who the rows are; people whose image cannot be used are left out.
    """

    theta: np.ndarray
    j3d: np.ndarray
    j2d: np.ndarray
    errors: Errors = None
    mean_pa_mpjpe_mm: np.ndarray = None
    subjects: list = None


def predict(viewer, subjects, models, regressor=None):
    """Look at everybody once.

    Args:
        viewer (Viewer): network and crop.
        subjects (list[Subject]): whom to look at.
        models (dict): gender -> BodyModel in float32, for true bodies.
        regressor (array): (14, 6890), vertices to joints in LSP's order, instead of HMR's own.

    Returns:
        Results

    Raises:
        UserError: an image is missing, none can be used, or predictions are not finite.
    """
    own = models["neutral"].extras["cocoplus_regressor"][:NUM_LSP].astype(np.float32)
    of_mesh = own if regressor is None else regressor.astype(np.float32)
    mean_joints = of_mesh @ _mean_vertices(viewer.network)
    rows = {name: [] for name in ("theta", "j3d", "j2d", "mean")}
    errors, seen = [], []
    for chunk, images, regions in tqdm(batches(viewer, subjects), total=-(-len(subjects) // viewer.batch_size),
                                       desc="evaluation", disable=None):
        theta, vertices, j2d, j3d, _ = (output.asnumpy()[:len(chunk)] for output in viewer.network(Tensor(images)))
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


def _mean_vertices(network):
    """The body (6890, 3) that the regressor starts from."""
    return network.body(Tensor(network.regressor.mean.asnumpy()[None]))[1].asnumpy()[0]


def _joined(errors):
    """Errors of several batches as one; None for none."""
    if not errors:
        return None
    columns = [[getattr(part, field.name) for part in errors] for field in fields(Errors)]
    return Errors(*(None if column[0] is None else np.concatenate(column) for column in columns))


def batches(viewer, subjects):
    """Batches made by threads ahead of the network: subjects, inputs (B, 3, S, S) and regions.

    People whose image cannot be used are left out. The last batch is filled up with copies, so that all have one shape.
    """
    reader = AnnotatedImages(len({subject.image_path for subject in subjects}))

    def make(subject):
        image = reader.read(subject.image_path, subject.size)
        if image is None:
            return None
        crop, region = crop_person(image, subject.found, viewer.kind, viewer.size, viewer.margin)
        return subject, network_input(crop, viewer.profile), region

    for batch in batches_ahead(make, subjects, viewer.batch_size, 4):
        chunk, images, regions = zip(*batch)
        yield chunk, np.stack([*images, *images[-1:] * (viewer.batch_size - len(chunk))]), regions
