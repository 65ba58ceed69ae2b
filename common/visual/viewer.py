"""A page that shows meshes in any browser with WebGL 2: one html file, offline, nothing but the mesh and plain script.

The page itself is `viewer.html` beside this file: turn, move, zoom, wireframe, joints and their names, floor, light,
people one by one, and the photo behind them as its camera saw it.
"""
import base64
import dataclasses
import html
import json
import os
import re
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from common.errors import printable
from common.files import atomic_write
from common.visual.cameras import Y_UP, PerspectiveCamera
from common.visual.renderer import Mesh

LONGEST_PX = 1000  # longer side of the photo in a page
BEHIND = 0.5  # of the depth of all meshes: how far behind them the photo is put
TEMPLATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "viewer.html")


@dataclasses.dataclass(frozen=True)
class Moving:
    """How a mesh of a scene moves: its vertices are the skin at rest.

    Args:
        parents (tuple): J numbers, -1 for the root.
        rest (array): (J, 3), places of the joints at rest, metres.
        joints (array): (V, 4), that pull at each vertex. weights (array): (V, 4).
        quaternions (array): (T, J, 4), w x y z, relative to the parents. root (array): (T, 3), metres.
        rows (array): (F,), for each frame of the scene which of the T it is, -1 where nothing is to be seen.
        joint_names (tuple): J names, or none.
    """

    parents: tuple
    rest: np.ndarray
    joints: np.ndarray
    weights: np.ndarray
    quaternions: np.ndarray
    root: np.ndarray
    rows: np.ndarray
    joint_names: tuple = ()


def write_viewer(path: str, meshes: Sequence[Mesh], title: str, note: str = "", **more: Any) -> None:
    """Write a self-contained viewer page; arguments as of `viewer_page`.

    Args:
        path (str): ends in .html.
    """
    atomic_write(path, viewer_page(meshes, title, note, **more).encode())


def viewer_page(meshes: Sequence[Mesh], title: str, note: str = "", motions: Sequence[Moving] | None = None,
                times: np.ndarray | None = None, joints: Sequence[tuple[Sequence[str], np.ndarray]] = (),
                photo: np.ndarray | None = None, camera: PerspectiveCamera | None = None) -> str:
    """The text of a self-contained viewer page.

    Args:
        meshes (list[common.visual.renderer.Mesh]): at least one; y up, metres (multiply vertices in camera axes by
            `common.visual.cameras.Y_UP`). Bodies that share one faces array store it once.
        title (str): heading of the page.
        note (str): a line below it, such as the source of the body model.
        motions (list[Moving]): how each mesh moves, None for meshes that stand still.
        times (array): (F,), seconds of the frames of the scene, from 0.
        joints (list): of each mesh that stands still: names (K,) and places (K, 3) in the axes of the meshes.
        photo (array): (H, W, 3) uint8 RGB, that the people are from; None for none.
        camera (PerspectiveCamera): that took it: at the origin, x right, y down, z forward, so the meshes are turned by
            `Y_UP` only.

    Raises:
        ValueError: no mesh, or vertices that are not finite.
    """
    with open(TEMPLATE, encoding="utf-8") as stream:
        page = stream.read()
    scene = _scene(meshes)
    if motions is not None:
        scene["times"] = np.round(np.asarray(times, np.float64), 6).tolist()
        for mesh, motion in zip(scene["meshes"], motions):
            mesh["motion"] = {"parents": [int(parent) for parent in motion.parents]} | {
                name: _encode(values, kind) for name, values, kind in (
                    ("rest", motion.rest, "<f4"), ("joints", motion.joints, "u1"), ("weights", motion.weights, "<f4"),
                    ("turns", motion.quaternions, "<f4"), ("root", motion.root, "<f4"), ("rows", motion.rows, "<i4"))}
            mesh["joint_names"] = list(motion.joint_names)
    for mesh, (names, places) in zip(scene["meshes"], joints):
        mesh.update(joint_names=list(names), joints=_encode(places, "<f4"))
    if photo is not None:
        scene["photo"] = _photo(photo, camera, meshes)
    # Inside a script element only "<" could end it; JSON may spell that letter as an escape.
    text = json.dumps(scene, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    texts = {"TITLE": html.escape(printable(title)), "NOTE": html.escape(printable(note)), "SCENE": text}
    return re.sub("%(TITLE|NOTE|SCENE)%", lambda place: texts[place[1]], page)


def _scene(meshes: Sequence[Mesh]) -> dict:
    """What the page reads: {faces: [array], meshes: [{name, faces: index, vertices: array, colour: array}]}."""
    if not meshes:
        raise ValueError("a viewer page needs at least one mesh")
    faces, bodies = [], []
    for index, mesh in enumerate(meshes):
        vertices = np.asarray(mesh.vertices)
        if not np.isfinite(vertices).all():
            raise ValueError(f"vertices of mesh {index} are not finite")
        corners = _encode(mesh.faces, "<u4")
        if corners not in faces:
            faces.append(corners)
        bodies.append({"name": mesh.name or f"person {index}", "faces": faces.index(corners),
                       "vertices": _encode(vertices, "<f4"), "colour": _encode(mesh.colour, "u1")})
    return {"faces": faces, "meshes": bodies}


def _photo(image: np.ndarray, camera: PerspectiveCamera, meshes: Sequence[Mesh]) -> dict:
    """What the page reads of the photo: {image: a data address, corners: its four places behind all meshes}."""
    height, width = image.shape[:2]
    scale = min(1.0, LONGEST_PX / max(height, width))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
    data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()
    depths = -np.concatenate([np.asarray(mesh.vertices)[:, 2] for mesh in meshes])
    depth = depths.max() + BEHIND * np.ptp(depths)
    corners = (np.array([(x, y) for y in (0, height) for x in (0, width)]) - camera.centre_px) / camera.focal * depth
    places = np.column_stack([corners, np.full(4, depth)]) @ Y_UP
    return {"image": f"data:image/jpeg;base64,{base64.b64encode(data).decode()}",
            "corners": places.round(6).tolist()}


def _encode(array: np.ndarray | tuple[int, int, int], kind: str) -> str:
    """An array as base64 of its little-endian numbers."""
    return base64.b64encode(np.ascontiguousarray(array, kind).tobytes()).decode()
