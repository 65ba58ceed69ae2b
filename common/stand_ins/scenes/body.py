"""Bodies of the sample scenes: one per kind, with what the scenes need beside the model itself.

The bodies are always the synthetic ones (`common.stand_ins.body.models`), so sample data carry no licensed shape.
"""
import dataclasses
import functools

import numpy as np
from scipy import sparse

from common.body_models.files import build_body_model
from common.body_models.landmarks import VERTEX_JOINTS, contour_landmarks, face_landmarks, vertex_joint_ids
from common.joints import SKELETONS, body_part
from common.stand_ins.body.anatomy import SMPLX_SHIFT, joint_tree
from common.stand_ins.body.models import load_extra, load_synthetic

KINDS = ("smpl", "smplx", "mano_right", "mano_left")

_EXTRA_14 = ("nose", "right_eye", "left_eye", "right_ear", "left_ear", "right_hip", "left_hip", "neck", "head_top",
             "pelvis", "mpii_thorax", "spine", "jaw", "head")
_FEET_6 = ("left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel")


@dataclasses.dataclass(frozen=True)
class PointSet:
    """Named points on and in a body: matrix (P, J + V) times the posed skeleton above the vertices gives them."""

    names: tuple
    matrix: sparse.csr_matrix


@dataclasses.dataclass(frozen=True)
class SceneBody:
    """A body model for drawing.

    Attributes:
        model (BodyModel): with float32 arrays, `posedirs` as a sparse matrix (`lbs_numpy.pose_body` takes it).
        joint_names (tuple): of the skeleton, (J,).
        rest (numpy.ndarray): (V, 3) float32, vertices in the rest pose, SMPL's place (soles near y = -1.17 m).
        parts (numpy.ndarray): (V,) uint8, number in `BODY_PARTS`, from 1.
        owner (tuple): (V,) names of the joint that moves each vertex most, without `left_` and `right_`.
        point_sets (dict): name -> PointSet.
    """

    model: object
    joint_names: tuple
    rest: np.ndarray
    parts: np.ndarray
    owner: tuple
    point_sets: dict


@functools.lru_cache(maxsize=4)
def scene_body(kind):
    """The SceneBody of a kind.

    Point sets of "smpl": smpl_24, landmarks_21, cocoplus_19, lsp_14, coco_17, mpii_16, h36m_17, extra_14; of "smplx":
    smplx_55, landmarks_21, lsp_14, coco_17, h36m_17, feet_6, left_hand_21, right_hand_21 (wrist, then four points of
    thumb, index, middle, ring, pinky), face_68 (17 of the outline as seen from the front, 51 inside); of the hands:
    mano_16, hand_21.

    Raises:
        ValueError: no such kind.
    """
    if kind not in KINDS:
        raise ValueError(f"no body {kind!r} for scenes, there are {', '.join(KINDS)}")
    model = build_body_model(kind, load_synthetic(kind), "synthetic")
    names, _ = joint_tree(kind)
    single = {name: getattr(model, name).astype(np.float32)
              for name in ("v_template", "shapedirs", "J_regressor", "weights")}
    single["posedirs"] = sparse.csr_matrix(model.posedirs.reshape(3 * len(model.v_template), -1).astype(np.float32))
    strongest = [names[index] for index in model.weights.argmax(1)]
    sets = _hand_sets(model, names) if kind.startswith("mano") else _body_sets(kind, model, names)
    return SceneBody(
        model=dataclasses.replace(model, **single), joint_names=names,
        rest=single["v_template"] - (SMPLX_SHIFT if kind == "smplx" else np.zeros(3)).astype(np.float32),
        parts=np.array([body_part(name) for name in strongest], np.uint8),
        owner=tuple(name.removeprefix("left_").removeprefix("right_") for name in strongest), point_sets=sets)


def _body_sets(kind, model, names):
    num_joints, num_vertices = len(names), len(model.v_template)
    skeleton = _rows(num_joints, num_vertices, range(num_joints))
    landmarks = PointSet(VERTEX_JOINTS, _rows(num_joints, num_vertices, num_joints + vertex_joint_ids(kind)))
    h36m = PointSet(SKELETONS["h36m_17"], _regressor(num_joints, load_extra(f"J_regressor_h36m_{kind}")))
    sets = {f"{kind}_{num_joints}": PointSet(tuple(names), skeleton), "landmarks_21": landmarks, "h36m_17": h36m}
    if kind == "smpl":
        regressor = load_synthetic("smpl")["cocoplus_regressor"]
        cocoplus = PointSet(SKELETONS["cocoplus_19"], _regressor(num_joints, regressor))
        extra = PointSet(_EXTRA_14, _regressor(num_joints, load_extra("J_regressor_extra")))
        # What MPII calls upper neck is LSP's neck.
        upper = PointSet(("upper_neck",), _pick(cocoplus, ("neck",)).matrix)
        sets |= {"cocoplus_19": cocoplus, "extra_14": extra, "lsp_14": _pick(cocoplus, SKELETONS["lsp_14"]),
                 "coco_17": _pick(cocoplus, SKELETONS["coco_17"]),
                 "mpii_16": _pick(_joined(cocoplus, upper, extra), SKELETONS["mpii_16"])}
        return sets
    lsp = PointSet(SKELETONS["lsp_14"], _regressor(num_joints, load_extra("SMPLX_to_J14")))
    outline = [part[0] for part in contour_landmarks(model)]
    face = PointSet(SKELETONS["face_68"], _on_faces(num_joints, num_vertices, *(
        np.concatenate(parts) for parts in zip(outline, face_landmarks(model)))))
    everything = _joined(sets["smplx_55"], landmarks)
    hands = {name: _pick(everything, SKELETONS[name]) for name in ("left_hand_21", "right_hand_21")}
    return sets | hands | {"lsp_14": lsp, "coco_17": _pick(_joined(lsp, landmarks), SKELETONS["coco_17"]),
                           "feet_6": _pick(landmarks, _FEET_6), "face_68": face}


def _hand_sets(model, names):
    num_joints, num_vertices = len(names), len(model.v_template)
    points = PointSet(SKELETONS[f"{model.kind}_21"], _rows(
        num_joints, num_vertices, [*range(num_joints), *(num_joints + vertex_joint_ids(model.kind))]))
    hand = SKELETONS[f"{model.kind.removeprefix('mano_')}_hand_21"]
    return {"mano_16": _pick(points, names), "hand_21": _pick(points, hand)}


def _rows(num_joints, num_vertices, columns):
    columns = np.asarray(list(columns))
    return sparse.csr_matrix((np.ones(len(columns)), (np.arange(len(columns)), columns)),
                             shape=(len(columns), num_joints + num_vertices))


def _regressor(num_joints, regressor):
    return sparse.hstack([sparse.csr_matrix((len(regressor), num_joints)), sparse.csr_matrix(regressor)], "csr")


def _on_faces(num_joints, num_vertices, corners, weights):
    rows = np.repeat(np.arange(len(corners)), 3)
    return sparse.csr_matrix((weights.reshape(-1), (rows, num_joints + corners.reshape(-1))),
                             shape=(len(corners), num_joints + num_vertices))


def _joined(*sets):
    names = sum((points.names for points in sets), ())
    return PointSet(names, sparse.vstack([points.matrix for points in sets], "csr"))


def _pick(points, names):
    """The named points; where two have one name, the first counts."""
    return PointSet(tuple(names), points.matrix[[points.names.index(name) for name in names]])
