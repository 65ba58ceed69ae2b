"""Joints that are points on the skin: single vertices, and places within a face of the mesh.

Vertex numbers are those of the published SMPL, SMPL-X and MANO meshes (smplx package, vertex_ids.py); the synthetic
body has its vertices numbered so that they are right there too.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from common.joints import SKELETONS

if TYPE_CHECKING:
    from common.body_models.files import BodyModel

# Joints at single vertices, in the order in which they follow the skeleton's joints; `left_thumb4` is a tip.
VERTEX_JOINTS = SKELETONS["smpl_45"][len(SKELETONS["smpl_24"]):]

_VERTEX_IDS = {
    "smpl": (332, 6260, 2800, 4071, 583, 3216, 3226, 3387, 6617, 6624, 6787,
             2746, 2319, 2445, 2556, 2673, 6191, 5782, 5905, 6016, 6133),
    "smplx": (9120, 9929, 9448, 616, 6, 5770, 5780, 8846, 8463, 8474, 8635,
              5361, 4933, 5058, 5169, 5286, 8079, 7669, 7794, 7905, 8022),
    "mano_left": (744, 320, 443, 554, 671),
    "mano_right": (744, 320, 443, 554, 671),
}


def vertex_joint_ids(kind: str) -> np.ndarray:
    """Vertex numbers of `VERTEX_JOINTS`, (21,), or for MANO of the finger tips from thumb to little finger, (5,)."""
    return np.array(_VERTEX_IDS[kind])


def face_landmarks(model: BodyModel) -> tuple[np.ndarray, np.ndarray]:
    """The 51 fixed landmarks of SMPL-X's face: brows, nose, eyes and mouth.

    Returns:
        tuple: corners (51, 3) int64, the vertices of the faces they lie in; weights (51, 3) that sum to one.
    """
    faces = model.extra("lmk_faces_idx", (51,)).astype(np.int64)
    return model.faces[faces], model.extra("lmk_bary_coords", (51, 3)).astype(np.float64)


def contour_landmarks(model: BodyModel) -> tuple[np.ndarray, np.ndarray]:
    """The 17 landmarks of the face's outline, which slide over the skin as the head turns: a table by yaw.

    Row r of 0..39 belongs to a yaw of r degrees, row 39 + r to -r degrees (see `contour_row`).

    Returns:
        tuple: corners (79, 17, 3) int64 and weights (79, 17, 3).
    """
    faces = model.extra("dynamic_lmk_faces_idx", (79, 17)).astype(np.int64)
    return model.faces[faces], model.extra("dynamic_lmk_bary_coords", (79, 17, 3)).astype(np.float64)
