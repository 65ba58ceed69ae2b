"""The evaluation sets: what each is made of, and its metric."""

import numpy as np

from cmr.src.evaluate import (
    J24_TO_J14,
    PoseErrors,
    Segmentation,
    ShapeErrors,
    parts_of_joints,
    parts_of_texture,
)
from common.data.image import normalize
from common.data.restricted_pickle import load_npy
from common.errors import UserError
from common.joints import SKELETONS, body_part
from common.metrics import joint_errors
from common.names import path_below

# Fields that each protocol needs in the prepared file.
FIELDS = {"up-3d": ("pose", "shape"), "h36m-p1": ("S",), "h36m-p2": ("S",), "lsp": ("maskname", "partname"),
          "3dpw": ("pose", "shape", "gender")}
_PARTS_HINT = ("take vertex_texture.npy and cube_parts.npy from data/ of github.com/nkolot/GraphCMR and name them with "
               "--vertex_texture_path and --cube_parts_path")


class TrueShapes:
    """UP-3D: the meshes of the SMPL fits.

    Args:
        people (CMRDataset): with pose and shape.
        model (BodyModel): SMPL.
    """

    def __init__(self, people, model):
        self.people, self.model, self.metric = people, model.astype(np.float32), ShapeErrors()

    def item(self, index):
        """Input and truth of person `index`."""
        return {"image": self.people.image(index), "vertices": self.people.vertices(index, self.model)}

    def mean_error(self):
        """What answering the mean of the true meshes for everybody would give: mean distance of the vertices, mm."""
        meshes = np.stack([self.people.vertices(index, self.model) for index in range(len(self.people))])
        return 1000.0 * float(joint_errors(meshes, np.broadcast_to(meshes.mean(0), meshes.shape)).mean())


class TrueJoints:
    """Human3.6M: 14 joints as the prepared file has them.

    Args:
        people (CMRDataset): with S.
        regressor (array): J_regressor_h36m.
    """

    def __init__(self, people, regressor):
        self.people, self.metric = people, PoseErrors(regressor)

    def item(self, index):
        """Input and truth of person `index`."""
        return {"image": self.people.image(index), "j3d": self.people.fields["S"][index, J24_TO_J14, :3]}


class TrueGenderedBodies:
    """3DPW: 14 joints of the true meshes, which have genders.

    Args:
        people (CMRDataset): with pose, shape and gender.
        models (dict): gender -> BodyModel.
        regressor (array): J_regressor_h36m.
    """

    def __init__(self, people, models, regressor):
        self.people, self.metric = people, PoseErrors(regressor)
        self.models = {gender: model.astype(np.float32) for gender, model in models.items()}

    def item(self, index):
        """Input and truth of person `index`."""
        gender = self.people.fields["gender"][index]
        if gender not in self.models:
            raise UserError(f"3dpw: person {index} has the gender {gender!r}; prepare the data set again")
        vertices = self.people.vertices(index, self.models[gender])
        return {"image": self.people.image(index), "j3d": self.metric.joints(vertices[None])[0]}


class TrueSegmentations:
    """LSP: silhouettes and body parts of Unite the People.

    Args:
        people (CMRDataset): with maskname and partname.
        mask_folder (str): of UPi-S1h.
        faces (array): (F, 3).
        part_of (function): see `Segmentation`.
    """

    def __init__(self, people, mask_folder, faces, part_of):
        self.people, self.mask_folder = people, mask_folder
        self.metric = Segmentation(faces, part_of, people.crop.size)

    def item(self, index):
        """Input and truth of person `index`; the image is None where it or a segmentation cannot be used.

        Raises:
            UserError: a segmentation is missing, or none of the first ones can be used.
        """
        people, fields = self.people, self.people.fields
        image = people.read(index)
        masks = [image is not None and people.reader.read_mask(
            path_below(self.mask_folder, fields[name][index], f"{name} of the prepared annotations"),
            people.path(index), image.shape[1::-1], needed=name == "maskname") for name in ("maskname", "partname")]
        usable = all(isinstance(mask, np.ndarray) for mask in masks)
        return {"image": normalize(people.crop_of(image, index)) if usable else None, "center": fields["center"][index],
                "scale": fields["scale"][index], "mask": masks[0], "parts": masks[1]}


def find_parts(model, texture_path, cube_path):
    """Which part of the body a place on the mesh belongs to, as `Segmentation` takes it.

    Args:
        model (BodyModel): SMPL.
        texture_path, cube_path (str): GraphCMR's files; empty for the synthetic body, whose parts are what its
            joints move, as in the sample data.

    Raises:
        UserError: files that are missing, or needed and not named.
    """
    if texture_path and cube_path:
        return parts_of_texture(*(_read_array(path) for path in (texture_path, cube_path)))
    if not model.synthetic:
        raise UserError(f"evaluation on lsp needs the parts of the body: {_PARTS_HINT}")
    return parts_of_joints(model.weights, model.faces, [body_part(joint) for joint in SKELETONS["smpl_24"]])


def _read_array(path):
    try:
        return load_npy(path)
    except UserError as error:
        raise UserError(f"{error}: {_PARTS_HINT}") from None
