"""People in images as Hand4Whole sees them, and its answers as SMPL-X bodies.

The virtual camera of the network looks at the middle of its input. In its place stands the weak-perspective camera of
the same size over a square as high as the box, so that all that is said of other models holds here too; the translation
in front of the virtual camera itself is kept as `cam_trans`.
"""
import dataclasses

import numpy as np
from mindspore import Tensor

from common.body_models.lbs_numpy import pose_smplx
from common.data.augment import NO_CHANGE
from common.data.crops import person_box
from common.errors import UserError
from common.formats.bodies import BodyRig
from common.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from common.inference.meshes import Body, MeshModel, Region
from common.joints import SKELETONS
from hand4whole.src.dataset import patch_of
from hand4whole.src.joint_sets import FROM_SMPLX_144, JOINTS
from hand4whole.src.network import OUTPUTS, load_trained

# The box of detected joints is this much smaller than the person, whom boxes of the training data hold.
JOINTS_TO_PERSON = 1.15
# Where the parameters' joints stand among SMPL-X's.
_NAMES = SKELETONS["smplx_55"]
JAW = _NAMES.index("jaw")
ROWS = {"root_pose": slice(0, 1), "body_pose": slice(1, 22), "lhand_pose": slice(25, 40), "rhand_pose": slice(40, 55),
        "jaw_pose": slice(JAW, JAW + 1)}
BOXES = {"left_hand": "lhand_bbox", "right_hand": "rhand_bbox", "face": "face_bbox"}


class Hand4WholeMeshes(MeshModel):
    """Hand4Whole for `MeshRunner`.

    Args:
        network (Hand4Whole): trained, in evaluation mode.
        model (BodyModel): SMPL-X.
    """

    name, joint_names = "hand4whole", JOINTS
    conventions = {
        "flat_hand_mean": False,
        "hands": "lhand_pose and rhand_pose are relative to the body model's mean hand, as smplx has them with "
                 "flat_hand_mean=False",
        "cam_trans": "metres from the body's origin to the network's own camera, whose axis goes through the middle of "
                     "the person's box"}

    def __init__(self, network, model):
        self.network, self.sizes = network, network.sizes
        self.body_model, self.faces = model.source, model.faces
        self.model = model.astype(np.float32)
        self.rig = BodyRig(self.model)
        mean = {f"{side}hand_pose": self.model.extra(f"hands_mean{side}", (45,)) for side in "lr"}
        self.hand_mean = {name: values.astype(np.float64) for name, values in mean.items()}

    def box_of(self, image_size, found):
        """What of an image the network sees of somebody: (4,) left, top, width, height, px.

        Raises:
            UserError: nothing of the box is in the image.
        """
        box = np.asarray(found.box, np.float64)
        if found.joints is not None:
            box = np.concatenate([box[:2] - 0.5 * (JOINTS_TO_PERSON - 1.0) * box[2:], JOINTS_TO_PERSON * box[2:]])
        height, width = self.sizes.image
        seen = person_box(box, image_size, width / height)
        if seen is None:
            raise UserError(f"the box {','.join(f'{value:g}' for value in box)} holds nothing of a picture of "
                            f"{image_size[0]} x {image_size[1]} px: give a larger one")
        return seen

    def crop(self, image, found):
        box = self.box_of(image.shape[1::-1], found)
        picture, _ = patch_of(image, box, self.sizes.image[::-1], NO_CHANGE)
        # The published crop counts pixels from the centre of the first one.
        corner = box[:2] + 0.5 + 0.5 * (box[2:] - box[3])
        return picture, Region(corner, float(box[3]))

    def predict(self, batch):
        outputs = dict(zip(OUTPUTS, (output.asnumpy() for output in self.network(Tensor(batch)))))
        return [self._body({name: values[row] for name, values in outputs.items()}) for row in range(len(batch))]

    def _body(self, out):
        rotmat = np.tile(np.eye(3), (len(_NAMES), 1, 1))
        for name, rows in ROWS.items():
            pose = out[name].astype(np.float64) + self.hand_mean.get(name, 0.0)
            rotmat[rows] = axis_angle_to_matrix(pose.reshape(-1, 3))
        height, width = self.sizes.image
        edges = {name: out[key].reshape(2, 2) / (0.5 * width, 0.5 * height) - 1.0 for name, key in BOXES.items()}
        return Body(cam=np.concatenate([[self._scale(out["cam_trans"][2])], out["cam_trans"][:2]]), rotmat=rotmat,
                    shape=np.concatenate([out["shape"], out["expr"]]), vertices=out["vertices"] - out["cam_trans"],
                    j3d=out["joints"] - out["cam_trans"],
                    boxes={name: box * (width / height, 1.0) for name, box in edges.items()})

    def _scale(self, depth):
        """Scale of the weak-perspective camera for a depth in metres; the other way round it is the same."""
        return 2.0 * self.sizes.focal[1] / (self.sizes.body[0] * max(float(depth), 1e-6))

    def pose(self, body):
        shape = np.float32(body.shape)[None]
        vertices, joints = pose_smplx(self.model, np.float32(body.rotmat)[None], shape[:, :10], shape[:, 10:])
        return dataclasses.replace(body, vertices=vertices[0], j3d=joints[0, FROM_SMPLX_144])

    def parameters(self, body):
        """The published parameters, axis-angle in radians (hands relative to the mean hand), and `cam_trans` (3,)."""
        poses = {name: matrix_to_axis_angle(body.rotmat[rows]).ravel() - self.hand_mean.get(name, 0.0)
                 for name, rows in ROWS.items()}
        return {name: np.float32(values) for name, values in {
            **poses, "shape": body.shape[:10], "expr": body.shape[10:], "cam_trans": self.translation(body.cam),
            "rotmat": body.rotmat}.items()}

    def translation(self, cam):
        """(s, tx, ty) -> (3,) metres in front of the virtual camera."""
        return np.array([cam[1], cam[2], self._scale(cam[0])])


def open_model(config):
    """The trained Hand4Whole of the settings as a `MeshModel`, its settings with those of its checkpoint.

    Raises:
        UserError: no checkpoint, weights that do not fit, or a body model that cannot be read.
    """
    network, config, body, checkpoint = load_trained(config)
    return Hand4WholeMeshes(network, body), config.replace(ckpt_file=checkpoint.path)
