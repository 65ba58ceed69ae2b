"""Files of motion for other programs, read back by programs that are not ours."""
import dataclasses
import importlib.util
import io
import json
import pathlib
import struct
import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from common.body_models.files import load_body_model
from common.body_models.lbs_numpy import pose_body, pose_smplx
from common.errors import UserError
from common.formats.bodies import BodyRig
from common.formats.motion import Motion
from common.formats.registry import MOTION_FORMATS, write_motion
from common.geometry.rotation import matrix_to_axis_angle
from common.inference.motions import motion_of
from common.inference.person import ImageRecord, Person

FPS = 25.0
NEED_TESTS = "scripts/run_tests.sh installs it (requirements-test.txt)"
FLIP = np.array([1.0, -1.0, -1.0])  # camera axes -> y up


@pytest.fixture(scope="module", params=["smpl", "smplx"])
def body(request):
    return load_body_model(request.param)


def people(body, count=4, seed=0, one_shape=False):
    """A person of the body model in a few frames, as a network would give it: (Person, vertices in camera axes)."""
    rng = np.random.default_rng(seed)
    joints = len(body.parents)
    turns = Rotation.from_rotvec(rng.normal(0, 0.4, (count * joints, 3))).as_matrix().reshape(count, joints, 3, 3)
    turns[:, 0] = Rotation.from_rotvec([[np.pi, 0, 0]]).as_matrix() @ turns[:, 0]  # upright before a camera
    shape = rng.normal(0, 1.0, (1 if one_shape else count, 20 if body.kind == "smplx" else 10))
    shape = np.repeat(shape, count // len(shape), axis=0)
    translation = np.array([0.3, 0.1, 5.0]) + rng.normal(0, 0.1, (count, 3))
    if body.kind == "smplx":
        vertices, j3d = pose_smplx(body, turns, shape[:, :10], shape[:, 10:])
        j3d = j3d[:, :55]
    else:
        vertices, j3d = pose_body(body, turns, shape)
    names = BodyRig(body).move(turns, shape, translation, (1, 2, 3))["skeleton"].names
    return [Person(vertices[row], body.faces, list(names), j3d[row], 100.0 * j3d[row, :, :2], translation[row],
                   np.array([1.0, 0, 0]), (0, 0), 1.0, {}, 0.5, number=2, rotmat=turns[row], shape=shape[row])
            for row in range(count)]


def record(body):
    return ImageRecord("a", "a.jpg", (100, 100), 500.0, (50, 50), "hmr", "synthetic", rig=BodyRig(body))


def motion(body, frames=(3, 4, 5, 6), **options):
    frames = np.array(frames)
    found = people(body, len(frames), **options)
    return found, motion_of(record(body), found, "walk_2", "walk", frames, frames / FPS, FPS)


def written(tmp_path, motion, name):
    path, = write_motion(str(tmp_path), motion, [name])
    return path


def in_space(person, points):
    """Points of a person as files have them: the camera is the origin, y is up."""
    return (points + person.translation) * FLIP


def test_the_skeleton_stands_where_the_body_model_has_its_joints(body):
    found, moved = motion(body, one_shape=True)
    for person, places, joints in zip(found, moved.skeleton.positions(), moved.j3d):
        np.testing.assert_allclose(places, in_space(person, person.j3d), atol=1e-6)
        np.testing.assert_allclose(joints, in_space(person, person.j3d), atol=1e-6)


def test_bvh_read_by_another_program(tmp_path, body):
    bvh = pytest.importorskip("bvh", reason=NEED_TESTS)
    _, moved = motion(body)
    with open(written(tmp_path, moved, "bvh")) as stream:
        tree = bvh.Bvh(stream.read())
    assert tree.nframes == 4 and tree.frame_time == pytest.approx(1 / FPS)
    names = tree.get_joints_names()
    assert set(names) == set(moved.skeleton.names)
    for frame, expected in enumerate(moved.skeleton.positions()):
        turned, places = {}, {}
        for name in names:  # parents come first
            angles = [tree.frame_joint_channel(frame, name, f"{axis}rotation") for axis in "ZXY"]
            turn = Rotation.from_euler("ZXY", angles, degrees=True).as_matrix()
            parent = tree.joint_parent(name)
            if parent is None:
                places[name] = np.array([tree.frame_joint_channel(frame, name, f"{axis}position") for axis in "XYZ"])
                turned[name] = turn
            else:
                places[name] = places[parent.name] + turned[parent.name] @ np.array(tree.joint_offset(name))
                turned[name] = turned[parent.name] @ turn
            number = moved.skeleton.names.index(name)
            np.testing.assert_allclose(turn, moved.skeleton.rotmat[frame, number], atol=1e-6)
            np.testing.assert_allclose(places[name] / 100, expected[number], atol=1e-4)


def read_glb(path):
    """A glb file by pygltflib -> (document, function: accessor -> array)."""
    pygltflib = pytest.importorskip("pygltflib", reason=NEED_TESTS)
    document = pygltflib.GLTF2().load(path)
    kinds, widths = {5126: "<f4", 5121: "u1", 5125: "<u4"}, {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}

    def array(number):
        accessor = document.accessors[number]
        view = document.bufferViews[accessor.bufferView]
        data = document.binary_blob()[view.byteOffset:view.byteOffset + view.byteLength]
        return np.frombuffer(data, kinds[accessor.componentType]).reshape(accessor.count, widths[accessor.type])

    return document, array


def test_glb_bends_as_the_body_does(tmp_path, body):
    found, moved = motion(body, one_shape=True)
    document, array = read_glb(written(tmp_path, moved, "rig"))
    skin, mesh = document.skins[0], document.meshes[0].primitives[0]
    vertices, joints, weights = (array(getattr(mesh.attributes, name)).astype(np.float64)
                                 for name in ("POSITION", "JOINTS_0", "WEIGHTS_0"))
    inverse = array(skin.inverseBindMatrices).reshape(-1, 4, 4).transpose(0, 2, 1)
    animation = document.animations[0]
    tracks = {(channel.target.node, channel.target.path): array(animation.samplers[channel.sampler].output)
              for channel in animation.channels}
    np.testing.assert_allclose(array(animation.samplers[0].input).ravel(), np.arange(4) / FPS, atol=1e-6)
    assert [document.nodes[node].name for node in skin.joints] == list(moved.skeleton.names)
    parents = {child: node for node, one in enumerate(document.nodes) for child in one.children or ()}
    corrections = []
    for frame, person in enumerate(found):
        placed = {}
        for node in skin.joints:
            matrix = np.eye(4)
            matrix[:3, :3] = Rotation.from_quat(tracks[node, "rotation"][frame]).as_matrix()
            matrix[:3, 3] = tracks.get((node, "translation"), [document.nodes[node].translation] * 4)[frame]
            placed[node] = placed[parents[node]] @ matrix if node in parents else matrix
        matrices = np.stack([placed[node] for node in skin.joints]) @ inverse
        bent = np.einsum("vk,vkij,vj->vi", weights, matrices[joints.astype(int)],
                         np.concatenate([vertices, np.ones((len(vertices), 1))], axis=1))[:, :3]
        corrections.append(np.abs(bent - in_space(person, person.vertices)).max())
        places = np.stack([placed[node][:3, 3] for node in skin.joints])
        np.testing.assert_allclose(places, in_space(person, person.j3d), atol=1e-4)
    # What is left are the corrections of each pose against their mean: none for a single image.
    assert max(corrections) < 0.05
    one = motion_of(record(body), found[:1], "a_2", "a.jpg")
    document, array = read_glb(written(tmp_path, one, "rig"))
    mesh = document.meshes[0].primitives[0]
    vertices, joints, weights = (array(getattr(mesh.attributes, name)).astype(np.float64)
                                 for name in ("POSITION", "JOINTS_0", "WEIGHTS_0"))
    places, turned = one.skeleton.positions()[0], []
    for joint, parent in enumerate(one.skeleton.parents):
        turned.append(one.skeleton.rotmat[0, joint] if parent < 0 else turned[parent] @ one.skeleton.rotmat[0, joint])
    inverse = array(document.skins[0].inverseBindMatrices).reshape(-1, 4, 4).transpose(0, 2, 1)[:, :3, 3]
    bent = sum(weights[:, k, None] * (np.einsum("vij,vj->vi", np.stack(turned)[joints[:, k].astype(int)],
                                                vertices + inverse[joints[:, k].astype(int)])
                                      + places[joints[:, k].astype(int)]) for k in range(4))
    np.testing.assert_allclose(bent, in_space(found[0], found[0].vertices), atol=1e-4)
    # A still viewer shows the person as in the image.
    np.testing.assert_allclose(document.nodes[0].translation, places[0], atol=1e-6)


def test_glb_opens_in_a_mesh_program(tmp_path, body):
    trimesh = pytest.importorskip("trimesh")
    _, moved = motion(body)
    path = written(tmp_path, moved, "rig")
    scene = trimesh.load(path)
    mesh, = scene.geometry.values()
    assert len(mesh.faces) == len(body.faces) and mesh.is_watertight == trimesh.Trimesh(
        body.v_template, body.faces).is_watertight
    with open(path, "rb") as stream:
        magic, version, length = struct.unpack("<4sII", stream.read(12))
        size, kind = struct.unpack("<I4s", stream.read(8))
        document = json.loads(stream.read(size))
        rest, last = struct.unpack("<I4s", stream.read(8))
        assert len(stream.read()) == rest == document["buffers"][0]["byteLength"]
    assert (magic, version, kind, last) == (b"glTF", 2, b"JSON", b"BIN\0") and length == 28 + size + rest
    assert "camera" in document["asset"]["extras"]["axes"]


@pytest.mark.full
@pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="pip install bpy: Blender as a package of Python")
def test_blender_has_everything_where_we_have_it(tmp_path, body):
    found, moved = motion(body, one_shape=True)
    script = pathlib.Path(__file__).parents[2] / "support" / "blender_import.py"
    paths = [written(tmp_path, moved, name) for name in ("rig", "bvh")]
    subprocess.run([sys.executable, script, "--", *paths, tmp_path / "out.json"], check=True, capture_output=True)
    rig, bvh = json.loads((tmp_path / "out.json").read_text())

    def z_up(places):  # what is up is third in Blender, what is back is minus the second
        x, y, z = places.T
        return np.stack([x, -z, y], axis=1)

    vertices, = rig["meshes"].values()
    # What is left are the corrections of the pose against their mean, see `test_glb_bends_as_the_body_does`.
    assert np.abs(vertices - z_up(in_space(found[0], found[0].vertices))).max() < 0.05
    assert bvh["fps"] == pytest.approx(FPS)
    names = moved.skeleton.names
    parents = {name: names[parent] if parent >= 0 else None for name, parent in zip(names, moved.skeleton.parents)}
    for read in (rig, bvh):
        assert read["armatures"] == 1 and read["parents"] == parents
        np.testing.assert_allclose(read["times"], np.arange(4) / FPS, atol=1e-4)
        for heads, places in zip(read["heads"], moved.skeleton.positions(), strict=True):
            np.testing.assert_allclose([heads[name] for name in names], z_up(places), atol=1e-4)


