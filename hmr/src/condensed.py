"""A body with as many vertices as its joints need: the same joints for a fraction of the work, for training.

A regressed joint is a weighted sum of vertices, and a vertex follows the skeleton's joints by weights of its own. What
a regressed joint takes from all vertices that follow one joint of the skeleton is a single point in rest-pose space,
which moves with that joint alone. So a few hundred such points stand for the 6890 vertices. Nothing is approximated.
"""
import dataclasses

import numpy as np


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
