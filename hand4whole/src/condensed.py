"""SMPL-X with no more vertices than the 137 joints hang on: the same joints for a fraction of the work, for training.

Joints need the skeleton, points on the skin and corners of the faces that landmarks lie in, some 700 of 10475
vertices. The skeleton's rest places become vertices too, so that no regressor over the whole mesh is left. Nothing is
approximated.
"""
import dataclasses

import numpy as np

from common.body_models.landmarks import contour_landmarks, face_landmarks, vertex_joint_ids


def condense(model):
    """The small body model, and where its points on the skin are.

    Args:
        model (BodyModel): kind "smplx".

    Returns:
        tuple: BodyModel whose faces are those of the landmarks; numbers of the vertices that stand for
        `vertex_joint_ids`, (21,).
    """
    face, contour = face_landmarks(model)[0], contour_landmarks(model)[0]
    skin = vertex_joint_ids(model.kind)
    chosen, places = np.unique(np.concatenate([skin, face.ravel(), contour.ravel()]), return_inverse=True)
    num_joints, num_chosen = len(model.parents), len(chosen)
    regressor = np.zeros((num_joints, num_chosen + num_joints))
    regressor[:, num_chosen:] = np.eye(num_joints)
    faces = places[len(skin):].reshape(-1, 3)
    num_fixed = len(face)
    numbers = num_fixed + np.arange(len(faces) - num_fixed).reshape(contour.shape[:2])
    posedirs = model.posedirs[chosen]
    extras = {**model.extras, "lmk_faces_idx": np.arange(num_fixed), "dynamic_lmk_faces_idx": numbers}
    return dataclasses.replace(
        model, v_template=np.concatenate([model.v_template[chosen], model.J_regressor @ model.v_template]), faces=faces,
        shapedirs=np.concatenate([model.shapedirs[chosen], np.tensordot(model.J_regressor, model.shapedirs, 1)]),
        posedirs=np.concatenate([posedirs, np.zeros((num_joints, *posedirs.shape[1:]))]), J_regressor=regressor,
        weights=np.concatenate([model.weights[chosen], np.eye(num_joints)]), extras=extras), places[:len(skin)]
