"""Mesh files: obj, ply and glb, written whole or not at all; trimesh writes and reads but for obj, where it takes long.

Files hold coordinates as they are given, in metres. Mesh programs show y up and look along -z, glTF demands it:
multiply vertices in camera axes by `common.visual.cameras.Y_UP` first.
"""
from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from common.errors import UserError
from common.files import atomic_write
from common.visual.renderer import Mesh, vertex_normals

if TYPE_CHECKING:
    import trimesh

FORMATS = ("obj", "ply", "glb")


def write_meshes(path: str, meshes: Sequence[Mesh]) -> None:
    """Write meshes to one file, its format by the ending of its name.

    obj and ply hold one body: several are joined in their order. glb holds one named node per mesh. Vertices and faces
    keep their order and their count; colours and smooth normals travel along.

    Args:
        path (str): ends in .obj, .ply or .glb.
        meshes (list[common.visual.renderer.Mesh]): y up, metres.

    Raises:
        UserError: another ending.
    """
    import trimesh  # takes half a second, which only who needs it should wait for

    file_format = _format(path)
    if file_format == "obj":
        atomic_write(path, _obj(meshes).encode())
        return
    parts = [_to_trimesh(mesh) for mesh in meshes]
    if file_format == "glb":
        scene = trimesh.Scene()
        for index, (mesh, part) in enumerate(zip(meshes, parts)):
            scene.add_geometry(part, node_name=mesh.name or f"mesh_{index}", geom_name=mesh.name or f"mesh_{index}")
        data = scene.export(file_type="glb", include_normals=True)
    else:
        joined = parts[0] if len(parts) == 1 else trimesh.util.concatenate(parts)
        data = joined.export(file_type=file_format, vertex_normal=True)
    atomic_write(path, data)


def read_mesh(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Read an obj, ply or glb file as one mesh -> vertices (V, 3) float64, faces (F, 3) int64, in the file's order.

    Raises:
        UserError: another ending, no such file, or no mesh in it.
    """
    import trimesh

    file_format = _format(path)
    if not os.path.isfile(path):
        raise UserError(f"mesh file not found: {path}")
    try:
        with open(path, "rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # the obj reader averages normals of unused vertices
            mesh = trimesh.load_mesh(stream, file_type=file_format, process=False, maintain_order=True)
        vertices, faces = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)
    except Exception as error:  # the readers raise whatever a broken file makes of them
        raise UserError(f"{path} is not a whole {file_format} file: {error}") from error
    if not len(faces):
        raise UserError(f"{path} holds no triangles")
    return vertices, faces


def _obj(meshes: Sequence[Mesh]) -> str:
    """The text of an obj file: vertices with their colours, normals, and faces whose corners have one number for both.

    Each body is an object of its own name.
    """
    parts, first = [], 1
    for index, mesh in enumerate(meshes):
        vertices, faces = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)
        colours = np.broadcast_to(np.asarray(mesh.colour) / 255.0, vertices.shape)
        parts.append(f"o {(mesh.name or f'mesh_{index}').replace(' ', '_')}\n")
        for line, values in (("v %.8f %.8f %.8f %.4f %.4f %.4f\n", np.hstack([vertices, colours])),
                             ("vn %.4f %.4f %.4f\n", vertex_normals(vertices, faces)),
                             ("f %d//%d %d//%d %d//%d\n", np.repeat(faces + first, 2, axis=1))):
            parts.append(line * len(values) % tuple(values.ravel().tolist()))
        first += len(vertices)
    return "".join(parts)


def _format(path: str) -> str:
    ending = os.path.splitext(path)[1].lower().lstrip(".")
    if ending not in FORMATS:
        raise UserError(f"{path}: mesh files end in {', '.join('.' + name for name in FORMATS)}")
    return ending


def _to_trimesh(mesh: Mesh) -> trimesh.Trimesh:
    """A trimesh with everything in our order (process=False merges and drops nothing)."""
    import trimesh

    vertices, faces = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)
    colours = np.full((len(vertices), 4), 255, np.uint8)
    colours[:, :3] = np.asarray(mesh.colour)
    return trimesh.Trimesh(vertices, faces, vertex_normals=vertex_normals(vertices, faces), vertex_colors=colours,
                           process=False)
