"""Body-model files -> arrays: SMPL, SMPL-X and MANO, and what is published beside them.

An empty path stands for the licence-free synthetic body wherever a file is licensed. Everything is checked on the way
in: a missing key or a wrong shape is an error that names file and key, never a crash later in the graph.
"""
import dataclasses
import json
import logging
from collections.abc import Mapping

import h5py
import numpy as np

from common.body_models.unpickle import as_array, as_sparse, open_file, read_npz, read_pickle
from common.errors import UserError

log = logging.getLogger("mindhuman")

# Vertices, faces, joints of each kind.
SIZES = {"smpl": (6890, 13776, 24), "smplx": (10475, 20908, 55),
         "mano_left": (778, 1538, 16), "mano_right": (778, 1538, 16)}
_NEEDED = ("v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table")
# Joints, kind of body of the files that turn vertices into another joint set.
_JOINT_SETS = {
    "J_regressor_extra": (14, "smpl"), "J_regressor_h36m": (17, "smpl"), "J_regressor_h36m_smpl": (17, "smpl"),
    "J_regressor_h36m_smplx": (17, "smplx"), "SMPLX_to_J14": (14, "smplx")}
# Regressors of the JSON form (pytorch_HMR) are stored with vertices first.
_REGRESSORS = ("J_regressor", "cocoplus_regressor")


@dataclasses.dataclass(frozen=True)
class BodyModel:
    """Arrays of one body model, float64 and int64, metres and radians.

    Attributes:
        kind (str): a key of `SIZES`.
        source (str): "synthetic", or the file's path.
        v_template (array): (V, 3), mean shape in rest pose.
        faces (array): (F, 3), vertex numbers, counter-clockwise from outside.
        shapedirs (array): (V, 3, S), displacement for each unit of a shape coefficient.
        posedirs (array): (V, 3, 9 * (J - 1)), displacement for each entry of the rotation matrices minus identity.
        J_regressor (array): (J, V).
        weights (array): (V, J), skinning weights.
        parents (array): (J,), -1 for the root.
        extras (dict): every other array of numbers in the file, by its name there.
    """

    kind: str
    source: str
    v_template: np.ndarray
    faces: np.ndarray
    shapedirs: np.ndarray
    posedirs: np.ndarray
    J_regressor: np.ndarray
    weights: np.ndarray
    parents: np.ndarray
    extras: Mapping

    @property
    def synthetic(self):
        """Whether this is the licence-free stand-in; results then carry `body_model: synthetic`."""
        return self.source == "synthetic"

    def shape_directions(self, num_betas):
        """The first `num_betas` shape directions, (V, 3, num_betas). UserError when the file has fewer."""
        if num_betas > self.shapedirs.shape[-1]:
            raise UserError(f"{self.source} has {self.shapedirs.shape[-1]} shape directions, not {num_betas}")
        return self.shapedirs[..., :num_betas]

    def extra(self, name, shape):
        """An array of `extras`; None in `shape` stands for any size. Missing or mis-shaped is a UserError."""
        if name not in self.extras:
            raise UserError(f"{self.source} has no array {name}, which is needed here; use a complete model file")
        return _checked(self.extras[name], shape, f"{self.source}: {name}")


@dataclasses.dataclass(frozen=True)
class MeshPyramid:
    """Matrices between a mesh and its coarser copies, scipy CSR in float64; level 0 is the finest.

    Attributes:
        source (str): "synthetic", or the file's path.
        adjacency (tuple): per level, (V, V), positive where two vertices share an edge.
        upsample (tuple): per level but the last, (V_fine, V_coarse).
        downsample (tuple): per level but the last, (V_coarse, V_fine).
        faces (tuple): per level, (F, 3) int64.
    """

    source: str
    adjacency: tuple
    upsample: tuple
    downsample: tuple
    faces: tuple


@dataclasses.dataclass(frozen=True)
class MeanParams:
    """Where iterative regressors start.

    Attributes:
        pose (array): (72,) axis-angle in radians, or (144,) in the interleaved 6D form (see `rotation`).
        shape (array): (10,).
        cam (array): (3,), (s, tx, ty).
    """

    pose: np.ndarray
    shape: np.ndarray
    cam: np.ndarray


def load_body_model(kind, path=""):
    """Read a body model from `.pkl` (Python 2 or 3), `.npz` or the JSON form of pytorch_HMR (`.txt`).

    Args:
        kind (str): "smpl", "smplx", "mano_left" or "mano_right".
        path (str): the file; empty for the synthetic body, which is announced by a warning.

    Returns:
        BodyModel

    Raises:
        UserError: no such file, unreadable, unsafe, incomplete, or arrays of wrong shapes.
    """
    if path:
        return build_body_model(kind, _read(path, _NEEDED + _REGRESSORS), str(path))
    from common.body_models.synthetic import load_synthetic  # builds a body: only when one is asked for
    log.warning("no %s file is configured: a synthetic body stands in; results are marked body_model: synthetic", kind)
    return build_body_model(kind, load_synthetic(kind), "synthetic")


