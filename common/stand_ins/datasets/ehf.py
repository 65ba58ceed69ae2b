"""Sample data in the format of EHF; see `common.data.readers.ehf`. The camera is the data set's own."""
import os

import numpy as np
from tqdm import tqdm

from common.data.readers.ehf import FOCAL, IMAGE_SIZE, PRINCIPAL, ROTATION, TRANSLATION
from common.data.records import box_around
from common.stand_ins.datasets.annotations import item_rng
from common.stand_ins.datasets.image_files import write_image
from common.stand_ins.datasets.output import coco_file
from common.stand_ins.scenes.body import scene_body
from common.stand_ins.scenes.scene import photograph
from common.stand_ins.scenes.stage import furnish, look_at, make_stage
from common.visual.mesh_files import write_meshes
from common.visual.renderer import Mesh

DEFAULT_NUM = 8
_PARTS = (("lefthand_bbox", "left_hand_21"), ("righthand_bbox", "right_hand_21"), ("face_bbox", "face_68"))
_MARGIN = 0.15  # of the extent of hand and face points, on every side


def add_arguments(group):
    """Options beside --output_dir, --seed and --num (here: images)."""


def make(args):
    """Write the data set; returns a line that says what was written."""
    num, data = args.num or DEFAULT_NUM, os.path.join(args.output_dir, "data")
    with coco_file(os.path.join(data, "EHF.json"), categories=[{"id": 1, "name": "person"}]) as lists:
        for index in tqdm(range(num), desc="EHF", disable=None):
            scene = _scene(item_rng(args.seed, "ehf", index))
            name = f"{index + 1:02d}"
            write_image(os.path.join(data, f"{name}_img.jpg"), scene.image)
            room = (scene.people[0].vertices - TRANSLATION) @ ROTATION
            write_meshes(os.path.join(data, f"{name}_align.ply"), [Mesh(room, scene_body("smplx").model.faces)])
            lists.add_image(id=index, file_name=f"{name}_img.jpg", width=IMAGE_SIZE[0], height=IMAGE_SIZE[1])
            boxes = {key: _box(scene, point_set) for key, point_set in _PARTS}
            lists.add_annotation(id=index, image_id=index, category_id=1, iscrowd=0, body_bbox=scene.box(0), **boxes)
    return f"{args.output_dir}: {num} images with meshes"


def _scene(rng):
    """A standing or sitting person whom the data set's camera sees whole."""
    size = IMAGE_SIZE[::-1]
    stage = make_stage(rng, 1, "smplx")
    vertices = stage.actors[0].vertices
    low, high = vertices.min(0), vertices.max(0)
    extent = max(high[1] - low[1], 0.75 * (high[0] - low[0]))
    distance = FOCAL[0] * extent / (0.86 * size[0]) + 0.5 * (high[2] - low[2])
    middle = 0.5 * (low + high)
    view = look_at(middle - np.array([0.0, rng.uniform(-0.1, 0.3), distance]), middle, FOCAL, PRINCIPAL)
    return photograph(rng, furnish(rng, stage, view, size, 0.0), view, size)


def _box(scene, point_set):
    left, top, width, height = box_around(scene.points(0, point_set).j2d)
    margin = _MARGIN * max(width, height)
    return [left - margin, top - margin, width + 2 * margin, height + 2 * margin]
