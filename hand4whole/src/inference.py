"""People in images as Hand4Whole sees them, and its answers as SMPL-X bodies; hands and MANO of the hand-only network.

The virtual camera of the network looks at the middle of its input. In its place stands the weak-perspective camera of
the same size over a square as high as the box, so that all that is said of other models holds here too; the translation
in front of the virtual camera itself is kept as `cam_trans`.
"""
import dataclasses
import os
from typing import NamedTuple

import cv2
import numpy as np
from mindspore import Tensor

from common.body_models.lbs_numpy import pose_body, pose_smplx
from common.data.augment import NO_CHANGE
from common.data.crops import crop_patch, patch_matrix, person_box
from common.engine.graph_cache import Compiled
from common.errors import UserError
from common.files import atomic_write
from common.formats.bodies import BodyRig
from common.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from common.inference.meshes import Body, MeshModel, Region
from common.inference.outputs import CONVENTIONS, check_person, json_bytes, plain
from common.joints import SKELETONS
from common.visual.cameras import Y_UP, PerspectiveCamera
from common.visual.mesh_files import write_meshes
from common.visual.renderer import SKIN, Mesh, render
from hand4whole.src.dataset import patch_of
from hand4whole.src.joint_sets import FROM_SMPLX_144, HAND_JOINTS, JOINTS, hand_regressor
from hand4whole.src.network import HAND_OUTPUTS, OUTPUTS, load_trained

# The box of detected joints is this much smaller than the person, whom boxes of the training data hold.
JOINTS_TO_PERSON = 1.15
# Where the parameters' joints stand among SMPL-X's.
_NAMES = SKELETONS["smplx_55"]
JAW = _NAMES.index("jaw")
ROWS = {"root_pose": slice(0, 1), "body_pose": slice(1, 22), "lhand_pose": slice(25, 40), "rhand_pose": slice(40, 55),
        "jaw_pose": slice(JAW, JAW + 1)}
BOXES = {"left_hand": "lhand_bbox", "right_hand": "rhand_bbox", "face": "face_bbox"}
# A point, and an axis-angle, in a mirror that exchanges left and right.
MIRROR, MIRROR_TURN = np.array([-1.0, 1.0, 1.0]), np.array([1.0, -1.0, -1.0])
CAM_TRANS = "metres from the {}'s origin to the network's own camera, whose axis goes through the middle of the {} box"


class InputCamera(NamedTuple):
    """A network's input and its virtual camera: (H, W) px of the input; (H, W) px that the camera counts the same area
    in; focal (x, y) in those."""

    image: tuple
    camera: tuple
    focal: tuple


class VirtualCameraModel(MeshModel):
    """What the whole and the hand-only network share: the crop, and a camera in front of its middle.

    Args:
        network (Cell): trained, in evaluation mode.
        model (BodyModel): what it poses.
        view (InputCamera): its input and camera.

    Attributes:
        outputs (tuple): names of the network's outputs.
        change (Change): of the crop.
        published (tuple): names of the published parameters.
        parameter_file (str): stem of the file that demo.py writes them to.
    """

    name, outputs, change, published, parameter_file = "hand4whole", (), NO_CHANGE, (), ""

    def __init__(self, network, model, view):
        self.network, self.view = Compiled(network), view
        self.body_model, self.faces = model.source, model.faces
        self.model = model.astype(np.float32)

    def box_of(self, image_size, detection):
        """What of an image the network sees of somebody: (4,) left, top, width, height, px.

        Raises:
            UserError: nothing of the box is in the image.
        """
        box = np.asarray(detection.box, np.float64)
        if detection.joints is not None:
            box = np.concatenate([box[:2] - 0.5 * (JOINTS_TO_PERSON - 1.0) * box[2:], JOINTS_TO_PERSON * box[2:]])
        height, width = self.view.image
        seen = person_box(box, image_size, width / height)
        if seen is None:
            raise UserError(f"the box {','.join(f'{value:g}' for value in box)} holds nothing of an image of "
                            f"{image_size[0]} x {image_size[1]} px: give a larger one")
        return seen

    def crop(self, image, detection):
        box = self.box_of(image.shape[1::-1], detection)
        crop, _ = patch_of(image, box, self.view.image[::-1], self.change)
        # The published crop counts pixels from the centre of the first one.
        corner = box[:2] + 0.5 + 0.5 * (box[2:] - box[3])
        return crop, Region(corner, float(box[3]))

    def predict(self, batch):
        outputs = dict(zip(self.outputs, (output.asnumpy() for output in self.network(Tensor(batch)))))
        return [self.body_of({name: values[row] for name, values in outputs.items()}) for row in range(len(batch))]

    def body_of(self, out):
        """The `Body` of one row of the network's outputs."""
        raise NotImplementedError

    def cam_of(self, cam_trans):
        """Translation (3,) in metres in front of the virtual camera -> weak-perspective (s, tx, ty)."""
        return np.concatenate([[self._scale(cam_trans[2])], cam_trans[:2]])

    def translation(self, cam):
        """(s, tx, ty) -> (3,) metres in front of the virtual camera."""
        return np.array([cam[1], cam[2], self._scale(cam[0])])

    def _scale(self, depth):
        """Scale of the weak-perspective camera for a depth in metres; the other way round it is the same."""
        return 2.0 * self.view.focal[1] / (self.view.camera[0] * max(float(depth), 1e-6))


