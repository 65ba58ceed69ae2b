"""Mesh files read back as they were written."""
import json
import struct

import numpy as np
import pytest
import trimesh

from common.errors import UserError
from common.visual.mesh_files import FORMATS, read_mesh, write_meshes
from common.visual.renderer import Mesh, vertex_normals


def body(seed=0):
    """A bumpy sphere with a vertex that no face uses and two that coincide: nothing may be dropped or merged."""
    ball = trimesh.creation.icosphere(subdivisions=2)
    vertices = ball.vertices * np.random.default_rng(seed).uniform(0.9, 1.1, (len(ball.vertices), 1))
    vertices = np.concatenate([vertices, [[3.0, 3.0, 3.0]], vertices[:1]])
    faces = np.concatenate([np.asarray(ball.faces), [[len(ball.vertices) + 1, 1, 2]]])
    return vertices, faces


@pytest.mark.parametrize("ending", FORMATS)
def test_vertices_and_faces_come_back_in_order(tmp_path, ending):
    vertices, faces = body()
    path = str(tmp_path / "new" / f"body.{ending}")
    write_meshes(path, [Mesh(vertices, faces)])
    read_vertices, read_faces = read_mesh(path)
    np.testing.assert_allclose(read_vertices, vertices, atol=1e-6)
    np.testing.assert_array_equal(read_faces, faces)
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == [f"body.{ending}"]


def test_obj_is_the_text_that_other_programs_expect(tmp_path):
    path = tmp_path / "triangle.obj"
    write_meshes(str(path), [Mesh(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0.5]]), np.array([[0, 1, 2]]))])
    lines = path.read_text().splitlines()
    assert lines[0] == "o mesh_0" and lines[1] == "v 0.00000000 0.00000000 0.00000000 0.8863 0.7451 0.6510"
    # Across (1, 0, 0) and (0, 1, 0.5) stands (0, -0.5, 1).
    assert [line for line in lines if line.startswith("vn")] == ["vn 0.0000 -0.4472 0.8944"] * 3
    corners = [[float(number) for number in line.split()[1:4]] for line in lines if line.startswith("v ")]
    assert corners == [[0, 0, 0], [1, 0, 0], [0, 1, 0.5]]
    assert [line.replace("//", "/").split()[1:] for line in lines if line.startswith("f ")] == [["1/1", "2/2", "3/3"]]


def test_several_people_are_joined_or_named(tmp_path):
    (first, faces), (second, _) = body(0), body(1)
    meshes = [Mesh(first, faces, (255, 0, 0), "left"), Mesh(second + [2, 0, 0], faces, (0, 0, 255), "right")]
    for ending in ("ply", "obj"):
        write_meshes(str(tmp_path / f"people.{ending}"), meshes)
        vertices, read_faces = read_mesh(str(tmp_path / f"people.{ending}"))
        np.testing.assert_allclose(vertices, np.concatenate([first, second + [2, 0, 0]]), atol=1e-6)
        np.testing.assert_array_equal(read_faces, np.concatenate([faces, faces + len(first)]))
    write_meshes(str(tmp_path / "people.glb"), meshes)
    document, accessors = gltf(tmp_path / "people.glb")
    assert [mesh["name"] for mesh in document["meshes"]] == ["left", "right"]
    for mesh, vertices, colour in zip(document["meshes"], (first, second + [2, 0, 0]), ((255, 0, 0), (0, 0, 255))):
        attributes = mesh["primitives"][0]["attributes"]
        np.testing.assert_allclose(accessors[attributes["POSITION"]], vertices, atol=1e-6)
        used = np.unique(faces)
        np.testing.assert_allclose(accessors[attributes["NORMAL"]][used], vertex_normals(vertices, faces)[used],
                                   atol=1e-5)
        np.testing.assert_array_equal(accessors[attributes["COLOR_0"]][0, :3], colour)


def gltf(path):
    """The JSON part of a glb file, and its accessors as arrays; read by the letter of the glTF 2.0 specification."""
    data = path.read_bytes()
    magic, version, length = struct.unpack("<4sII", data[:12])
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack("<I4s", data[12:20])
    assert kind == b"JSON"
    document, binary = json.loads(data[20:20 + size]), data[28 + size:]
    types = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
    columns = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}
    arrays = []
    for accessor in document["accessors"]:
        start = document["bufferViews"][accessor["bufferView"]].get("byteOffset", 0) + accessor.get("byteOffset", 0)
        width = columns[accessor["type"]]
        values = np.frombuffer(binary, types[accessor["componentType"]], accessor["count"] * width, start)
        arrays.append(values.reshape(-1, width))
    return document, arrays


def test_mistakes_are_named(tmp_path):
    vertices, faces = body()
    with pytest.raises(UserError, match=r"body.stl: mesh files end in .obj, .ply, .glb"):
        write_meshes(str(tmp_path / "body.stl"), [Mesh(vertices, faces)])
    with pytest.raises(UserError, match="mesh file not found"):
        read_mesh(str(tmp_path / "none.obj"))
    write_meshes(str(tmp_path / "cut.ply"), [Mesh(vertices, faces)])
    whole = (tmp_path / "cut.ply").read_bytes()
    (tmp_path / "cut.ply").write_bytes(whole[:len(whole) // 2])
    with pytest.raises(UserError, match="cut.ply is not a whole ply file"):
        read_mesh(str(tmp_path / "cut.ply"))
    (tmp_path / "points.obj").write_text("v 0 0 0\nv 1 0 0\n")
    with pytest.raises(UserError, match="points.obj"):
        read_mesh(str(tmp_path / "points.obj"))
