"""Files published beside the body models: joint regressors, vertex numbers, mean parameters, mesh matrices.

An empty path stands for the synthetic body's own, which is refused beside a real body model. Checked like the models
themselves, see `files`.
"""
import dataclasses
import logging
from collections.abc import Mapping

import numpy as np

from common.body_models.files import SIZES, BodyModel, MeshPyramid, build_mesh_pyramid, checked, read_file
from common.body_models.unpickle import as_array
from common.errors import UserError

log = logging.getLogger("mindhuman")

# Rows of J_regressor_extra, under names that none of SMPL's joints has but the eyes, ears and nose.
EXTRA_JOINTS = (
    "nose", "right_eye", "left_eye", "right_ear", "left_ear", "right_lsp_hip", "left_lsp_hip", "lsp_neck",
    "lsp_head_top", "mpii_pelvis", "mpii_thorax", "h36m_spine", "h36m_jaw", "h36m_head")

# Joints, kind of body of the files that turn vertices into another joint set.
_JOINT_SETS = {
    "J_regressor_extra": (len(EXTRA_JOINTS), "smpl"), "J_regressor_h36m": (17, "smpl"),
    "J_regressor_h36m_smpl": (17, "smpl"), "J_regressor_h36m_smplx": (17, "smplx"), "SMPLX_to_J14": (14, "smplx")}


@dataclasses.dataclass(frozen=True)
class MeanParams:
    """Where iterative regressors start.

    Attributes:
        pose (array): (72,) axis-angle in radians, or (144,) in the 6D form (see `rotation`).
        shape (array): (10,).
        cam (array): (3,), (s, tx, ty).
    """

    pose: np.ndarray
    shape: np.ndarray
    cam: np.ndarray


def load_regressor(model: BodyModel, name: str, path: str = "") -> np.ndarray:
    """A joint regressor from `.npy`, `.npz` (one array) or `.pkl`: (joints, V) float64.

    Args:
        model (BodyModel): the body whose vertices it will be applied to.
        name (str): what it is, by its published name: "J_regressor_extra" (GraphCMR, 14 joints), "J_regressor_h36m"
            (GraphCMR and SPIN, 17), "J_regressor_h36m_smpl" and "J_regressor_h36m_smplx" (Hand4Whole, 17, in another
            order), "SMPLX_to_J14" (14).
        path (str): the file; empty for that of the synthetic body.

    Raises:
        UserError: no such file, unreadable, unsafe, another shape, or an empty path beside a real body model.
    """
    num_joints, kind = _JOINT_SETS[name]
    shape = num_joints, SIZES[kind][0]
    value = as_array(_single(_read_companion(model, name, path), path), path or name)
    if value.shape == shape[::-1]:
        value = value.T
    return checked(value, shape, path or name).astype(np.float64)


def load_vertex_ids(model: BodyModel, name: str, path: str = "") -> np.ndarray | dict[str, np.ndarray]:
    """Vertex numbers of SMPL-X from `.npy` or `.pkl`.

    Args:
        model (BodyModel): the body whose vertices are meant.
        name (str): "SMPL-X__FLAME_vertex_ids" or "MANO_SMPLX_vertex_ids".
        path (str): the file; empty for that of the synthetic body.

    Returns:
        array | dict: (N,) int64, or such arrays by name ("left_hand", "right_hand") when the file holds a dictionary.

    Raises:
        UserError: no such file, unreadable, unsafe, no vertex numbers, or an empty path beside a real body model.
    """
    content = _read_companion(model, name, path)
    num_vertices = len(model.v_template)

    def vertex_numbers(value: object, what: str) -> np.ndarray:
        ids = checked(as_array(value, what), (None,), what)
        if ids.dtype.kind not in "iu" or ids.min() < 0 or ids.max() >= num_vertices:
            raise UserError(f"{what} does not hold vertex numbers below {num_vertices}")
        return ids.astype(np.int64)

    if isinstance(content, Mapping):
        return {part: vertex_numbers(value, f"{path or name}: {part}") for part, value in content.items()}
    return vertex_numbers(content, path or name)


def load_mean_params(path: str = "") -> MeanParams:
    """The mean pose, shape and camera: `smpl_mean_params.npz` (SPIN) or `neutral_smpl_mean_params.h5` (HMR).

    An empty path gives the rest pose, the mean shape and HMR's first camera, (0.9, 0, 0).

    Raises:
        UserError: no such file, unreadable, a member is missing or has a wrong shape.
    """
    if not path:
        return MeanParams(pose=np.zeros(72), shape=np.zeros(10), cam=np.array([0.9, 0.0, 0.0]))
    content = read_file(path)
    if not isinstance(content, Mapping) or not {"pose", "shape"} <= set(content):
        raise UserError(f"{path} has no pose and shape: it is not a file of mean parameters")
    arrays = {name: as_array(content[name], f"{path}: {name}").reshape(-1).astype(np.float64)
              for name in ("pose", "shape", "cam") if name in content}
    if arrays["pose"].size not in (72, 144):
        raise UserError(f"{path}: pose has {arrays['pose'].size} numbers instead of 72 (axis-angle) or 144 (6D)")
    return MeanParams(pose=checked(arrays["pose"], (None,), f"{path}: pose"),
                      shape=checked(arrays["shape"], (10,), f"{path}: shape"),
                      cam=checked(arrays.get("cam", np.array([0.9, 0.0, 0.0])), (3,), f"{path}: cam"))


def load_mesh_pyramid(model: BodyModel, path: str = "") -> MeshPyramid:
    """Mesh-resampling matrices in the layout of GraphCMR's `mesh_downsampling.npz` (members A, U, D, F).

    Args:
        model (BodyModel): the body whose vertices are level 0.
        path (str): the file; empty for that of the synthetic body.

    Raises:
        UserError: no such file, unreadable, unsafe, a member is missing, sizes do not fit, or an empty path beside a
            real body model.
    """
    content = _read_companion(model, "mesh_downsampling", path)
    pyramid = build_mesh_pyramid(content, str(path) if path else "synthetic")
    if pyramid.adjacency[0].shape[0] != len(model.v_template):
        raise UserError(f"{path} is for {pyramid.adjacency[0].shape[0]} vertices, not {len(model.v_template)}")
    return pyramid


def _read_companion(model: BodyModel, name: str, path: str) -> object:
    """Content of a file that goes with a body model. Files of real and synthetic bodies are never mixed unnoticed."""
    if path:
        if model.synthetic:
            log.warning("%s is used with the synthetic body, which it was not made for: the result means little", path)
        return read_file(path, ("A", "U", "D"))
    if not model.synthetic:
        raise UserError(f"{model.source} needs the file {name} that was made for it: set its path, "
                        "or leave the body model's path empty too for the synthetic body")
    from common.stand_ins.body.models import load_extra  # builds a body: only when one is asked for
    return load_extra(name)


def _single(content: object, path: str) -> object:
    if isinstance(content, Mapping):
        if len(content) != 1:
            raise UserError(f"{path} holds {len(content)} arrays ({', '.join(content)}) instead of one")
        return next(iter(content.values()))
    return content
