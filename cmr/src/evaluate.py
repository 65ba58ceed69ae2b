"""The evaluation protocols of GraphCMR: shape, pose and segmentation of both meshes, and their printed lines.

Source: nkolot/GraphCMR `eval.py`. Differs from it: the intermediate lines count the newest batch too, and every item of
a data set counts, whatever the batch size.
"""
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from cmr.src.dataset import CMRDataset
from cmr.src.mesh import GraphBody
from common.config import Config
from common.data.crops import crop_corners
from common.data.pipeline import batches_ahead
from common.engine.checkpoint import Checkpoint
from common.errors import UserError
from common.files import atomic_write
from common.geometry.projection import crop_translation
from common.joints import SKELETONS, index_map
from common.metrics import aligned_joint_errors, joint_errors
from common.visual.cameras import PerspectiveCamera
from common.visual.renderer import rasterise

LOGGER = logging.getLogger("mindhuman")
MM = 1000.0  # per metre
_H36M, _LSP = SKELETONS["h36m_17"], SKELETONS["lsp_14"]
# Rows of J_regressor_h36m: Human3.6M's order with the left leg first.
REGRESSED_JOINTS = _H36M[:1] + _H36M[4:7] + _H36M[1:4] + _H36M[7:]
# What is compared: LSP's 14 joints in its order, neck and head where Human3.6M has them.
H36M_TO_J14 = index_map(REGRESSED_JOINTS, (*_LSP[:12], "thorax", "head"))
J24_TO_J14 = index_map("graphcmr_24", (*SKELETONS["graphcmr_24"][:13], "h36m_head"))
NUM_PARTS = 7  # background, then six parts of the body
IGNORED = 255  # pixels of a part segmentation that nobody labelled
FOCAL_PX = 5000.0  # of the camera that meshes are rendered with


class MeshPrediction(NamedTuple):
    """What `CMR` gives for a batch, as arrays: see there."""

    vertices: np.ndarray
    camera: np.ndarray
    smpl_vertices: np.ndarray
    rotmat: np.ndarray
    betas: np.ndarray


def crop_camera(cam: np.ndarray, size: int) -> PerspectiveCamera:
    """The camera (3,), s, tx, ty, of the network as one that looks at a crop of `size` px."""
    return PerspectiveCamera(FOCAL_PX, (size / 2, size / 2), translation=crop_translation(cam[None], FOCAL_PX, size)[0])


class ShapeErrors:
    """Mean distance of the vertices, without alignment (up-3d).

    `update` takes a `MeshPrediction` and a batch with `vertices` (B, 6890, 3), the true mesh in metres.
    """

    def __init__(self):
        self.errors = np.zeros((0, 2))

    def update(self, prediction: MeshPrediction, batch: Mapping) -> None:
        rows = [joint_errors(mesh, batch["vertices"]).mean(-1) for mesh in (prediction.vertices,
                                                                            prediction.smpl_vertices)]
        self.errors = np.concatenate([self.errors, np.stack(rows, -1)])

    def results(self) -> dict[str, float]:
        """Means in mm: name -> value."""
        free, body = MM * self.errors.mean(0)
        return {"Shape Error (NonParam)": float(free), "Shape Error (Param)": float(body)}


class PoseErrors:
    """MPJPE and reconstruction error (after similarity alignment) of 14 joints (h36m-p1, h36m-p2, 3dpw).

    The predicted joints count from the regressed pelvis, the true ones are taken as they are. `update` takes a
    `MeshPrediction` and a batch with `j3d` (B, 14, 3), metres.

    Args:
        regressor (array): (17, 6890), J_regressor_h36m.
    """

    def __init__(self, regressor: np.ndarray):
        self.regressor = np.asarray(regressor, np.float64)
        self.errors = np.zeros((0, 4))

    def joints(self, vertices: np.ndarray) -> np.ndarray:
        """(B, 6890, 3) -> (B, 14, 3) from the pelvis, float64."""
        joints = self.regressor @ np.asarray(vertices, np.float64)
        return joints[:, H36M_TO_J14] - joints[:, [REGRESSED_JOINTS.index("pelvis")]]

    def update(self, prediction: MeshPrediction, batch: Mapping) -> None:
        rows = []
        for mesh in (prediction.vertices, prediction.smpl_vertices):
            joints = self.joints(mesh)
            rows += [joint_errors(joints, batch["j3d"]).mean(-1), aligned_joint_errors(joints, batch["j3d"]).mean(-1)]
        self.errors = np.concatenate([self.errors, np.stack(rows, -1)])

    def results(self) -> dict[str, float]:
        """Means in mm: name -> value."""
        names = [f"{error} ({mesh})" for mesh in ("NonParam", "Param") for error in ("MPJPE", "Reconstruction Error")]
        return dict(zip(names, (MM * self.errors.mean(0)).tolist()))