def test_trc_and_csv_read_by_pandas(tmp_path, body):
    pandas = pytest.importorskip("pandas", reason=NEED_TESTS)
    found, moved = motion(body)
    with open(written(tmp_path, moved, "trc")) as stream:
        lines = stream.read().split("\n")
    head = dict(zip(lines[1].split("\t"), lines[2].split("\t")))
    assert head["Units"] == "m" and float(head["DataRate"]) == FPS and int(head["NumFrames"]) == 4
    assert int(head["NumMarkers"]) == len(moved.joint_names)
    markers = [name for name in lines[3].split("\t")[2:] if name]
    assert markers == list(moved.joint_names) and len(lines[3].split("\t")) == len(lines[4].split("\t"))
    table = pandas.read_csv(io.StringIO("\n".join(lines[5:])), sep="\t", header=None)
    assert table[0].tolist() == [4, 5, 6, 7]
    np.testing.assert_allclose(table[1], np.arange(3, 7) / FPS, atol=1e-6)
    np.testing.assert_allclose(table.iloc[:, 2:].to_numpy().reshape(4, -1, 3), moved.j3d, atol=1e-6)

    table = pandas.read_csv(written(tmp_path, moved, "csv"))
    one = table[(table.frame == 5) & (table.joint == "left_knee")].iloc[0]
    number = moved.joint_names.index("left_knee")
    np.testing.assert_allclose([one.x_right_m, one.y_up_m, one.z_backward_m],
                               in_space(found[2], found[2].j3d[number]), atol=1e-6)
    np.testing.assert_allclose([one.x_px, one.y_px], found[2].j2d_px[number], atol=1e-3)
    assert one.person == 2 and one.score == 0.5 and one.source == "walk" and one.time_s == pytest.approx(5 / FPS)
    assert len(table) == 4 * len(moved.joint_names)


