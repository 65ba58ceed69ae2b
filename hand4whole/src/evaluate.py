"""Evaluation of a checkpoint on a test set: predictions in batches, shared out among the workers, figures, drawings."""
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np
from mindspore import Tensor
from tqdm import tqdm

from common.config import Config
from common.data.pipeline import batches_ahead
from common.engine.graph_cache import Compiled
from common.engine.runtime import Runtime
from common.engine.shards import gather
from common.errors import UserError
from common.files import atomic_path, atomic_write, make_folder
from common.names import safe_name
from common.visual.cameras import PerspectiveCamera
from common.visual.renderer import render
from hand4whole.src.datasets import read_test_records, space_of
from hand4whole.src.network import HAND_OUTPUTS, OUTPUTS, load_trained
from hand4whole.src.protocols import MEASURES, EvaluationImages, Measure, result_lines, vertex_errors

LOGGER = logging.getLogger("mindhuman")
NUM_DRAWN = 16
RESULT_FILE, PREDICTION_FILE = "eval_result.json", "pred.json"


def predict(network: Callable, test_images: EvaluationImages, output: int, batch_size: int, indices: np.ndarray,
            num_threads: int = 1) -> Iterator[tuple[int, np.ndarray]]:
    """Predicted meshes, one after the other; images that cannot be used are left out.

    Args:
        network: images (B, 3, H, W) to a tuple of Tensors.
        test_images (EvaluationImages): what is shown.
        output (int): which of the network's outputs are the vertices.
        batch_size (int): images per step; the last batch is filled up, so that the network sees one shape only.
        indices (array): which images.
        num_threads (int): threads that read images ahead.

    Yields:
        tuple: index of an image, vertices (V, 3) float64 in metres.

    Raises:
        UserError: images that are missing, none that can be used, or predictions that are not finite.
    """
    def make(index: int) -> tuple[int, np.ndarray] | None:
        image = test_images.image(int(index))
        return None if image is None else (index, image)

    for batch in batches_ahead(make, indices, batch_size, num_threads):
        chosen, images = zip(*batch)
        images = [*images, *images[-1:] * (batch_size - len(images))]
        vertices = network(Tensor.from_numpy(np.stack(images)))[output].asnumpy().astype(np.float64)
        if not np.isfinite(vertices[:len(chosen)]).all():
            raise UserError("the network predicts values that are not finite: its weights are damaged, or it was "
                            "trained with too high a learning rate")
        yield from zip(chosen, vertices)


def evaluate(meshes: Iterable[tuple[int, np.ndarray]], test_images: EvaluationImages, measure: Measure,
             total: int) -> list[tuple]:
    """Errors of predicted meshes.

    Args:
        meshes (iterable): as `predict` yields them.
        test_images (EvaluationImages): gives the records.
        measure: with `errors(record, vertices)`, see `protocols`; with `prediction(vertices)` if a server takes them.
        total (int): number of meshes, to show the progress.

    Returns:
        list: (index, key of the person, dict of errors, prediction or None) for each mesh; what JSON can hold.
    """
    rows = []
    for index, vertices in tqdm(meshes, "evaluating", total, disable=None):
        record = test_images.records[index]
        errors = {name: float(value) for name, value in measure.errors(record, vertices).items()}
        sent = measure.prediction(vertices) if hasattr(measure, "prediction") else None
        rows.append((int(index), record.key, errors, sent))
    return rows


def means(rows: list) -> dict[str, float]:
    """Mean of each error over those people that have it: name -> mean, in the order in which the errors are first met.

    Args:
        rows (list): of `evaluate`, of all workers.
    """
    names = dict.fromkeys(name for row in rows for name in row[2])
    return {name: float(np.mean([row[2][name] for row in rows if name in row[2]])) for name in names}


def mean_body_error(test_images: EvaluationImages, measure: Measure) -> float | None:
    """MPVPE of a mesh that looks at nothing: for each person the mean of the other test people's meshes.

    Meshes are moved to their pelvis (hands: to their wrist) first.

    Returns:
        float | None: millimetres; None where there are no two meshes.
    """
    root = measure.root
    truths = [mesh - root @ mesh for mesh in map(measure.mesh, test_images.records) if mesh is not None]
    if len(truths) < 2:
        return None
    total = np.sum(truths, axis=0)
    return float(np.mean([vertex_errors((total - truth) / (len(truths) - 1), truth, root)["mpvpe"]
                          for truth in truths]))