def build_body_model(kind, content, source):
    """Check the arrays of a body-model file and bring them into one form.

    Args:
        kind (str): a key of `SIZES`.
        content (dict): the file's members under their published names.
        source (str): path for messages, or "synthetic".

    Raises:
        UserError: a member is missing, has a wrong shape or impossible values.
    """
    if not isinstance(content, Mapping):
        raise UserError(f"{source} holds no dictionary of arrays; it is not a body-model file")
    missing = [name for name in _NEEDED if name not in content]
    if missing:
        raise UserError(f"{source} has no {', '.join(missing)}: it is not a {kind} model file")
    num_vertices, num_faces, num_joints = SIZES[kind]

    def member(name, shape, dtype=np.float64):
        value = as_array(content[name], f"{source}: {name}")
        if name in _REGRESSORS and value.shape[:1] == (num_vertices,):
            value = value.T
        return _checked(value, shape, f"{source}: {name}").astype(dtype)

    weights = member("weights", (num_vertices, num_joints))
    if np.abs(weights.sum(1) - 1).max() > 0.01:
        raise UserError(f"{source}: the skinning weights of a vertex do not sum to one; get the file again")
    faces = member("f", (num_faces, 3), np.int64)
    if faces.min() < 0 or faces.max() >= num_vertices:
        raise UserError(f"{source}: f names vertices that do not exist; get the file again")
    return BodyModel(
        kind=kind, source=source, v_template=member("v_template", (num_vertices, 3)), faces=faces,
        shapedirs=member("shapedirs", (num_vertices, 3, None)),
        posedirs=member("posedirs", (num_vertices, 3, 9 * (num_joints - 1))),
        J_regressor=member("J_regressor", (num_joints, num_vertices)), weights=weights,
        parents=_parents(member("kintree_table", (2, num_joints), np.int64)[0], source),
        extras=_extras(content, num_vertices))


def fix_left_shapedirs(left, right):
    """MANO's published left hand carries the right hand's shape directions: x needs its sign turned.

    Args:
        left (BodyModel): kind mano_left.
        right (BodyModel): kind mano_right.

    Returns:
        BodyModel: the left hand, corrected if the two agree in x and unchanged otherwise.
    """
    if np.abs(left.shapedirs[:, 0] - right.shapedirs[:, 0]).sum() >= 1:
        return left
    return dataclasses.replace(left, shapedirs=left.shapedirs * np.array([-1.0, 1.0, 1.0])[:, None])


def load_regressor(model, name, path=""):
    """A joint regressor from `.npy`, `.npz` (one array) or `.pkl`.

    Args:
        model (BodyModel): the body whose vertices it will be applied to.
        name (str): what it is, by its published name: "J_regressor_extra" (GraphCMR, 14 joints), "J_regressor_h36m"
            (GraphCMR and SPIN, 17), "J_regressor_h36m_smpl" and "J_regressor_h36m_smplx" (Hand4Whole, 17, in another
            order), "SMPLX_to_J14" (14).
        path (str): the file; empty for that of the synthetic body.

    Returns:
        array: (joints, V) float64.

    Raises:
        UserError: no such file, unreadable, unsafe, another shape, or an empty path beside a real body model.
    """
    num_joints, kind = _JOINT_SETS[name]
    shape = num_joints, SIZES[kind][0]
    value = as_array(_single(_read_companion(model, name, path), path), path or name)
    if value.shape == shape[::-1]:
        value = value.T
    return _checked(value, shape, path or name).astype(np.float64)


def load_vertex_ids(model, name, path=""):
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

    def checked(value, what):
        ids = _checked(as_array(value, what), (None,), what)
        if ids.dtype.kind not in "iu" or ids.min() < 0 or ids.max() >= num_vertices:
            raise UserError(f"{what} does not hold vertex numbers below {num_vertices}")
        return ids.astype(np.int64)

    if isinstance(content, Mapping):
        return {part: checked(value, f"{path or name}: {part}") for part, value in content.items()}
    return checked(content, path or name)


def load_mean_params(path=""):
    """The mean pose, shape and camera: `smpl_mean_params.npz` (SPIN) or `neutral_smpl_mean_params.h5` (HMR).

    An empty path gives the rest pose, the mean shape and HMR's first camera, (0.9, 0, 0).

    Raises:
        UserError: no such file, unreadable, a member is missing or has a wrong shape.
    """
    if not path:
        return MeanParams(pose=np.zeros(72), shape=np.zeros(10), cam=np.array([0.9, 0.0, 0.0]))
    content = _read(path, ())
    if not isinstance(content, Mapping) or not {"pose", "shape"} <= set(content):
        raise UserError(f"{path} has no pose and shape: it is not a file of mean parameters")
    arrays = {name: as_array(content[name], f"{path}: {name}").reshape(-1).astype(np.float64)
              for name in ("pose", "shape", "cam") if name in content}
    if arrays["pose"].size not in (72, 144):
        raise UserError(f"{path}: pose has {arrays['pose'].size} numbers instead of 72 (axis-angle) or 144 (6D)")
    return MeanParams(pose=_checked(arrays["pose"], (None,), f"{path}: pose"),
                      shape=_checked(arrays["shape"], (10,), f"{path}: shape"),
                      cam=_checked(arrays.get("cam", np.array([0.9, 0.0, 0.0])), (3,), f"{path}: cam"))


