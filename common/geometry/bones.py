"""From places of joints to turns of bones of fixed length, as animation files want them."""
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt


def turn_onto(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The smallest rotations that turn directions (..., 3) onto others; what has no direction is left as it is.

    Returns:
        numpy.ndarray: (..., 3, 3).
    """
    start, end = _unit(start), _unit(end)
    axis, cosine = np.cross(start, end), (start * end).sum(-1)[..., None, None]
    cross = np.zeros((*axis.shape[:-1], 3, 3))
    cross[..., 0, 1], cross[..., 0, 2], cross[..., 1, 2] = -axis[..., 2], axis[..., 1], -axis[..., 0]
    cross = cross - np.swapaxes(cross, -1, -2)
    turned = np.eye(3) + cross + cross @ cross / np.maximum(1.0 + cosine, 1e-12)
    # Half a turn has no axis of its own: any one across the direction.
    across = _unit(np.cross(start, np.eye(3)[np.argmin(np.abs(start), axis=-1)]))
    half = 2.0 * across[..., :, None] * across[..., None, :] - np.eye(3)
    known = (np.linalg.norm(start, axis=-1) > 0.5) & (np.linalg.norm(end, axis=-1) > 0.5)
    return np.where(known[..., None, None], np.where(cosine < -1.0 + 1e-9, half, turned), np.eye(3))


def frame_of(primary: np.ndarray, secondary: np.ndarray) -> np.ndarray:
    """Right-handed axes (..., 3, 3) as columns: the first along `primary`, the second as near `secondary` as can be."""
    first = _unit(primary)
    second = _unit(secondary - (secondary * first).sum(-1, keepdims=True) * first)
    return np.stack([first, second, np.cross(first, second)], axis=-1)


def turn_bones(places: np.ndarray, parents: Sequence[int], rest: npt.ArrayLike,
               whole: Mapping[int, np.ndarray] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Turns of joints that bring bones of one length into given directions.

    A joint with one bone turns with its parent and then by the smallest turn onto the bone; turns about a bone's own
    length are not seen in places of joints.

    Args:
        places (array): (T, J, 3), any unit; parents stand before their children.
        parents (sequence): J numbers, -1 for the root.
        rest (array): (J, 3), direction from the parent at rest; zero for a joint at its parent's place.
        whole (dict): joint -> (rotations (T, 3, 3) in space), of joints whose turn is known otherwise.

    Returns:
        tuple: offsets (J, 3) in the unit of the places, with the median length of each bone, and turns (T, J, 3, 3)
        relative to the parents.
    """
    places, whole = np.asarray(places, np.float64), whole or {}
    bones = np.stack([places[:, joint] - places[:, parent] if parent >= 0 else np.zeros((len(places), 3))
                      for joint, parent in enumerate(parents)], axis=1)
    offsets = _unit(np.asarray(rest, np.float64)) * np.median(np.linalg.norm(bones, axis=-1), axis=0)[:, None]
    turned = np.empty((*bones.shape[:2], 3, 3))
    for joint, parent in enumerate(parents):
        above = turned[:, parent] if parent >= 0 else np.broadcast_to(np.eye(3), (len(places), 3, 3))
        children = [child for child, of in enumerate(parents) if of == joint and np.any(offsets[child])]
        if joint in whole:
            turned[:, joint] = whole[joint]
        elif len(children) == 1:
            turned[:, joint] = turn_onto(above @ offsets[children[0]], bones[:, children[0]]) @ above
        else:
            turned[:, joint] = above
    above = np.stack([turned[:, parent] if parent >= 0 else np.broadcast_to(np.eye(3), (len(places), 3, 3))
                      for parent in parents], axis=1)
    return offsets, np.swapaxes(above, -1, -2) @ turned


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(np.asarray(vectors, np.float64)), where=length > 1e-12)