class Segmentation:
    """Accuracy and F1 of the silhouette and of six body parts, free mesh only (lsp).

    `update` takes a `MeshPrediction` and a batch with `center` (B, 2) px, `scale` (B,), and `mask` and `parts`: a list
    each of true segmentations (H, W) at the size of the images; parts 0..6, 255 where nobody labelled.

    Args:
        faces (array): (F, 3).
        part_of (function): face (K,) and barycentric weights (K, 3) of places on the mesh -> parts (K,), 1..6.
        size (int): side of the crop in pixels.
    """

    def __init__(self, faces: np.ndarray, part_of: Callable[[np.ndarray, np.ndarray], np.ndarray], size: int):
        self.faces, self.part_of, self.size = faces, part_of, size
        self.mask, self.parts = Counts(2), Counts(NUM_PARTS)

    def update(self, prediction: MeshPrediction, batch: Mapping) -> None:
        for index, (vertices, cam) in enumerate(zip(prediction.vertices, prediction.camera)):
            parts = batch["parts"][index]
            restored = uncrop(self.render(vertices, cam), batch["center"][index], batch["scale"][index], parts.shape)
            self.mask.add(restored > 0, np.asarray(batch["mask"][index]) > 0)
            self.parts.add(restored, parts)

    def render(self, vertices: np.ndarray, cam: np.ndarray) -> np.ndarray:
        """Part of each pixel of the crop, (size, size) uint8, 0 where no mesh is."""
        raster = rasterise(vertices, self.faces, crop_camera(cam, self.size), (self.size, self.size))
        parts = np.zeros((self.size, self.size), np.uint8)
        parts.reshape(-1)[raster.pixels] = self.part_of(raster.face.reshape(-1)[raster.pixels], raster.weights)
        return parts

    def results(self) -> dict[str, float]:
        """Shares of pixels and means over the classes: name -> value."""
        return {"Accuracy": self.mask.accuracy, "F1": self.mask.f1,
                "Parts Accuracy": self.parts.accuracy, "Parts F1 (BG)": self.parts.f1}


class Counts:
    """Pixels of a segmentation that agree, by class, over a data set.

    As in the original, pixels that nobody labelled stay out of F1, but count as background for the accuracy.

    Args:
        num_classes (int): classes 0, 1, ...
    """

    def __init__(self, num_classes: int):
        self.right, self.total = 0, 0
        self.both, self.predicted, self.true = (np.zeros(num_classes, np.int64) for _ in range(3))

    def add(self, predicted: np.ndarray, true: np.ndarray) -> None:
        """Count one image; both (H, W), bool or integer."""
        predicted, true = np.asarray(predicted, np.int64), np.asarray(true, np.int64)
        if predicted.shape != true.shape:
            raise UserError(f"a segmentation of {true.shape[1]}x{true.shape[0]} pixels belongs to an image of "
                            f"{predicted.shape[1]}x{predicted.shape[0]}: prepare the data set again")
        labelled = true != IGNORED
        classes = len(self.both)
        self.both += np.bincount(true[labelled & (predicted == true)], minlength=classes)[:classes]
        self.predicted += np.bincount(predicted[labelled], minlength=classes)[:classes]
        self.true += np.bincount(true[labelled], minlength=classes)[:classes]
        self.right += int((predicted == np.where(labelled, true, 0)).sum())
        self.total += true.size

    @property
    def accuracy(self) -> float:
        """Share of the pixels whose class is right."""
        return self.right / self.total

    @property
    def f1(self) -> float:
        """Mean of 2 TP / (2 TP + FP + FN) over the classes that were seen."""
        # Predicted and true pixels of a class hold its true positives once each.
        either = self.predicted + self.true
        return float((2 * self.both[either > 0] / either[either > 0]).mean())


def uncrop(image: np.ndarray, center: np.ndarray, scale: float, image_size: tuple[int, int]) -> np.ndarray:
    """A segmentation of the crop in the pixels of its image, nearest neighbour, zero outside the crop.

    Args:
        image (array): (S, S), integer or bool.
        center (array): (2,), px. scale (float): side / 200 px; the crop's box as in `crops.crop_stretched`.
        image_size (tuple): height and width of the image.

    Returns:
        numpy.ndarray: `image_size`, uint8.
    """
    size = image.shape[0]
    upper, lower = crop_corners(center, scale, size)
    out = np.zeros(image_size, np.uint8)
    first, last = np.maximum(upper, 0), np.minimum(lower, image_size[::-1])
    if (last <= first).any():
        return out
    # Pillow's filter, as in the original: its choice between two equally near pixels is its own.
    width, height = lower - upper
    whole = np.asarray(Image.fromarray(np.asarray(image, np.uint8)).resize((width, height), Image.Resampling.NEAREST))
    (left, top), (right, bottom) = first - upper, last - upper
    out[first[1]:last[1], first[0]:last[0]] = whole[top:bottom, left:right]
    return out


