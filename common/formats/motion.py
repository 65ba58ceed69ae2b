"""One person over time, as the files of other programs tell it: the same object for videos, images and all models.

Axes are those of mesh programs: x right, y up, z backward (towards the viewer), metres. Of the mesh models the camera
of the image is the origin; of the lifting baseline the pelvis is.
"""
import dataclasses

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from common.geometry.rotation import matrix_to_quaternion


@dataclasses.dataclass(frozen=True)
class BoneHierarchy:
    """Bones of fixed length and how they turn.

    Args:
        names (tuple): J names; parents stand before their children.
        parents (tuple): J numbers, -1 for the root.
        offsets (array): (J, 3), from each joint to its parent at rest; of the root its own place at rest.
        rotmat (array): (T, J, 3, 3), of each joint relative to its parent; of the root in space.
        root (array): (T, 3), places of the root joint.
    """

    names: tuple
    parents: tuple
    offsets: np.ndarray
    rotmat: np.ndarray
    root: np.ndarray

    def rest(self) -> np.ndarray:
        """(J, 3), where the joints are at rest."""
        places = np.zeros((len(self.names), 3))
        for joint, parent in enumerate(self.parents):
            places[joint] = self.offsets[joint] + (places[parent] if parent >= 0 else 0.0)
        return places

    def positions(self) -> np.ndarray:
        """(T, J, 3), where the joints are."""
        turned, places = [], []
        for joint, parent in enumerate(self.parents):
            if parent < 0:
                turned.append(self.rotmat[:, joint])
                places.append(self.root)
            else:
                turned.append(turned[parent] @ self.rotmat[:, joint])
                places.append(places[parent] + turned[parent] @ self.offsets[joint])
        return np.stack(places, axis=1)


@dataclasses.dataclass(frozen=True)
class Skin:
    """The surface around a skeleton at rest: vertices (V, 3), faces (F, 3), weights (V, J), colour (3,) uint8 RGB."""

    vertices: np.ndarray
    faces: np.ndarray
    weights: np.ndarray
    colour: tuple = (180, 180, 180)


@dataclasses.dataclass(frozen=True)
class BodyParameters:
    """What a body model makes the person of.

    Args:
        kind (str): "smpl" or "smplx". source (str): "synthetic", or the file of the body model.
        beta (array): (10,), mean over the frames. expr (array): (T, E), E = 0 without a face.
    """

    kind: str
    source: str
    beta: np.ndarray
    expr: np.ndarray


@dataclasses.dataclass(frozen=True)
class Motion:
    """One person in the T frames in which the person is seen.

    Args:
        name (str): of the person in files, such as "walk_0".
        source (str): file name of the image or video.
        model (str): what found the person, such as "hmr".
        person (int | str): number or name.
        fps (float): mean frames per second; of an image any positive number.
        frames (array): (T,), numbers of the frames. time_s (array): (T,).
        joint_names (tuple): K names. j3d (array): (T, K, 3), metres.
        j2d_px (array): (T, K, 2) pixels of the image, or None where the two have other joints.
        score (array): (T,), NaN where it is not known.
        skeleton (BoneHierarchy): or None. skin (Skin): or None. body (BodyParameters): or None.
    """

    name: str
    source: str
    model: str
    person: object
    fps: float
    frames: np.ndarray
    time_s: np.ndarray
    joint_names: tuple
    j3d: np.ndarray
    j2d_px: np.ndarray | None = None
    score: np.ndarray | None = None
    skeleton: BoneHierarchy | None = None
    skin: Skin | None = None
    body: BodyParameters | None = None

    def evenly(self) -> "Motion":
        """The same with frames of one length, as BVH, AMASS and TRC need them.

        Between the frames in which the person is seen, positions are interpolated linearly and rotations along the
        shortest turn. Frames at even times are kept as they are.
        """
        count = int(round((self.time_s[-1] - self.time_s[0]) * self.fps)) + 1
        times = self.time_s[0] + np.arange(count) / self.fps
        if count == len(self.time_s) and np.abs(times - self.time_s).max() < 1e-3 / self.fps:
            return self
        if len(self.time_s) < 2:
            return self
        at = np.clip(times, self.time_s[0], self.time_s[-1])
        changes = {name: _linear(self.time_s, getattr(self, name), at) for name in ("j3d", "j2d_px", "score")}
        if self.skeleton is not None:
            rotmat = np.stack([Slerp(self.time_s, Rotation.from_matrix(self.skeleton.rotmat[:, joint]))(at).as_matrix()
                               for joint in range(len(self.skeleton.names))], axis=1)
            changes["skeleton"] = dataclasses.replace(self.skeleton, rotmat=rotmat,
                                                      root=_linear(self.time_s, self.skeleton.root, at))
        if self.body is not None:
            changes["body"] = dataclasses.replace(self.body, expr=_linear(self.time_s, self.body.expr, at))
        frames = self.frames[0] + np.arange(count)
        return dataclasses.replace(self, frames=frames, time_s=times, **changes)

    def quaternions(self) -> np.ndarray:
        """(T, J, 4), w x y z, of the joints; of the two of each the one nearer to the frame before."""
        quaternions = matrix_to_quaternion(self.skeleton.rotmat)
        signs = np.sign((quaternions[1:] * quaternions[:-1]).sum(-1, keepdims=True))
        quaternions[1:] *= np.cumprod(np.where(signs == 0, 1, signs), axis=0)
        return quaternions


def strongest(weights: np.ndarray, count: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """(V, J) skinning weights -> the joints (V, count) that pull most, and their weights, which sum to one."""
    joints = np.argsort(-weights, axis=1, kind="stable")[:, :count]
    most = np.take_along_axis(weights, joints, axis=1)
    return np.where(most > 0, joints, 0), most / most.sum(1, keepdims=True)


def _linear(times: np.ndarray, values: np.ndarray | None, at: np.ndarray) -> np.ndarray | None:
    if values is None:
        return None
    values = np.asarray(values, np.float64)
    place = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
    share = ((at - times[place]) / (times[place + 1] - times[place])).reshape(-1, *[1] * (values.ndim - 1))
    return (1 - share) * values[place] + share * values[place + 1]