def load_mesh_pyramid(model, path=""):
    """Mesh-resampling matrices in the layout of GraphCMR's `mesh_downsampling.npz` (members A, U, D, F).

    Args:
        model (BodyModel): the body whose vertices are level 0.
        path (str): the file; empty for that of the synthetic body.

    Returns:
        MeshPyramid

    Raises:
        UserError: no such file, unreadable, unsafe, a member is missing, sizes do not fit, or an empty path beside a
            real body model.
    """
    content = _read_companion(model, "mesh_downsampling", path)
    pyramid = build_mesh_pyramid(content, str(path) if path else "synthetic")
    if pyramid.adjacency[0].shape[0] != len(model.v_template):
        raise UserError(f"{path} is for {pyramid.adjacency[0].shape[0]} vertices, not {len(model.v_template)}")
    return pyramid


def build_mesh_pyramid(content, source):
    """The matrices of `content` (members A, U, D and F, lists with an entry for each level), checked."""
    missing = [name for name in "AUDF" if not isinstance(content, Mapping) or name not in content]
    if missing:
        raise UserError(f"{source} has no {', '.join(missing)}: it holds no mesh-resampling matrices")
    adjacency, upsample, downsample = (
        tuple(as_sparse(item, f"{source}: {name}[{level}]") for level, item in enumerate(content[name]))
        for name in "AUD")
    sizes = [matrix.shape[0] for matrix in adjacency]
    steps = list(zip(sizes[:-1], sizes[1:]))
    if [m.shape for m in adjacency] != [(n, n) for n in sizes] or [m.shape for m in upsample] != steps \
            or [m.shape for m in downsample] != [(coarse, fine) for fine, coarse in steps]:
        raise UserError(f"{source}: the shapes of A, U and D do not fit each other; get the file again")
    faces = tuple(_checked(as_array(item, f"{source}: F"), (None, 3), f"{source}: F").astype(np.int64)
                  for item in content["F"])
    return MeshPyramid(source, adjacency, upsample, downsample, faces)


def _read_companion(model, name, path):
    """Content of a file that goes with a body model. Files of real and synthetic bodies are never mixed unnoticed."""
    if path:
        if model.synthetic:
            log.warning("%s is used with the synthetic body, which it was not made for: the result means little", path)
        return _read(path, ("A", "U", "D", "F"))
    if not model.synthetic:
        raise UserError(f"{model.source} needs the file {name} that was made for it: set its path, "
                        "or leave the body model's path empty too for the synthetic body")
    from common.body_models.synthetic import load_extra  # builds a body: only when one is asked for
    return load_extra(name)


def _read(path, wanted):
    """Content of a file by what it starts with: zip (npz), npy, HDF5, JSON, else a pickle."""
    with open_file(path) as stream:
        start = stream.read(8)
        if start[:1] == b"{":
            stream.seek(0)
            return _read_json(stream, path)
    if start.startswith(b"PK\x03\x04"):
        return read_npz(path, wanted)
    try:
        if start.startswith(b"\x93NUMPY"):
            return np.load(path, allow_pickle=False)
        if start.startswith(b"\x89HDF"):
            with h5py.File(path, "r") as file:
                return {name: item[()] for name, item in file.items() if isinstance(item, h5py.Dataset)}
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path} is damaged ({error}); copy or download it again") from error
    return read_pickle(path)


def _read_json(stream, path):
    try:
        return json.load(stream)
    except ValueError as error:
        raise UserError(f"{path} is not readable JSON ({error}); copy or download it again") from error


def _single(content, path):
    if isinstance(content, Mapping):
        if len(content) != 1:
            raise UserError(f"{path} holds {len(content)} arrays ({', '.join(content)}) instead of one")
        return next(iter(content.values()))
    return content


def _checked(value, shape, what):
    if value.ndim != len(shape) or any(want not in (None, have) for want, have in zip(shape, value.shape)):
        wanted = tuple("any" if want is None else want for want in shape)
        raise UserError(f"{what} has the shape {value.shape} instead of {wanted}; this is the file of another model")
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        raise UserError(f"{what} holds NaN or infinity; get the file again")
    return value


def _parents(row, source):
    """Parents of the joints; files write the root's as -1 in one of several integer types."""
    parents = row.copy()
    parents[0] = -1
    if (parents[1:] < 0).any() or (parents[1:] >= np.arange(1, len(parents))).any():
        raise UserError(f"{source}: kintree_table is not a tree with parents before children; get the file again")
    return parents


def _extras(content, num_vertices):
    extras = {}
    for name, value in content.items():
        if name in _NEEDED:
            continue
        try:
            value = as_array(value, name)
        except UserError:
            continue  # a note, a name table or an expression that no model here reads
        extras[name] = value.T if name in _REGRESSORS and value.shape[:1] == (num_vertices,) else value
    return extras