def parts_of_texture(texture: np.ndarray, cube: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The parts of a mesh as GraphCMR stores them: colours on the faces, and a part for each colour.

    Args:
        texture (array): (1, F, 2, 2, 2, 3), colours 0..1 at the corners of a cube that a face's barycentric weights
            span; `vertex_texture.npy`.
        cube (array): (R, G, B), the part at each colour in steps of a hundredth; `cube_parts.npy`.

    Returns:
        function: as `Segmentation` takes it.
    """
    corners = np.asarray(texture)[0].reshape(-1, 8, 3)
    cube = np.asarray(cube)

    def part_of(face: np.ndarray, weights: np.ndarray) -> np.ndarray:
        along = np.stack([1.0 - weights, weights], -1)
        share = np.einsum("ki,kj,kl->kijl", along[:, 0], along[:, 1], along[:, 2]).reshape(-1, 8, 1)
        colour = np.floor(100.0 * (corners[face] * share).sum(1)).astype(int)
        return cube[tuple(np.clip(colour, 0, np.array(cube.shape) - 1).T)]

    return part_of


def parts_of_joints(weights: np.ndarray, faces: np.ndarray,
                    part_of_joint: Sequence[int]) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The parts of a mesh by its skinning weights, for bodies without such files: as `Segmentation` takes it.

    Args:
        weights (array): (V, J). faces (array): (F, 3).
        part_of_joint (sequence): (J,), 1..6.
    """
    face_parts = np.asarray(part_of_joint)[weights[faces].sum(1).argmax(1)]
    return lambda face, _: face_parts[face]


def evaluate(predict: Callable[[np.ndarray], Sequence[np.ndarray]], items: Iterable[Mapping],
             metric: ShapeErrors | PoseErrors | Segmentation, log_freq: int = 50) -> dict[str, float]:
    """Measure a network on a data set, with the lines of the original.

    Args:
        predict (function): (B, 3, H, W) float32 -> the outputs of `CMR`. It is called with one batch size throughout,
            that of the first batch, so that a compiled network is compiled once.
        items (iterable): dictionaries with `image` and what `metric.update` takes, of `batches`.
        metric (ShapeErrors or PoseErrors or Segmentation): what to measure.
        log_freq (int): batches between two intermediate results, 0 for none.

    Returns:
        dict: the results, name -> value.

    Raises:
        UserError: no batch at all.
    """
    LOGGER.info("Start eval")
    size = None
    for number, batch in enumerate(items, 1):
        size = size or len(batch["image"])
        metric.update(_predict(predict, batch["image"], size), batch)
        if log_freq and number % log_freq == 0:
            _log_results(metric)
    if size is None:
        raise UserError("there is nothing to evaluate: the data set is empty")
    LOGGER.info("*** Final Results ***")
    LOGGER.info("")
    _log_results(metric)
    return metric.results()


def batches(make: Callable[[int], dict], order: Sequence[int] | np.ndarray, batch_size: int,
            num_workers: int) -> Iterator[dict]:
    """Batches for evaluation, made by threads ahead of the network; the last one may be smaller.

    Args:
        make (function): sample number -> dict of name -> array, or of what a batch keeps as a list; its `image` is None
            for a sample that is left out.
        order (sequence): sample numbers.
        batch_size (int): samples of a batch.
        num_workers (int): threads, at most one per core.

    Yields:
        dict: name -> array with the samples along the first axis, or list where shapes differ.
    """
    def usable(index: int) -> dict | None:
        row = make(int(index))
        return None if row["image"] is None else row

    for rows in batches_ahead(usable, order, batch_size, num_workers):
        yield {name: _together([row[name] for row in rows]) for name in rows[0]}


def _together(values: list[np.ndarray]) -> np.ndarray | list[np.ndarray]:
    return np.stack(values) if len({np.shape(value) for value in values}) == 1 else values


def _predict(predict: Callable[[np.ndarray], Sequence[np.ndarray]], image: np.ndarray, size: int) -> MeshPrediction:
    """The prediction for a batch that is filled up to `size` and cut again."""
    count = len(image)
    if count < size:
        image = np.concatenate([image, np.zeros((size - count, *image.shape[1:]), image.dtype)])
    return MeshPrediction(*(np.asarray(output)[:count] for output in predict(image)))


def _log_results(metric: ShapeErrors | PoseErrors | Segmentation) -> None:
    for name, value in metric.results().items():
        LOGGER.info("%s: %s", name, value)
    LOGGER.info("")


def write_result(config: Config, checkpoint: Checkpoint, body: GraphBody, people: CMRDataset,
                 results: Mapping[str, float]) -> None:
    """Write `eval_result.json`."""
    left_out = people.left_out()
    if left_out:
        LOGGER.info("%d of %d people are left out, as their images cannot be used", left_out, len(people))
    content = {"dataset": config.dataset or "up-3d", "people": len(people) - left_out, "left_out": left_out,
               "results": results, "checkpoint": os.path.basename(checkpoint.path),
               "body_model": "synthetic" if body.model.synthetic else os.path.basename(body.model.source)}
    path = os.path.join(config.result_dir, "eval_result.json")
    atomic_write(path, (json.dumps(content, indent=1) + "\n").encode())
    LOGGER.info("Results in %s", path)
