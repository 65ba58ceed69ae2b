"""BVH: a skeleton of named joints and how they turn, as animation programs read it (Blender, Maya, MotionBuilder).

The format knows no unit: lengths are in centimetres, as motion capture has them (Blender: scale 0.01 on import). Axes:
x right, y up, z backward. A joint turns by Z, then X, then Y of its own axes, the usual order of BVH.
"""
from collections.abc import Iterable

import numpy as np
from scipy.spatial.transform import Rotation

from common.formats.motion import Motion

CM_PER_M = 100.0
LEAF_CM = 5.0  # length of the last bones, which have no joint at their end


def bvh_bytes(motion: Motion) -> bytes:
    """The bytes of a BVH file of a `Motion` with a skeleton and frames of one length (`Motion.evenly`).

    Angles are in degrees and continuous over the frames.
    """
    skeleton = motion.skeleton
    children = [[child for child, parent in enumerate(skeleton.parents) if parent == joint]
                for joint in range(len(skeleton.names))]
    order, lines = [], ["HIERARCHY"]

    def joint(number: int, depth: int) -> None:
        order.append(number)
        indent, root = "\t" * depth, skeleton.parents[number] < 0
        offset = np.zeros(3) if root else CM_PER_M * skeleton.offsets[number]
        lines.extend([f"{indent}{'ROOT' if root else 'JOINT'} {skeleton.names[number]}", f"{indent}{{",
                      f"{indent}\tOFFSET {_numbers(offset)}",
                      f"{indent}\tCHANNELS {'6 Xposition Yposition Zposition' if root else '3'} "
                      "Zrotation Xrotation Yrotation"])
        for child in children[number]:
            joint(child, depth + 1)
        if not children[number]:
            length = max(np.linalg.norm(offset), 1e-9)
            lines.extend([f"{indent}\tEnd Site", f"{indent}\t{{",
                          f"{indent}\t\tOFFSET {_numbers(offset / length * LEAF_CM)}", f"{indent}\t}}"])
        lines.append(f"{indent}}}")

    joint(skeleton.parents.index(-1), 0)
    count = len(motion.time_s)
    angles = np.stack([_degrees(skeleton.rotmat[:, number]) for number in order], axis=1).reshape(count, -1)
    rows = np.concatenate([CM_PER_M * skeleton.root, angles], axis=1)
    lines.extend(["MOTION", f"Frames: {count}", f"Frame Time: {1.0 / motion.fps:.8f}", *map(_numbers, rows)])
    return ("\n".join(lines) + "\n").encode()


def _numbers(values: Iterable[float]) -> str:
    return " ".join(f"{value + 0.0:.6f}" for value in values)


def _degrees(rotmat: np.ndarray) -> np.ndarray:
    """(T, 3, 3) -> (T, 3), turns around Z, X, Y in degrees, without jumps of a full turn."""
    angles = Rotation.from_matrix(rotmat).as_euler("ZXY")
    return np.rad2deg(np.unwrap(angles, axis=0))