class Hand4WholeMeshes(VirtualCameraModel):
    """Hand4Whole for `MeshRunner`.

    Args:
        network (Hand4Whole): trained, in evaluation mode.
        model (BodyModel): SMPL-X.
    """

    joint_names, outputs = JOINTS, OUTPUTS
    published, parameter_file = (*ROWS, "shape", "expr"), "smplx_param"
    conventions = {
        "flat_hand_mean": False,
        "hands": "lhand_pose and rhand_pose are relative to the body model's mean hand, as smplx has them with "
                 "flat_hand_mean=False",
        "cam_trans": CAM_TRANS.format("body", "person's")}

    def __init__(self, network, model):
        super().__init__(network, model, InputCamera(network.sizes.image, network.sizes.body, network.sizes.focal))
        self.rig = BodyRig(self.model)
        mean = {f"{side}hand_pose": self.model.extra(f"hands_mean{side}", (45,)) for side in "lr"}
        self.hand_mean = {name: values.astype(np.float64) for name, values in mean.items()}

    def body_of(self, out):
        rotmat = np.tile(np.eye(3), (len(_NAMES), 1, 1))
        for name, rows in ROWS.items():
            pose = out[name].astype(np.float64) + self.hand_mean.get(name, 0.0)
            rotmat[rows] = axis_angle_to_matrix(pose.reshape(-1, 3))
        height, width = self.view.image
        edges = {name: out[key].reshape(2, 2) / (0.5 * width, 0.5 * height) - 1.0 for name, key in BOXES.items()}
        return Body(cam=self.cam_of(out["cam_trans"]), rotmat=rotmat,
                    shape=np.concatenate([out["shape"], out["expr"]]), vertices=out["vertices"] - out["cam_trans"],
                    j3d=out["joints"] - out["cam_trans"],
                    boxes={name: box * (width / height, 1.0) for name, box in edges.items()})

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


class HandMeshes(VirtualCameraModel):
    """The hand-only network for `MeshRunner`: a box is that of a hand.

    The network knows right hands. What it sees of a left one is mirrored, as in training, and its answer is mirrored
    back: vertices and joints, and rotations as a left MANO hand has them whose rest pose is the mirrored right hand's.

    Args:
        network (HandOnly): trained, in evaluation mode.
        model (BodyModel): the right MANO hand.
        side (str): "right" or "left", of all hands.
    """

    outputs, subject = HAND_OUTPUTS, "hand"
    published, parameter_file = ("mano_pose", "mano_shape"), "mano_param"

    def __init__(self, network, model, side):
        sizes = network.sizes
        super().__init__(network, model, InputCamera(sizes.hand, sizes.hand, sizes.focal))
        self.left = side == "left"
        self.change = NO_CHANGE._replace(flip=self.left)
        self.regressor = hand_regressor(self.model)
        self.joint_names = tuple(name.replace("right", side) for name in HAND_JOINTS)
        self.mean = np.concatenate([np.zeros(3), self.model.extra("hands_mean", (45,))])
        if self.left:
            self.faces = self.faces[:, ::-1]
            self.mean = (self.mean.reshape(-1, 3) * MIRROR_TURN).ravel()
        mirrored = "; body model and mean hand are the right hand's, mirrored (x is -x)" if self.left else ""
        self.conventions = {
            "hand": side, "flat_hand_mean": False,
            "mano_pose": "root and 15 joints of MANO; the joints are relative to the body model's mean hand, as smplx "
                         f"has them with flat_hand_mean=False{mirrored}",
            "cam_trans": CAM_TRANS.format("hand", "hand's")}

    def body_of(self, out):
        pose = (out["mano_pose"].astype(np.float64).reshape(-1, 3) * (MIRROR_TURN if self.left else 1.0)).ravel()
        cam_trans = self._side(out["cam_trans"])
        return Body(cam=self.cam_of(cam_trans), rotmat=axis_angle_to_matrix((pose + self.mean).reshape(-1, 3)),
                    shape=out["mano_shape"], vertices=self._side(out["vertices"]) - cam_trans,
                    j3d=self._side(out["joints"]) - cam_trans)

    def pose(self, body):
        rotmat = body.rotmat * np.outer(MIRROR, MIRROR) if self.left else body.rotmat
        vertices, _ = pose_body(self.model, np.float32(rotmat)[None], np.float32(body.shape)[None])
        return dataclasses.replace(body, vertices=self._side(vertices[0]), j3d=self._side(self.regressor @ vertices[0]))

    def parameters(self, body):
        """mano_pose (48,), axis-angle in radians, mano_shape (10,), cam_trans (3,), rotmat (16, 3, 3)."""
        return {name: np.float32(values) for name, values in {
            "mano_pose": matrix_to_axis_angle(body.rotmat).ravel() - self.mean, "mano_shape": body.shape,
            "cam_trans": self.translation(body.cam), "rotmat": body.rotmat}.items()}

    def _side(self, points):
        """Points (..., 3) of the right hand that the network saw, on the side where the hand is."""
        return points * MIRROR if self.left else points


