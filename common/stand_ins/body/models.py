"""A licence-free human in the file layouts of SMPL, SMPL-X and MANO, built on first use and kept in a cache folder.

It stands in wherever a licensed body model is not at hand: same vertex, face and joint counts, joint order, rest pose,
member names, shapes and units. Its shape space is our own, so parameters fitted to it mean nothing on SMPL. Everything
is computed from the numbers in `anatomy` and its neighbours; nothing was learnt from people.

The cache is `$MINDHUMAN_CACHE`, by default `~/.cache/mindhuman`; a file there is named after the source it was made
from, so a new version of the body never reads an old file.
"""
import functools
import hashlib
import logging
import pathlib
import zipfile

import numpy as np
from scipy import sparse

from common.errors import UserError
from common.files import atomic_path, cache_folder
from common.stand_ins.body import mesh as body_mesh
from common.stand_ins.body import rig, sampling
from common.stand_ins.body.anatomy import SMPLX_SHIFT, joint_tree, rest_joint
from common.stand_ins.body.extras import REGRESSORS, extra_regressor, numbering, vertex_joints
from common.stand_ins.body.face import fixed_landmarks, outline_landmarks
from common.stand_ins.body.hands import MIRROR, hand_poses
from common.stand_ins.body.shapes import body_shapes, expressions, hand_shapes

log = logging.getLogger("mindhuman")

KINDS = ("smpl", "smplx", "mano_right", "mano_left")
SMPLX_SHAPES, SMPLX_EXPRESSIONS = 300, 100  # of which 10 and 10 are used
MANO_WRIST = np.array([0.0957, 0.0064, 0.0062])  # where MANO's right wrist rests
NO_PARENT = 2 ** 32 - 1  # the root's parent in the files


def load_synthetic(kind):
    """Arrays of a synthetic body model, with the members of the licensed file.

    Args:
        kind (str): "smpl" (6890 vertices, 24 joints), "smplx" (10475, 55), "mano_right" or "mano_left" (778, 16).

    Returns:
        dict: v_template (V, 3) float64, metres, y up, facing +z; f (F, 3) uint32, counter-clockwise from outside;
        shapedirs (V, 3, 10), for "smplx" (V, 3, 400) with shape in columns 0..9 and expression in 300..309;
        posedirs (V, 3, 9 (J - 1)); J_regressor (J, V) dense; weights (V, J); kintree_table (2, J) uint32.
        "smpl" also: cocoplus_regressor (19, V). "smplx" also: hands_componentsl/r (45, 45), hands_meanl/r (45,),
        lmk_faces_idx (51,), lmk_bary_coords (51, 3), dynamic_lmk_faces_idx (79, 17), dynamic_lmk_bary_coords
        (79, 17, 3). "mano_*" also: hands_components (45, 45), hands_mean (45,), hands_coeffs (64, 45).

    Raises:
        ValueError: no such kind.
        UserError: the cache folder cannot be written.
    """
    if kind not in KINDS:
        raise ValueError(f"no synthetic body {kind!r}, there are {', '.join(KINDS)}")
    if kind.startswith("mano"):
        return _mano(kind)
    members = _members(kind)
    return {name: members[name] for name in _MODEL_MEMBERS[kind]}


def load_extra(name):
    """A file that goes with the body models.

    Args:
        name (str): "J_regressor_extra" (14, 6890), "J_regressor_h36m" (17, 6890; left leg first, as GraphCMR and SPIN
            have it), "J_regressor_h36m_smpl" (17, 6890; right leg first, as Hand4Whole has it),
            "J_regressor_h36m_smplx" (17, 10475; the same), "SMPLX_to_J14" (14, 10475), "MANO_SMPLX_vertex_ids" (dict of
            left_hand and right_hand, (778,)), "SMPL-X__FLAME_vertex_ids" (5023,), "mesh_downsampling" (dict of lists
            A, U, D of scipy csc matrices and F of (F, 3) uint32), "smpl_mirror" (6890,) or "smplx_mirror" (10475,): the
            vertex on the other side of each vertex.

    Raises:
        ValueError: no such file.
    """
    if name == "mesh_downsampling":
        return _pyramid()
    if name == "MANO_SMPLX_vertex_ids":
        return {side: _members("smplx")[side] for side in ("left_hand", "right_hand")}
    for kind in ("smpl", "smplx"):
        if name in _EXTRA_MEMBERS[kind]:
            return _members(kind)[name]
    raise ValueError(f"no synthetic file {name!r}")


_COMMON = ("v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table")
_MODEL_MEMBERS = {
    "smpl": (*_COMMON, "cocoplus_regressor"),
    "smplx": (*_COMMON, "hands_componentsl", "hands_componentsr", "hands_meanl", "hands_meanr", "lmk_faces_idx",
              "lmk_bary_coords", "dynamic_lmk_faces_idx", "dynamic_lmk_bary_coords"),
}
_EXTRA_MEMBERS = {
    "smpl": ("J_regressor_extra", "J_regressor_h36m", "J_regressor_h36m_smpl", "smpl_mirror"),
    "smplx": ("J_regressor_h36m_smplx", "SMPLX_to_J14", "SMPL-X__FLAME_vertex_ids", "smplx_mirror"),
}
_SPARSE = ("shapedirs", "posedirs")  # kept as their non-zero entries: most are zero, and they are large