def test_amass_has_what_the_blender_add_on_asks_for(tmp_path, body):
    _, moved = motion(body)
    with np.load(written(tmp_path, moved, "amass"), allow_pickle=False) as archive:
        arrays = dict(archive)
    joints = 55 if body.kind == "smplx" else 52
    assert arrays["poses"].shape == (4, 3 * joints) and arrays["trans"].shape == (4, 3)
    assert arrays["betas"].shape == (10,) and str(arrays["gender"]) == "neutral"
    assert int(arrays["mocap_frame_rate"]) == 25
    assert str(arrays["surface_model_type"]) == ("smplx" if body.kind == "smplx" else "smplh")
    np.testing.assert_allclose(arrays["poses"][:, 3:66].reshape(4, 21, 3),
                               matrix_to_axis_angle(moved.skeleton.rotmat[:, 1:22]), atol=1e-6)
    np.testing.assert_array_equal(arrays["poses"][:, 3:66], arrays["pose_body"])


@pytest.mark.torch
def test_amass_read_by_smplx_gives_the_same_people(tmp_path, body):
    torch = pytest.importorskip("torch")
    smplx = pytest.importorskip("smplx", reason="scripts/setup.sh --convert installs it")
    found, moved = motion(body, one_shape=True)
    with np.load(written(tmp_path, moved, "amass"), allow_pickle=False) as archive:
        arrays = {name: torch.tensor(values) for name, values in archive.items() if values.dtype.kind == "f"}
    options = {"batch_size": 4, "dtype": torch.float64}
    kintree = np.stack([np.where(body.parents < 0, 2 ** 32 - 1, body.parents), np.arange(len(body.parents))])
    data = {"v_template": body.v_template, "f": body.faces.astype(np.uint32), "shapedirs": body.shapedirs,
            "posedirs": body.posedirs, "J_regressor": body.J_regressor, "weights": body.weights,
            "kintree_table": kintree}
    betas = arrays["betas"].expand(4, -1)
    if body.kind == "smpl":
        network = smplx.SMPL("", data_struct=smplx.utils.Struct(**data), **options)
        poses = arrays["smpl_poses"]
        out = network(betas=betas, global_orient=poses[:, :3], body_pose=poses[:, 3:], transl=arrays["trans"])
    else:
        data |= {name: np.asarray(body.extras[name]) for name in (
            "hands_meanl", "hands_meanr", "hands_componentsl", "hands_componentsr", "lmk_faces_idx",
            "lmk_bary_coords", "dynamic_lmk_faces_idx", "dynamic_lmk_bary_coords")}
        np.savez(tmp_path / "SMPLX_NEUTRAL.npz", **data)
        network = smplx.SMPLX(str(tmp_path / "SMPLX_NEUTRAL.npz"), use_pca=False, flat_hand_mean=True, **options)
        poses = arrays["poses"]
        out = network(betas=betas, global_orient=poses[:, :3], body_pose=poses[:, 3:66], jaw_pose=poses[:, 66:69],
                      leye_pose=poses[:, 69:72], reye_pose=poses[:, 72:75], left_hand_pose=poses[:, 75:120],
                      right_hand_pose=poses[:, 120:], expression=arrays["expression"], transl=arrays["trans"])
    vertices = out.vertices.detach().numpy()
    for person, mesh in zip(found, vertices):
        # z is up in AMASS: what is up for us is third, what is back is minus the second.
        x, y, z = in_space(person, person.vertices).T
        np.testing.assert_allclose(mesh, np.stack([x, -z, y], axis=1), atol=1e-4)


