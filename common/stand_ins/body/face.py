"""Landmarks of the synthetic face: iBUG's 68 points, 51 fixed to the mesh and 17 along the outline for every yaw.

Order and yaw table as in SMPL-X's files: 51 = brows 10, nose 9, eyes 12, mouth 20, from the person's right to the left.
The published lookup reads the yaw from the head's rotation in camera axes (y down), where a body stands with its root
turned by pi about x. So row k <= 39 of the outline table holds for a head turned by k degrees to the person's left,
row 39 + k for k degrees to the right.
"""
import numpy as np

from common.stand_ins.body.anatomy import rest_joint
from common.stand_ins.body.sampling import closest_on_mesh

YAW_ROWS = 79
OUTLINE_CENTRE = (0.0, 0.408, 0.045)  # within the head, metres
FACE_DEPTH = 0.03  # how far the middle of the face lies before that centre


def _front_targets():
    """(51, 2): x, y of the fixed landmarks, body coordinates."""
    brow = [(0.052, 0.4535), (0.044, 0.4600), (0.033, 0.4620), (0.022, 0.4600), (0.012, 0.4560)]
    ex, ey = rest_joint("left_eyeball")[:2]
    lids = [(ex + 0.0140, ey - 0.0005), (ex + 0.0055, ey + 0.0064), (ex - 0.0055, ey + 0.0064),
            (ex - 0.0140, ey - 0.0010), (ex - 0.0055, ey - 0.0064), (ex + 0.0055, ey - 0.0064)]
    nostrils = [(0.0135, 0.3890), (0.0070, 0.3865)]
    upper = [(0.0240, 0.3655), (0.0150, 0.3705), (0.0060, 0.3755)]
    lower = [(0.0150, 0.3580), (0.0070, 0.3540)]
    inner = [(0.0200, 0.3655), (0.0090, 0.3665)]

    def right(points):
        return [(-x, y) for x, y in points]

    middle = [(0.0, 0.4390), (0.0, 0.4265), (0.0, 0.4140), (0.0, 0.4010)]
    return np.array(
        right(brow) + brow[::-1] + middle + right(nostrils) + [(0.0, 0.3860)] + nostrils[::-1]
        + right(lids) + [lids[3], lids[2], lids[1], lids[0], lids[5], lids[4]]
        + right(upper) + [(0.0, 0.3735)] + upper[::-1] + lower + [(0.0, 0.3530)] + right(lower[::-1])
        + right(inner) + [(0.0, 0.3660)] + inner[::-1] + [(0.0090, 0.3645), (0.0, 0.3640), (-0.0090, 0.3645)])


def fixed_landmarks(vertices, faces, usable):
    """Faces (51,) int64 and corner weights (51, 3) of the fixed landmarks.

    Args:
        vertices (numpy.ndarray): (V, 3) body coordinates. faces: (F, 3).
        usable (numpy.ndarray): (F,) bool, the skin of the head.
    """
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    front = np.flatnonzero(usable & (normals[:, 2] > 0) & (corners[..., 2].mean(1) > 0.05))
    # Seen from the front: depth hardly counts, and where lips overlap the nearest surface is the foremost.
    flat = vertices * (1, 1, 0.02)
    targets = np.concatenate([_front_targets(), np.full((51, 1), 0.02 * 0.12)], 1)
    face, weights = closest_on_mesh(targets, flat, faces[front])
    return front[face], weights


def outline_landmarks(vertices, faces, usable):
    """Faces (79, 17) int64 and corner weights (79, 17, 3) of the outline for every yaw: the outermost point of the
    lower face in 17 directions of the image, from the person's right over the chin to the left."""
    centroids = vertices[faces].mean(1)
    inside = usable & (centroids[:, 1] < 0.432) & (centroids[:, 1] > 0.322) & (centroids[:, 2] > 0.008)
    chosen = np.flatnonzero(inside & (np.abs(centroids[:, 0]) < 0.0715))
    local = centroids[chosen] - OUTLINE_CENTRE
    angles = np.pi * (1 + np.arange(17) / 16)
    table = np.zeros((YAW_ROWS, 17), np.int64)
    for row in range(YAW_ROWS):
        yaw = np.radians(row if row <= 39 else 39 - row)
        across = np.cos(yaw) * local[:, 0] + np.sin(yaw) * local[:, 2]
        across -= np.sin(yaw) * FACE_DEPTH  # directions start in the middle of the turned face
        radius, angle = np.hypot(across, local[:, 1]), np.arctan2(local[:, 1], across)
        for column, wanted in enumerate(angles):
            off = np.abs((angle - wanted + np.pi) % (2 * np.pi) - np.pi)
            table[row, column] = chosen[np.argmax(radius - 0.5 * np.maximum(off - 0.03, 0))]
    return table, np.full((YAW_ROWS, 17, 3), 1 / 3)