@functools.lru_cache(maxsize=2)
def _members(kind):
    """All arrays of "smpl" or "smplx", from the cache file, which is made when it is missing or damaged."""
    path = cache_folder() / f"synthetic_{kind}_{_fingerprint()}.npz"
    stored = _read(path)
    if stored is None:
        log.info("building the synthetic body (%s), once; it takes about 15 s", kind)
        stored = _packed(_build(kind))
        _write(path, stored)
    return _unpacked(stored)


def _fingerprint():
    digest = hashlib.sha256()
    for source in sorted(pathlib.Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _read(path):
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None  # missing or damaged: it is made (again)


def _write(path, arrays):
    try:
        with atomic_path(path) as temporary:
            np.savez(temporary, **arrays)
    except (OSError, UserError) as error:
        raise UserError(f"the synthetic body cannot be kept ({error}); set MINDHUMAN_CACHE to a folder that can be "
                        "written") from error


def _packed(members):
    out = {}
    for name, value in members.items():
        if name in _SPARSE:
            flat = np.flatnonzero(value)
            out.update({f"{name}/shape": value.shape, f"{name}/at": flat.astype(np.int32),
                        f"{name}/value": value.reshape(-1)[flat].astype(np.float32)})
        else:
            out[name] = value
    return out


def _unpacked(stored):
    out = {name: value for name, value in stored.items() if "/" not in name}
    for name in _SPARSE:
        value = np.zeros(stored[f"{name}/shape"])
        value.reshape(-1)[stored[f"{name}/at"]] = stored[f"{name}/value"]
        out[name] = value
    for value in out.values():
        value.flags.writeable = False  # one copy serves all callers
    return out


def _build(kind):
    """Everything about "smpl" or "smplx"."""
    mesh = _numbered(kind, body_mesh.build_mesh(kind))
    names, parents = joint_tree(kind)
    adjacency = rig.neighbour_mean(mesh.faces, len(mesh.vertices))
    weights = rig.skinning_weights(kind, mesh, adjacency)
    joints = rig.rest_joints(kind)
    regressor = rig.joint_regressor(mesh.vertices, weights, parents, joints)
    regressor = rig.symmetric_rows(regressor, mesh.mirror, rig.mirrored_joints(names))
    shapes = body_shapes(mesh.vertices, _smooth_normals(mesh, adjacency))
    for eyeball, name in ((1, "left_eyeball"), (2, "right_eyeball")):
        # An eyeball does not change its form: it moves as the skin beside it does.
        own = mesh.eyeball == eyeball
        beside = np.argsort(np.linalg.norm(mesh.vertices - rest_joint(name), axis=1) + own, kind="stable")[:17]
        shapes[own] = shapes[beside].mean(0)
    members = {
        "v_template": mesh.vertices,
        "f": mesh.faces.astype(np.uint32),
        "shapedirs": shapes,
        "posedirs": rig.pose_blend_shapes(mesh.vertices, weights, parents, joints),
        "J_regressor": regressor,
        "weights": weights,
        "kintree_table": np.array([[NO_PARENT, *parents[1:]], range(len(parents))], np.uint32),
        f"{kind}_mirror": mesh.mirror,
    }
    wanted = set(_MODEL_MEMBERS[kind] + _EXTRA_MEMBERS[kind])
    members.update({name: extra_regressor(name, mesh.vertices, mesh.mirror, weights, kind)
                    for name in REGRESSORS if name in wanted})
    return _with_smplx_members(members, mesh) if kind == "smplx" else members


def _numbered(kind, mesh):
    """The mesh with its vertices in the order of `numbering`."""
    order = numbering(kind, mesh.vertices, mesh.mirror)
    number = np.argsort(order)
    return body_mesh.BodyMesh(mesh.vertices[order], number[mesh.faces], number[mesh.mirror[order]], mesh.region,
                                   mesh.eyeball[order])


def _smooth_normals(mesh, adjacency):
    corners = mesh.vertices[mesh.faces]
    normals = np.zeros_like(mesh.vertices)
    face_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    np.add.at(normals, mesh.faces.reshape(-1), np.repeat(face_normals, 3, 0))
    for _ in range(10):
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        normals = 0.5 * normals + 0.5 * (adjacency @ normals)
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def _with_smplx_members(members, mesh):
    """SMPL-X's further members, and its template moved down to where SMPL-X stands."""
    skin = mesh.eyeball == 0
    expression = expressions(mesh.vertices) * skin[:, None, None]
    spread = np.zeros((len(mesh.vertices), 3, SMPLX_SHAPES + SMPLX_EXPRESSIONS))
    spread[..., :10], spread[..., SMPLX_SHAPES:SMPLX_SHAPES + 10] = members["shapedirs"], expression
    mean, components, _ = hand_poses()
    face_skin = (mesh.region == body_mesh.HEAD) & skin[mesh.faces].all(1)
    fixed, fixed_weights = fixed_landmarks(mesh.vertices, mesh.faces, face_skin)
    outline, outline_weights = outline_landmarks(mesh.vertices, mesh.faces, face_skin)
    in_hand = np.unique(mesh.faces[mesh.region == body_mesh.HAND])
    left = _hand_numbering(in_hand[mesh.vertices[in_hand, 0] > 0])
    return members | {
        "v_template": mesh.vertices + SMPLX_SHIFT, "shapedirs": spread,
        "hands_componentsl": components, "hands_componentsr": components * MIRROR,
        "hands_meanl": mean, "hands_meanr": mean * MIRROR,
        "lmk_faces_idx": fixed, "lmk_bary_coords": fixed_weights,
        "dynamic_lmk_faces_idx": outline, "dynamic_lmk_bary_coords": outline_weights,
        "left_hand": left, "right_hand": mesh.mirror[left],
        "SMPL-X__FLAME_vertex_ids": np.unique(mesh.faces[mesh.region == body_mesh.HEAD]),
    }


def _hand_numbering(vertices):
    """SMPL-X vertices (778,) of a left hand in an order in which MANO's tip numbers name the tips."""
    in_body = vertex_joints("smplx")
    tips = {number: in_body[tip] for tip, number in vertex_joints("mano_left").items()}
    order = np.full(len(vertices), -1)
    order[list(tips)] = list(tips.values())
    order[order < 0] = np.setdiff1d(vertices, list(tips.values()))
    return order


@functools.lru_cache(maxsize=2)
def _mano(kind):
    """A hand of the SMPL-X body as a model of its own."""
    body = _members("smplx")
    side = kind.removeprefix("mano_")
    chosen = body[f"{side}_hand"]
    number = np.full(len(body["v_template"]), -1)
    number[chosen] = np.arange(len(chosen))
    faces = number[body["f"].astype(np.int64)]
    names, parents = joint_tree(kind)
    body_names, _ = joint_tree("smplx")
    columns = [body_names.index(name) for name in names]
    weights = body["weights"][chosen][:, columns]
    weights[:, 0] += 1 - weights.sum(1)
    sign = np.array([1.0, 1.0, 1.0]) if side == "left" else np.array([-1.0, 1.0, 1.0])
    vertices = (body["v_template"][chosen] - SMPLX_SHIFT) * sign  # of a left hand, in body coordinates
    joints = np.array([rest_joint(name) for name in joint_tree("mano_left")[0]])
    mean, components, coefficients = hand_poses()
    turn = np.ones(45) if side == "left" else MIRROR
    posedirs = rig.pose_blend_shapes(vertices, weights, parents, joints)
    if side == "right":
        # A mirrored rotation has the entries of R at xy, xz, yx, zx negated; a mirrored displacement its x.
        posedirs = posedirs * sign[None, :, None] * np.tile([1, -1, -1, -1, 1, 1, -1, 1, 1], 15)
    out = {
        "v_template": (vertices - rest_joint("left_wrist")) * sign + MANO_WRIST * sign * (-1, 1, 1),
        "f": faces[(faces >= 0).all(1)].astype(np.uint32),
        "shapedirs": hand_shapes(vertices, weights) * sign[None, :, None],
        "posedirs": posedirs,
        "J_regressor": rig.joint_regressor(vertices, weights, parents, joints),
        "weights": weights,
        "kintree_table": np.array([[NO_PARENT, *parents[1:]], range(len(parents))], np.uint32),
        "hands_components": components * turn, "hands_mean": mean * turn, "hands_coeffs": coefficients,
    }
    for value in out.values():
        value.flags.writeable = False
    return out


@functools.lru_cache(maxsize=1)
def _pyramid():
    """The mesh pyramid, cached beside the bodies."""
    path = cache_folder() / f"synthetic_pyramid_{_fingerprint()}.npz"
    stored = _read(path)
    if stored is None:
        body = _members("smpl")
        made = sampling.mesh_pyramid(body["v_template"], body["f"].astype(np.int64), body["smpl_mirror"],
                                     body_mesh.wanted_size)
        stored = {}
        for name, matrices in made.items():
            for level, matrix in enumerate(matrices):
                if name == "F":
                    stored[f"F{level}"] = matrix
                else:
                    stored |= {f"{name}{level}/{part}": getattr(matrix, part)
                               for part in ("data", "indices", "indptr", "shape")}
        _write(path, stored)
    out = {"F": [stored[f"F{level}"] for level in range(3)]}
    for name, levels in (("A", 3), ("U", 2), ("D", 2)):
        out[name] = [sparse.csc_matrix(tuple(stored[f"{name}{level}/{part}"] for part in ("data", "indices", "indptr")),
                                       tuple(stored[f"{name}{level}/shape"])) for level in range(levels)]
    return out
