"""People in images as hmr sees them: the crops that its weights were made for, and their answers as SMPL bodies.

Published weights get the square that their own demo cuts out: around detected joints with the margin of the training
data, and from a box (or the whole image) as it is. Networks trained here always see pytorch_hmr's square.
"""
import numpy as np
from mindspore import Tensor

from common.data.crops import (
    crop_corners,
    crop_cubic,
    crop_stretched,
    grown_square,
    person_scale,
    scale_and_crop,
)
from common.engine.graph_cache import Compiled
from common.inference.meshes import Body, Region
from common.inference.people import square_around
from common.inference.smpl import SMPLMeshes
from hmr.src.body import load_body
from hmr.src.conventions import network_input
from hmr.src.network import JOINTS, load_trained, posed_rotmat, split_theta

TF_CROP_PX = 224.0  # in whose pixels the first HMR measures people
LARGEST_PX = 4000.0  # longer side of an enlarged image


def crop_kind(settings):
    """Which of `CROPS` a checkpoint's weights were made for.

    Args:
        settings (dict): `config` of the checkpoint's meta; those of a training here tell the size of the crop.
    """
    return "pytorch_hmr" if "crop_size" in settings else settings["convention"]


def crop_person(image, detection, kind, size, margin=1.2):
    """The square of an image that a network sees: (size, size, 3) uint8 RGB, Region.

    Args:
        image (array): (H, W, 3) uint8 RGB.
        detection (Detection): the person.
        kind (str): one of `CROPS`.
        size (int): side of the network's input, px.
        margin (float): side of the square relative to the box of detected joints, which lie within the body. The first
            HMR measures people by the diagonal of that box and knows no such number.
    """
    return CROPS[kind](image, detection, size, margin)


def _pytorch_hmr(image, detection, size, margin):
    low, extent = detection.box[:2], detection.box[2:]
    square = grown_square(low, low + extent, (1.0 if detection.joints is None else margin,) * 4)
    square = square._replace(side=max(square.side, 2))
    return crop_cubic(image, square, size), Region(square.corner, square.side)


def _spin(image, detection, size, margin):
    center, scale = square_around(detection, margin)
    upper, lower = crop_corners(center, scale, size)
    return crop_stretched(image, center, scale, size), Region(upper, float((lower - upper)[0]))


def _tf(image, detection, size, _):
    if detection.joints is None:
        scale, center = size / detection.box[2:].max(), np.round(detection.box[:2] + 0.5 * detection.box[2:])
    else:
        scale, center = person_scale(detection.joints[:, :2], detection.joints[:, 2], 0.0)
        scale *= size / TF_CROP_PX
    center, corner = np.clip(center, 0, image.shape[1::-1]), np.zeros(2)
    if scale * max(image.shape[:2]) > LARGEST_PX:
        # The published way enlarges the whole image, for somebody small in it without end.
        corner = np.maximum(np.floor(center - size / scale), 0).astype(int)
        last = np.ceil(center + size / scale).astype(int)
        image, center = image[corner[1]:last[1], corner[0]:last[0]], center - corner
    crop, start = scale_and_crop(image, scale, center, size)
    return crop, Region(corner + (start - size // 2) / scale, size / scale)


CROPS = {"pytorch_hmr": _pytorch_hmr, "spin": _spin, "tf": _tf}


class HMRMeshes(SMPLMeshes):
    """hmr for `MeshRunner`.

    Args:
        network (HMR): trained, in evaluation mode.
        convention (Convention): conventions of its weights.
        model (BodyModel): SMPL with the 19 joints.
        kind, size, margin: see `crop_person`.
    """

    name = "hmr"

    def __init__(self, network, convention, model, kind, size, margin=1.2):
        super().__init__(model, model.extra("cocoplus_regressor", (len(JOINTS), len(model.v_template))), JOINTS)
        self.network, self.convention = Compiled(network), convention
        self.kind, self.size, self.margin = kind, size, margin

    def crop(self, image, detection):
        crop, region = crop_person(image, detection, self.kind, self.size, self.margin)
        return network_input(crop, self.convention), region

    def predict(self, batch):
        theta, vertices, _, j3d, rotmat = (output.asnumpy() for output in self.network(Tensor(batch)))
        cam, _, beta = split_theta(theta)
        rotmat = posed_rotmat(rotmat, self.convention.rotate_base)
        return [Body(*person) for person in zip(cam, rotmat, beta, vertices, j3d)]


def open_model(config):
    """The trained hmr of the settings as a `MeshModel`, its settings with those of its checkpoint.

    Raises:
        UserError: no checkpoint, weights that do not fit, or a body model that cannot be read.
    """
    body = load_body(config)
    network, config, convention, checkpoint = load_trained(config, body)
    return HMRMeshes(network, convention, body, crop_kind(checkpoint.meta["config"]), config.crop_size,
                     config.crop_scale), config.replace(ckpt_file=checkpoint.path)
