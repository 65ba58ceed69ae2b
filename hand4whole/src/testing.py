"""What `test.py` and `eval.py` run."""
import logging
import os

import cv2
import numpy as np

from common.engine.shards import gather
from common.files import atomic_path, make_folder
from common.names import safe_name
from common.visual.cameras import PerspectiveCamera
from common.visual.renderer import render
from hand4whole.src.build import load_trained
from hand4whole.src.datasets import read_test_records, space_of
from hand4whole.src.evaluate import evaluate, mean_body_error, predict, report
from hand4whole.src.network import HAND_OUTPUTS, OUTPUTS
from hand4whole.src.testsets import MEASURES, Pictures

LOGGER = logging.getLogger("mindhuman")
NUM_DRAWN = 16


def measure_checkpoint(config, runtime):
    """Measure the checkpoint of the settings on their test set.

    Returns:
        dict: name -> mean error, on the main worker of all people, on the others of their share.
    """
    folder = os.path.join(config.output_dir, "result")
    make_folder(folder)
    testset, records = read_test_records(config)
    network, config, model, checkpoint = load_trained(config)
    pictures = Pictures(records, space_of(config).image_size)
    measure = MEASURES[testset](config, model)
    output = (HAND_OUTPUTS if config.parts == "hand" else OUTPUTS).index("vertices")
    indices = np.arange(len(pictures))[runtime.rank::runtime.rank_size]
    meshes = predict(network, pictures, output, config.test_batch_size, indices, config.num_thread)
    if config.vis:
        meshes = Drawings(config, model.faces, pictures, testset)(meshes)
    parts = gather(evaluate(meshes, pictures, measure, len(indices)), folder, runtime)
    if not runtime.is_main:
        return {}
    details = {"checkpoint": os.path.basename(checkpoint.path),
               "body_model": "synthetic" if model.synthetic else os.path.basename(model.source)}
    if config.mean_body:
        details["mean_body_mpvpe"] = mean_body_error(pictures, measure)
    figures = report(testset, [row for part in parts for row in part], pictures, folder, details)
    if details.get("mean_body_mpvpe"):
        LOGGER.info("MPVPE of the mean of the other people for each: %.2f mm", details["mean_body_mpvpe"])
    return figures


class Drawings:
    """Draws the first pictures of a test set with their predicted meshes into output_dir/vis.

    Args:
        config (Config): the virtual camera, and where results go.
        faces (array): (F, 3).
        pictures (Pictures), testset (str): what is predicted.
    """

    def __init__(self, config, faces, pictures, testset):
        size = config.input_hand_shape if config.parts == "hand" else config.input_body_shape
        width, height = pictures.size
        focal = np.array(config.focal) * (width / size[1], height / size[0])
        self.camera = PerspectiveCamera(tuple(focal), (width / 2, height / 2))
        self.faces, self.pictures = faces, pictures
        self.folder = os.path.join(config.output_dir, "vis", testset)

    def __call__(self, meshes):
        """Pass on what `predict` yields."""
        for number, (index, vertices) in enumerate(meshes):
            if number < NUM_DRAWN:
                self._draw(index, vertices)
            yield index, vertices

    def _draw(self, index, vertices):
        patch = self.pictures.image(index)
        photo = np.rint(255 * patch.transpose(1, 2, 0)).astype(np.uint8)
        drawn = render(vertices, self.faces, self.camera, photo.shape[:2], background=photo).image
        path = os.path.join(self.folder, f"{safe_name(self.pictures.records[index].key)}.jpg")
        with atomic_path(path) as temporary:
            cv2.imwrite(temporary, np.hstack([photo, drawn])[..., ::-1])
