"""Networks whose answers are known: somebody upright in the middle of every image, as openpose and hmr would say it."""
import dataclasses

import numpy as np
from lifter_keypoints import COCO

from common.body_models.files import load_body_model
from common.geometry.rotation import axis_angle_to_matrix
from common.inference.meshes import Body, Region
from common.inference.smpl import SMPLMeshes
from common.joints import SKELETONS
from openpose.src.config import read_settings
from openpose.src.decode import Placement
from openpose.src.skeleton import COCO_18
from openpose.src.targets import make_targets


class Finder:
    """Maps of a network that sees the same person in every image, upright in its middle."""

    def __init__(self):
        self.skeleton, self.config = COCO_18, read_settings([])

    def maps(self, image):
        height, width = image.shape[:2]
        places = [COCO.get(joint, (500, 202)) for joint in COCO_18.joints]
        joints = np.concatenate([np.array(places) * (width / 1000, height / 1000), np.full((18, 1), 0.9)], axis=1)
        return *make_targets(joints[None], height // 8, width // 8), Placement((height, width), (height, width))


class Standing(SMPLMeshes):
    """SMPL bodies that stand upright in the middle of their crop."""

    name = "hmr"

    def __init__(self):
        body = load_body_model("smpl")
        super().__init__(body, body.J_regressor, SKELETONS["smpl_24"])

    def crop(self, image, found):
        return np.zeros((3, 8, 8), np.float32), Region(found.box[:2], float(found.box[2:].max()))

    def predict(self, batch):
        turns = np.zeros((24, 3))
        turns[0, 0] = np.pi
        body = Body(np.array([0.9, 0.0, 0.0]), axis_angle_to_matrix(turns), np.zeros(10), None, None)
        return [self.pose(dataclasses.replace(body)) for _ in batch]
