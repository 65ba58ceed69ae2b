"""A page that shows meshes in any browser with WebGL 2: one html file, offline, nothing but the mesh and plain script.

The page itself is `viewer.html` beside this file: turn, move, zoom, wireframe, floor, light, people one by one.
"""
import base64
import html
import json
import os
import re

import numpy as np

from common.errors import printable
from common.files import atomic_write

TEMPLATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "viewer.html")


def write_viewer(path, meshes, title, note=""):
    """Write a self-contained viewer page.

    Args:
        path (str): ends in .html.
        meshes (list[common.visual.renderer.Mesh]): at least one; y up, metres (multiply vertices in camera axes by
            `common.visual.cameras.Y_UP`). Bodies that share one faces array store it once.
        title (str): heading of the page.
        note (str): a line below it, such as the source of the body model.

    Raises:
        ValueError: no mesh, or vertices that are not finite.
    """
    with open(TEMPLATE, encoding="utf-8") as stream:
        page = stream.read()
    # Inside a script element only "<" could end it; JSON may spell that letter as an escape.
    scene = json.dumps(_scene(meshes), separators=(",", ":")).replace("<", "\\u003c")
    texts = {"TITLE": html.escape(printable(title)), "NOTE": html.escape(printable(note)), "SCENE": scene}
    atomic_write(path, re.sub("%(TITLE|NOTE|SCENE)%", lambda place: texts[place[1]], page).encode())


def _scene(meshes):
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


def _encode(array, kind):
    """An array as base64 of its little-endian numbers."""
    return base64.b64encode(np.ascontiguousarray(array, kind).tobytes()).decode()
