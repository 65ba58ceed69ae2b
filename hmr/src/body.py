"""The SMPL bodies of the settings: with HMR's joints, of either gender for evaluation, and small for training.

The small body has as many vertices as its joints need: the same joints for a fraction of the work. A regressed joint is
a weighted sum of vertices, and a vertex follows the skeleton's joints by weights of its own. What a regressed joint
takes from all vertices that follow one joint of the skeleton is a single point in rest-pose space, which moves with
that joint alone. So a few hundred such points stand for the 6890 vertices. Nothing is approximated.
"""
import dataclasses

import numpy as np

from common.body_models.companions import EXTRA_JOINTS, load_regressor
from common.body_models.files import load_body_model
from common.errors import UserError
from common.joints import SKELETONS, index_map
from hmr.src.config import HMR_SMPL, in_data
from hmr.src.network import JOINTS

# The rows of J_regressor_extra that are joints of HMR, by its names; the file has five more.
HMR_EXTRA_JOINTS = tuple(name.replace("lsp_", "") for name in EXTRA_JOINTS[:9])

# Rows of J_regressor_h36m that are LSP's 14 joints, as SPIN takes them.
H36M_TO_LSP = (6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10)


def load_body(config):
    """The SMPL body of the settings, with HMR's 19 joints -> BodyModel.

    Raises:
        UserError: a file that is missing or damaged, or a body without these joints.
    """
    model = load_body_model("smpl", config.smpl_path or in_data(config, HMR_SMPL))
    if config.joint_regressor_extra_path:
        extra = load_regressor(model, "J_regressor_extra", config.joint_regressor_extra_path)
        model = dataclasses.replace(model, extras={**model.extras, "cocoplus_regressor": _cocoplus(model, extra)})
    elif "cocoplus_regressor" not in model.extras:
        raise UserError(f"{model.source} has no cocoplus_regressor: take {HMR_SMPL} (--smpl_path), or name GraphCMR's "
                        "J_regressor_extra.npy (--joint_regressor_extra_path)")
    return model


def _cocoplus(model, extra):
    """The 19 joints from the skeleton's, and from those of GraphCMR where the skeleton has none or lower hips."""
    names = tuple(name for name in SKELETONS["smpl_24"] if name not in HMR_EXTRA_JOINTS)
    rows = model.J_regressor[index_map("smpl_24", names)]
    return np.concatenate([rows, extra[:len(HMR_EXTRA_JOINTS)]])[index_map(names + HMR_EXTRA_JOINTS, JOINTS)]


def load_eval_bodies(config, body):
    """The bodies that true parameters belong to: gender -> BodyModel in float32.

    Args:
        body (BodyModel): of `load_body`, for those without a file of their own.
    """
    paths = {"male": config.smpl_male_path, "female": config.smpl_female_path}
    own = {gender: load_body_model("smpl", path) for gender, path in paths.items() if path}
    if own and len(own) < len(paths):
        raise UserError("--smpl_male_path and --smpl_female_path: give both, or none")
    return {gender: own.get(gender, body).astype(np.float32) for gender in ("neutral", *paths)}


def load_eval_regressor(config, body):
    """What takes vertices to the 14 joints of the evaluation, (14, 6890); None for the network's own joints."""
    if config.eval_joints == "cocoplus":
        return None
    return load_regressor(body, "J_regressor_h36m", config.joint_regressor_h36m_path)[list(H36M_TO_LSP)]


def condense(model, name):
    """A body model whose vertices are those points.

    Args:
        model (BodyModel): any.
        name (str): regressor among its extras, (K, V).

    Returns:
        BodyModel: with P vertices; its `J_regressor` and its extra `name` give the joints of `model` for all shapes and
        poses. It has no faces, and its vertices are no surface.
    """
    regressor, num_joints = model.extras[name], len(model.parents)
    # Points of positive and of negative weights apart: so none is a difference of nearly equal numbers.
    parts = [(sign, np.maximum(sign * regressor, 0.0)) for sign in (1.0, -1.0)]
    points, columns, follows = [], [], []
    for sign, part in parts:
        for row, shares in enumerate(part):
            for joint in range(num_joints):
                share = shares * model.weights[:, joint]
                if share.sum() > 0:
                    points.append(share / share.sum())
                    columns.append((row, sign * share.sum()))
                    follows.append(joint)
    matrix = np.concatenate([np.stack(points), model.J_regressor])
    num_points = len(points)
    condensed = np.zeros((len(regressor), len(matrix)))
    for point, (row, share) in enumerate(columns):
        condensed[row, point] = share
    skeleton = np.zeros((num_joints, len(matrix)))
    skeleton[:, num_points:] = np.eye(num_joints)
    return dataclasses.replace(
        model, v_template=matrix @ model.v_template, faces=np.zeros((0, 3), np.int64),
        shapedirs=np.tensordot(matrix, model.shapedirs, 1), posedirs=np.tensordot(matrix, model.posedirs, 1),
        J_regressor=skeleton, weights=np.eye(num_joints)[[*follows, *range(num_joints)]], extras={name: condensed})
