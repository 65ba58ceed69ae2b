"""The files of demo.py: a folder for each image with the mesh, two drawings and the parameters.

The parameters of people lie in smplx_param.json, those of hands in mano_param.json.

Source: mks0601/Hand4Whole_RELEASE `demo/demo.py`. Differs from it: output.obj has y up, as mesh programs expect;
the json file tells conventions, cameras, boxes and joints as well; several people are numbered, `output_1.obj` and so
on.
"""
import os

import cv2
import numpy as np

from common.data.crops import crop_patch, patch_matrix
from common.files import atomic_write
from common.inference.outputs import CONVENTIONS, check_person, draw_people, json_bytes, plain
from common.visual.cameras import Y_UP, PerspectiveCamera
from common.visual.mesh_files import write_meshes
from common.visual.renderer import SKIN, Mesh, render


class DemoWriter:
    """Writes the files of one image; called like `write_people`.

    Args:
        model (VirtualCameraModel): whose people or hands are written.
    """

    def __init__(self, model):
        self.view, self.published, self.subject = model.view, model.published, model.subject
        self.parameter_file = model.parameter_file

    def __call__(self, folder, record, people, _, photo):
        folder = os.path.join(folder, record.name)
        for index, person in enumerate(people):
            check_person(person, f"{self.subject} {index} of {record.image}")
            ending = f"_{index}" if index else ""
            mesh = Mesh(np.asarray(person.vertices) @ Y_UP, person.faces, SKIN, f"{self.subject}_{index}")
            write_meshes(os.path.join(folder, f"output{ending}.obj"), [mesh])
            _write_jpg(os.path.join(folder, f"render_cropped_img{ending}.jpg"), self.draw_crop(person, photo))
            atomic_write(os.path.join(folder, f"{self.parameter_file}{ending}.json"),
                         json_bytes(self._parameters(record, person)))
        _write_jpg(os.path.join(folder, "render_original_img.jpg"), draw_people(record, people, photo)["overlay"])

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