def test_gaps_and_uneven_times_become_even(tmp_path, body, caplog):
    """Frames 3, 4, 7 of 25 per second: 5 and 6 lie a third of the way on, and two."""
    _, moved = motion(body, (3, 4, 7))
    with caplog.at_level("INFO", "mindhuman"):
        write_motion(str(tmp_path), moved, ["bvh", "csv"])
    assert "not seen in 2 frames, which are interpolated in bvh" in caplog.text
    even = moved.evenly()
    assert even.frames.tolist() == [3, 4, 5, 6, 7]
    np.testing.assert_allclose(even.j3d[[0, 1, 4]], moved.j3d, atol=1e-9)
    np.testing.assert_allclose(even.j3d[2], (2 * moved.j3d[1] + moved.j3d[2]) / 3, atol=1e-9)
    first, last = moved.skeleton.rotmat[1, 5], moved.skeleton.rotmat[2, 5]
    third = Rotation.from_rotvec(Rotation.from_matrix(first.T @ last).as_rotvec() / 3).as_matrix()
    np.testing.assert_allclose(even.skeleton.rotmat[2, 5], first @ third, atol=1e-9)


def test_one_image_is_one_frame(tmp_path, body):
    one = motion_of(record(body), people(body, 1), "a_2", "a.jpg")
    paths = write_motion(str(tmp_path), one, list(MOTION_FORMATS))
    assert [path.rpartition("/")[2] for path in paths] == ["a_2_amass.npz", "a_2.bvh", "a_2_rig.glb", "a_2.trc",
                                                           "a_2.csv"]


def test_what_a_model_cannot_give_is_refused(tmp_path):
    joints = Motion("a", "a", "pose_baseline", "anna", FPS, np.arange(2), np.arange(2) / FPS, ("pelvis",),
                    np.zeros((2, 1, 3)))
    with pytest.raises(UserError, match="--formats rig: pose_baseline gives no body model"):
        write_motion(str(tmp_path), joints, ["trc", "rig"])
    assert not list(tmp_path.iterdir())


def test_names_that_spreadsheets_take_for_formulas(tmp_path):
    joints = Motion("a", "=cmd()", "pose_baseline", "+1", FPS, np.arange(1), np.zeros(1), ("pelvis",),
                    np.zeros((1, 1, 3)))
    path = written(tmp_path, dataclasses.replace(joints, person="\ud800\n"), "csv")
    assert "'=cmd()" in open(path, encoding="utf-8").read()