def open_model(config):
    """The trained network of the settings as a `MeshModel`, its settings with those of its checkpoint.

    Raises:
        UserError: no checkpoint, weights that do not fit, or a body model that cannot be read.
    """
    network, config, body, checkpoint = load_trained(config)
    model = HandMeshes(network, body, config.hand_side) if config.parts == "hand" else Hand4WholeMeshes(network, body)
    return model, config.replace(ckpt_file=checkpoint.path)


class DemoWriter:
    """The files of demo.py: for each image a folder with the mesh, two drawings and the parameters.

    The parameters of people lie in smplx_param.json, those of hands in mano_param.json. It is called like
    `People.save`. Source: mks0601/Hand4Whole_RELEASE `demo/demo.py`. Differs from it: output.obj has y up, as mesh
    programs expect; the json file tells conventions, cameras, boxes and joints as well; several people are numbered,
    `output_1.obj` and so on.

    Args:
        model (VirtualCameraModel): whose people or hands are written.
    """

    def __init__(self, model):
        self.view, self.published, self.subject = model.view, model.published, model.subject
        self.parameter_file = model.parameter_file

    def __call__(self, people, folder, _):
        record, folder = people.record, os.path.join(folder, people.name)
        for index, person in enumerate(people):
            check_person(person, f"{self.subject} {index} of {record.image}")
            ending = f"_{index}" if index else ""
            mesh = Mesh(np.asarray(person.vertices) @ Y_UP, person.faces, SKIN, f"{self.subject}_{index}")
            write_meshes(os.path.join(folder, f"output{ending}.obj"), [mesh])
            _write_jpg(os.path.join(folder, f"render_cropped_img{ending}.jpg"), self.draw_crop(person, people.photo))
            atomic_write(os.path.join(folder, f"{self.parameter_file}{ending}.json"),
                         json_bytes(self._parameters(record, person)))
        _write_jpg(os.path.join(folder, "render_original_img.jpg"), people.draw())

    def draw_crop(self, person, photo):
        """The person in the network's input, as its virtual camera sees it: (H, W, 3) uint8 RGB."""
        height, width = self.view.image
        upper, lower = self._box(person)
        # The published crop counts pixels from the centre of the first one.
        matrix = patch_matrix(np.concatenate([upper - 0.5, lower - upper]), (width, height))
        patch = np.rint(crop_patch(photo, matrix, (width, height))).clip(0, 255).astype(np.uint8)
        zoom = height / self.view.camera[0]
        camera = PerspectiveCamera(tuple(zoom * focal for focal in self.view.focal), (0.5 * width, 0.5 * height),
                                   tuple(person.parameters["cam_trans"]))
        return render(person.vertices, person.faces, camera, (height, width), background=patch).image

    def _box(self, person):
        """What the network saw of the image: (2, 2), upper left and lower right corner, px."""
        height, width = self.view.image
        half = 0.5 * person.box_size_px * np.array([width / height, 1.0])
        return np.asarray(person.box_centre_px) + np.stack([-half, half])

    def _parameters(self, record, person):
        """What the json file says."""
        zoom = person.box_size_px / self.view.camera[0]
        return {
            **{name: plain(person.parameters[name]) for name in self.published},
            "image": record.image, "body_model": record.body_model, "score": person.score,
            "flat_hand_mean": False,
            "conventions": {**CONVENTIONS, **record.conventions, "camera":
                            "pixel = focal * (x, y) / z + princpt with (x, y, z) = point + cam_trans; each "
                            f"{self.subject} has its own", "image_camera": "as `perspective`"},
            "camera": {"focal": [zoom * focal for focal in self.view.focal], "princpt": plain(person.box_centre_px),
                       "cam_trans": plain(person.parameters["cam_trans"])},
            "image_camera": {"focal_px": float(record.focal_px), "centre_px": plain(record.centre_px),
                             "translation_m": plain(person.translation)},
            "boxes_px": {name: plain(box) for name, box in {self.subject: self._box(person).ravel(),
                                                            **person.boxes_px}.items()},
            "joint_names": list(person.joint_names), "joints_2d_px": plain(person.j2d_px),
            "joints_3d_m": plain(person.j3d),
        }


def _write_jpg(path, image):
    """Write an image (H, W, 3) uint8 RGB."""
    atomic_write(path, cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes())
