"""Cameras of images of meshes, and views of a body from other sides.

Conventions: camera axes x right, y down, z forward, metres. Pixel coordinates are continuous: the image spans [0, W] x
[0, H] and the pixel in column i has its centre at i + 0.5. "Nearness" is 1 / z: affine in the image, so that it
can be interpolated linearly between projected corners.
"""
import dataclasses

import numpy as np

NEAR = 0.01  # metres; faces that come nearer to a perspective camera (or lie behind it) are left out

# Between camera axes and the axes of body models and mesh files (x right, y up, z backward); its own inverse.
Y_UP = np.diag([1.0, -1.0, -1.0])

RAISED = np.deg2rad(10.0)  # how far above the ground's horizon the side view is taken, so that one sees the ground

# Rotations in the camera frame. side: from the right of the image and a little from above; top: from above, the front
# of the body below.
VIEWS = {
    "front": np.eye(3),
    "side": np.array([[0.0, 0.0, 1.0], [np.sin(RAISED), np.cos(RAISED), 0.0], [-np.cos(RAISED), np.sin(RAISED), 0.0]]),
    "top": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]),
}


@dataclasses.dataclass(frozen=True)
class PerspectiveCamera:
    """Pinhole camera: a point p is seen at focal * (x, y) / z + centre_px with (x, y, z) = rotation p + translation.

    Args:
        focal (float or (float, float)): focal length in pixels.
        centre_px ((float, float)): principal point (x, y).
        translation ((float, float, float)): metres.
        rotation (numpy.ndarray): (3, 3), or None for the identity.
    """

    focal: float | tuple[float, float]
    centre_px: tuple
    translation: tuple = (0.0, 0.0, 0.0)
    rotation: np.ndarray | None = None

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """(N, 3) points -> (N, 3) in camera axes, metres."""
        turned = points if self.rotation is None else points @ np.asarray(self.rotation, np.float64).T
        return turned + np.asarray(self.translation, np.float64)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(N, 3) points -> pixels (N, 2) and nearness (N,): 1 / z, which is affine in the image; NaN before NEAR."""
        return self.project_from_camera(self.to_camera(np.asarray(points, np.float64)))

    def project_from_camera(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`project` for points (N, 3) that are in camera axes already, as `to_camera` gives them."""
        depth = points[:, 2]
        inverse = 1.0 / np.where((depth >= NEAR) & (depth < np.inf), depth, np.nan)
        return np.asarray(self.focal) * points[:, :2] * inverse[:, None] + np.asarray(self.centre_px), inverse


def turn(vertices: np.ndarray, view: str, centre: np.ndarray | None = None) -> np.ndarray:
    """Turn (V, 3) vertices in camera axes so that the same camera shows them from another side.

    Args:
        vertices (numpy.ndarray): (V, 3), metres, camera axes (a body before its translation, too).
        view (str): a key of `VIEWS`.
        centre (numpy.ndarray): (3,) point that stays; None is the middle of the vertices' box.
            Several bodies need one common centre.
    """
    vertices = np.asarray(vertices, np.float64)
    if centre is None:
        centre = 0.5 * (vertices.min(axis=0) + vertices.max(axis=0))
    return (vertices - centre) @ VIEWS[view].T + centre
