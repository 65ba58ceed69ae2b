"""Body-model files -> arrays: SMPL, SMPL-X and MANO. What is published beside them is read by `companions`.

An empty path stands for the licence-free synthetic body. Everything is checked on the way in: a missing key or a wrong
shape is an error that names file and key, never a crash later in the graph.
"""
import dataclasses
import logging
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from common.body_models.unpickle import as_array, as_sparse, open_file, read_npz, read_pickle
from common.data.restricted_pickle import load_npy
from common.errors import UserError
from common.text_files import read_json

log = logging.getLogger("mindhuman")

# Vertices, faces, joints of each kind.
SIZES = {"smpl": (6890, 13776, 24), "smplx": (10475, 20908, 55),
         "mano_left": (778, 1538, 16), "mano_right": (778, 1538, 16)}
_NEEDED = ("v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table")
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
    def synthetic(self) -> bool:
        """Whether this is the licence-free stand-in; results then carry `body_model: synthetic`."""
        return self.source == "synthetic"

    @property
    def name(self) -> str:
        """What results call the body: "synthetic", or the name of its file."""
        return os.path.basename(self.source)

    def astype(self, dtype: type) -> "BodyModel":
        """A copy with all arrays of floats in another type; half the memory and time for numpy work in float32."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        converted = {name: value.astype(dtype) for name, value in fields.items()
                     if isinstance(value, np.ndarray) and value.dtype.kind == "f"}
        return dataclasses.replace(self, **converted)

    def shape_directions(self, num_betas: int) -> np.ndarray:
        """The first `num_betas` shape directions, (V, 3, num_betas). UserError when the file has fewer."""
        available = self.shapedirs.shape[-1]
        if self.kind == "smplx":
            available = 300 if available >= 400 else 10
        if num_betas > available:
            raise UserError(f"{self.source} has {available} shape directions, not {num_betas}")
        return self.shapedirs[..., :num_betas]

    def expression_directions(self, num_expr: int) -> np.ndarray:
        """The first `num_expr` expression directions of SMPL-X, (V, 3, num_expr). UserError when there are fewer.

        Files hold 300 shape and 100 expression directions in one array, those of the first release 10 and 10.
        """
        directions = self.shapedirs[..., 300 if self.shapedirs.shape[-1] >= 400 else 10:]
        if num_expr > directions.shape[-1]:
            raise UserError(f"{self.source} has {directions.shape[-1]} expression directions, not {num_expr}")
        return directions[..., :num_expr]

    def extra(self, name: str, shape: tuple[int | None, ...]) -> np.ndarray:
        """An array of `extras`; None in `shape` stands for any size. Missing or mis-shaped is a UserError."""
        if name not in self.extras:
            raise UserError(f"{self.source} has no array {name}, which is needed here; use a complete model file")
        return checked(self.extras[name], shape, f"{self.source}: {name}")


@dataclasses.dataclass(frozen=True)
class MeshPyramid:
    """Matrices between a mesh and its coarser copies, scipy CSR in float64; level 0 is the finest.

    Attributes:
        source (str): "synthetic", or the file's path.
        adjacency (tuple): per level, (V, V), positive where two vertices share an edge.
        upsample (tuple): per level but the last, (V_fine, V_coarse).
        downsample (tuple): per level but the last, (V_coarse, V_fine).
    """

    source: str
    adjacency: tuple
    upsample: tuple
    downsample: tuple


def load_body_model(kind: str, path: str = "") -> BodyModel:
    """Read a body model from `.pkl` (Python 2 or 3), `.npz` or the JSON form of pytorch_HMR (`.txt`).

    Args:
        kind (str): "smpl", "smplx", "mano_left" or "mano_right".
        path (str): the file; empty for the synthetic body, which is announced by a warning.

    Raises:
        UserError: no such file, unreadable, unsafe, incomplete, or arrays of wrong shapes.
    """
    if path:
        return build_body_model(kind, read_file(path, _NEEDED + _REGRESSORS), str(path))
    from common.stand_ins.body.models import load_synthetic  # builds a body: only when one is asked for
    log.warning("no %s file is configured: a synthetic body stands in; results are marked body_model: synthetic", kind)
    return build_body_model(kind, load_synthetic(kind), "synthetic")


def build_body_model(kind: str, content: object, source: str) -> BodyModel:
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

    def member(name: str, shape: tuple[int | None, ...], dtype: type = np.float64) -> np.ndarray:
        value = as_array(content[name], f"{source}: {name}")
        if name in _REGRESSORS and value.shape[:1] == (num_vertices,):
            value = value.T
        return checked(value, shape, f"{source}: {name}").astype(dtype)

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


def build_mesh_pyramid(content: object, source: str) -> MeshPyramid:
    """The matrices of `content` (members A, U and D, lists with an entry for each level), checked."""
    missing = [name for name in "AUD" if not isinstance(content, Mapping) or name not in content]
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
    return MeshPyramid(source, adjacency, upsample, downsample)


def fix_left_shapedirs(left: BodyModel, right: BodyModel) -> BodyModel:
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


def read_file(path: str, wanted: tuple[str, ...] = ()) -> Any:  # noqa: ANN401
    """Content of a file by what it starts with: zip (npz), npy, HDF5, JSON, else a pickle.

    Args:
        wanted (tuple): members of an npz file that may be pickled objects; the others are left out then.

    Raises:
        UserError: no such file, damaged, or a pickle that asks for more than data.
    """
    with open_file(path) as stream:
        start = stream.read(8)
    if start[:1] == b"{":
        return read_json(path, hint="copy or download it again")
    if start.startswith(b"PK\x03\x04"):
        return read_npz(path, wanted)
    if start.startswith(b"\x93NUMPY"):
        return load_npy(path)
    if start.startswith(b"\x89HDF"):
        # Here, as only HMR's mean parameters are such a file.
        from common.data.hdf5_files import datasets_of, open_hdf5, read_dataset

        with open_hdf5(path) as file:
            return {name: read_dataset(file, name) for name in datasets_of(file)}
    return read_pickle(path)


def checked(value: np.ndarray, shape: tuple[int | None, ...], what: str) -> np.ndarray:
    """The array, if it has this shape (None: any size) and only finite numbers; else a UserError that names `what`."""
    if value.ndim != len(shape) or any(want not in (None, have) for want, have in zip(shape, value.shape)):
        wanted = tuple("any" if want is None else want for want in shape)
        raise UserError(f"{what} has the shape {value.shape} instead of {wanted}; this is the file of another model")
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        raise UserError(f"{what} holds NaN or infinity; get the file again")
    return value


def _parents(row: np.ndarray, source: str) -> np.ndarray:
    """Parents of the joints; files write the root's as -1 in one of several integer types."""
    parents = row.copy()
    parents[0] = -1
    if (parents[1:] < 0).any() or (parents[1:] >= np.arange(1, len(parents))).any():
        raise UserError(f"{source}: kintree_table is not a tree with parents before children; get the file again")
    return parents


def _extras(content: Mapping[str, object], num_vertices: int) -> dict[str, np.ndarray]:
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