def report(testset: str, rows: Iterable, test_images: EvaluationImages, folder: str, details: dict) -> dict[str, float]:
    """Write the results of an evaluation and log its lines -> the means.

    Args:
        testset (str): its name.
        rows (list): of all workers, see `evaluate`.
        test_images (EvaluationImages): the test set.
        folder (str): output_dir/result.
        details (dict): what else `eval_result.json` says.
    """
    rows = sorted({row[0]: row for row in map(tuple, rows)}.values())
    figures, unusable = means(rows), len(test_images) - len(rows)
    content = {"testset": testset, "people": len(rows), "left_out": test_images.left_out + unusable, **details,
               "results": figures, "errors": {row[1]: row[2] for row in rows}}
    atomic_write(os.path.join(folder, RESULT_FILE), json.dumps(content, indent=1).encode())
    if rows and rows[0][3] is not None:
        path = os.path.join(folder, testset, PREDICTION_FILE)
        # The server counts places: a hand that is left out keeps its own, with zeros.
        sent = {row[0]: row[3] for row in rows}
        nothing = [np.zeros_like(part).tolist() for part in rows[0][3]]
        places = [sent.get(index, nothing) for index in range(len(test_images))]
        atomic_write(path, json.dumps([list(part) for part in zip(*places)]).encode())
        LOGGER.info("%s holds joints and vertices of %d hands for the server of the data set%s%s", path, len(rows),
                    f", and zeros for {unusable}" if unusable else "",
                    "" if figures else "; there is no truth here to measure them with")
    reasons = {"without a box inside their image": test_images.left_out, "whose image cannot be used": unusable}
    LOGGER.info("%d people of %s%s", len(rows), testset, "".join(f"; {count} {reason} are left out" for reason, count
                                                                in reasons.items() if count))
    for line in result_lines(testset, figures):
        LOGGER.info(line)
    return figures


def measure_checkpoint(config: Config, runtime: Runtime) -> dict[str, float]:
    """Measure the checkpoint of the settings on their test set.

    Returns:
        dict: name -> mean error, on the main worker of all people, on the others of their share.
    """
    folder = os.path.join(config.output_dir, "result")
    make_folder(folder)
    testset, records = read_test_records(config)
    network, config, model, checkpoint = load_trained(config)
    test_images = EvaluationImages(records, space_of(config).image_size)
    measure = MEASURES[testset](config, model)
    output = (HAND_OUTPUTS if config.parts == "hand" else OUTPUTS).index("vertices")
    indices = np.arange(len(test_images))[runtime.rank::runtime.rank_size]
    meshes = predict(Compiled(network), test_images, output, config.test_batch_size, indices, config.num_workers)
    if config.vis:
        meshes = MeshDrawings(config, model.faces, test_images, testset)(meshes)
    parts = gather(evaluate(meshes, test_images, measure, len(indices)), folder, runtime)
    if not runtime.is_main:
        return {}
    details = {"checkpoint": os.path.basename(checkpoint.path), "body_model": model.name}
    if config.mean_body:
        details["mean_body_mpvpe"] = mean_body_error(test_images, measure)
    figures = report(testset, [row for part in parts for row in part], test_images, folder, details)
    if details.get("mean_body_mpvpe"):
        LOGGER.info("MPVPE of the mean of the other people for each: %.2f mm", details["mean_body_mpvpe"])
    return figures


class MeshDrawings:
    """Draws the first images of a test set with their predicted meshes into output_dir/vis.

    Args:
        config (Config): the virtual camera, and where results go.
        faces (array): (F, 3).
        test_images (EvaluationImages), testset (str): what is predicted.
    """

    def __init__(self, config: Config, faces: np.ndarray, test_images: EvaluationImages, testset: str):
        size = config.input_hand_shape if config.parts == "hand" else config.input_body_shape
        width, height = test_images.size
        focal = np.array(config.focal) * (width / size[1], height / size[0])
        self.camera = PerspectiveCamera(tuple(focal), (width / 2, height / 2))
        self.faces, self.test_images = faces, test_images
        self.folder = os.path.join(config.output_dir, "vis", testset)

    def __call__(self, meshes: Iterable[tuple[int, np.ndarray]]) -> Iterator[tuple[int, np.ndarray]]:
        """Pass on what `predict` yields."""
        for number, (index, vertices) in enumerate(meshes):
            if number < NUM_DRAWN:
                self._draw(index, vertices)
            yield index, vertices

    def _draw(self, index: int, vertices: np.ndarray) -> None:
        patch = self.test_images.image(index)
        photo = np.rint(255 * patch.transpose(1, 2, 0)).astype(np.uint8)
        drawn = render(vertices, self.faces, self.camera, photo.shape[:2], background=photo).image
        path = os.path.join(self.folder, f"{safe_name(self.test_images.records[index].key)}.jpg")
        with atomic_path(path) as temporary:
            cv2.imwrite(temporary, np.hstack([photo, drawn])[..., ::-1])
