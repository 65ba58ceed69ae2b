"""Files written per person: what they say agrees with each other and with the images."""
import base64
import dataclasses
import json

import cv2
import numpy as np
import pytest
import trimesh

from common.errors import UserError
from common.formats.registry import MOTION_FORMATS
from common.inference.outputs import FORMATS, People, place_people
from common.inference.person import ImageRecord, Person
from common.visual.cameras import Y_UP, PerspectiveCamera
from common.visual.mesh_files import read_mesh
from common.visual.renderer import PALETTE

IMAGE = ImageRecord("photo", "photo.jpg", (120, 160), 200.0, (80.0, 60.0), "hmr", "synthetic")


def person(x=0.0, depth=4.0, **changes):
    """An egg whose head end has a joint of its own; it stands `depth` metres before the camera."""
    egg = trimesh.creation.icosphere(subdivisions=2)
    vertices = np.asarray(egg.vertices) * (0.3, 0.8, 0.2)
    translation = np.array([x, 0.1, depth])
    j3d = np.array([[0.0, -0.8, 0.0], [0.0, 0.0, 0.0]], np.float32)
    j2d_px, _ = PerspectiveCamera(200.0, (80.0, 60.0), tuple(translation)).project(j3d)
    fields = {"vertices": vertices, "faces": np.asarray(egg.faces), "joint_names": ["head_top", "pelvis"], "j3d": j3d,
              "j2d_px": j2d_px, "translation": translation, "cam": np.array([0.9, x, 0.1]),
              "box_centre_px": (80.0, 60.0), "box_size_px": 120.0,
              "parameters": {"pose": np.arange(72, dtype=np.float32) / 7, "rotmat": np.tile(np.eye(3), (24, 1, 1)),
                             "beta": np.zeros(10, np.float32)}, "score": 0.75, "number": 0}
    return Person(**{**fields, **changes})


def test_json_and_npz_say_the_same_and_project_onto_the_joints(tmp_path):
    People(IMAGE, [person(), person(x=0.5, score=None, number=1)], None).save(str(tmp_path / "out"), ["json", "npz"])
    assert sorted(entry.name for entry in (tmp_path / "out").iterdir()) == [
        "photo_0.json", "photo_0.npz", "photo_1.json", "photo_1.npz"]
    for index, expected in enumerate((person(), person(x=0.5))):
        record = json.loads((tmp_path / "out" / f"photo_{index}.json").read_text())
        with np.load(tmp_path / "out" / f"photo_{index}.npz", allow_pickle=False) as archive:
            arrays = dict(archive)
        assert record["image"] == arrays["image"] == "photo.jpg"
        assert record["image_size_px"] == [160, 120] == arrays["image_size_px"].tolist()
        assert record["body_model"] == arrays["body_model"] == "synthetic" and record["model"] == "hmr"
        assert record["joint_names"] == ["head_top", "pelvis"] == arrays["joint_names"].tolist()
        np.testing.assert_array_equal(arrays["vertices_m"], expected.vertices)
        np.testing.assert_array_equal(arrays["faces"], expected.faces)
        for name, values in expected.parameters.items():
            np.testing.assert_array_equal(np.float32(record["parameters"][name]), np.float32(values))
            np.testing.assert_array_equal(arrays[name], values)
        camera = record["cameras"]["perspective"]
        x, y, z = (np.array(record["joints_3d_m"]) + camera["translation_m"]).T
        pixels = camera["focal_px"] * np.stack([x / z, y / z], axis=1) + camera["centre_px"]
        np.testing.assert_allclose(record["joints_2d_px"], pixels, atol=1e-3)
        np.testing.assert_allclose(arrays["joints_2d_px"], pixels, atol=1e-3)
        assert record["cameras"]["weak_perspective"] == {
            "scale": 0.9, "tx": 0.5 * index, "ty": 0.1, "box_centre_px": [80.0, 60.0], "box_size_px": 120.0}
    assert record["score"] is None and np.isnan(arrays["score"])


@pytest.mark.parametrize("ending", ["obj", "ply", "glb"])
def test_mesh_files_stand_upright(tmp_path, ending):
    expected = person()
    paths = People(IMAGE, [expected], None).save(str(tmp_path), [ending])
    assert paths == [str(tmp_path / f"photo_0.{ending}"), str(tmp_path / f"photo_scene.{ending}")]
    vertices, faces = read_mesh(paths[0])
    np.testing.assert_allclose(vertices, expected.vertices * (1, -1, -1), atol=1e-6)
    np.testing.assert_array_equal(faces, expected.faces)


@pytest.mark.parametrize("ending", ["obj", "ply", "glb"])
def test_one_file_holds_all_people_where_the_camera_sees_them(tmp_path, ending):
    people = [person(x=-0.5), person(x=0.7, depth=6.0, number=1)]
    People(IMAGE, people, None).save(str(tmp_path), [ending])
    vertices, faces = read_mesh(str(tmp_path / f"photo_scene.{ending}"))
    if ending == "glb":  # where the order of the bodies is the program's own
        vertices = np.concatenate(np.split(vertices, 2)[::-1 if vertices[0, 2] < -5 else 1])
    expected = np.concatenate([(person.vertices + person.translation) * (1, -1, -1) for person in people])
    np.testing.assert_allclose(vertices, expected, atol=1e-6)
    np.testing.assert_array_equal(faces, np.concatenate([people[0].faces, people[1].faces + len(expected) // 2]))


def test_all_formats_with_images(tmp_path):
    photo = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    paths = People(IMAGE, [person(x=-0.5), person(x=0.5, number=1)], photo).save(
        str(tmp_path), [name for name in FORMATS if name not in MOTION_FORMATS])
    names = [f"photo_{index}.{ending}" for index in (0, 1) for ending in ("json", "npz", "obj", "ply", "glb")]
    names += [f"photo_scene.{ending}" for ending in ("obj", "ply", "glb")]
    names += ["photo.html", "photo_overlay.png", "photo_side.png", "photo_top.png"]
    assert paths == [str(tmp_path / name) for name in names]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted(names)
    assert "hmr, body model: synthetic" in (tmp_path / "photo.html").read_text(encoding="utf-8")
    overlay = cv2.imread(str(tmp_path / "photo_overlay.png"))[..., ::-1]
    # In the middle of the egg at x = -0.5 the photo is hidden; the corner is as it was.
    u, v = 80 - 25, 60 + 5
    assert np.abs(overlay[v - 5:v + 5, u - 5:u + 5].astype(int) - photo[v - 5:v + 5, u - 5:u + 5]).mean() > 20
    np.testing.assert_array_equal(overlay[:10, :10], photo[:10, :10])


def test_numbers_variants_and_boxes_of_parts(tmp_path):
    whole = person(number=3)
    part = {"left_hand": np.array([1.0, 2.0, 30.0, 40.0])}
    other = person(x=0.5, number=12, variants={"free": 2 * whole.vertices}, boxes_px=part)
    both = People(dataclasses.replace(IMAGE, variants=("free",)), [whole, other], np.zeros((120, 160, 3), np.uint8))
    paths = both.save(str(tmp_path), ["json", "npz", "obj", "html"])
    names = ["photo_3.json", "photo_3.npz", "photo_3.obj", "photo_12.json", "photo_12.npz", "photo_12.obj",
             "photo_12_free.obj", "photo_scene.obj", "photo_scene_free.obj", "photo.html"]
    assert paths == [str(tmp_path / name) for name in names]
    assert json.loads((tmp_path / "photo_12.json").read_text())["boxes_px"] == {"left_hand": [1, 2, 30, 40]}
    with np.load(tmp_path / "photo_12.npz") as archive:
        assert archive["person"] == 12 and archive["left_hand_box_px"].tolist() == [1, 2, 30, 40]
        np.testing.assert_array_equal(archive["vertices_free_m"], 2 * whole.vertices)
    vertices, _ = read_mesh(str(tmp_path / "photo_12_free.obj"))
    np.testing.assert_allclose(vertices, 2 * whole.vertices * (1, -1, -1), atol=1e-6)
    assert [mesh.colour for mesh in place_people(both, "")] == [PALETTE[3], PALETTE[4]]
    assert [mesh.name for mesh in place_people(both, "free")] == ["person 12 free"]
    page = (tmp_path / "photo.html").read_text(encoding="utf-8")
    assert all(f'"{name}"' in page for name in ("person 3", "person 12", "person 12 free"))
    assert set(both.draw_views(["side"])) == {"side", "free_side"}
    with pytest.raises(ValueError, match=r"person 0 of photo.jpg: variant free must be \(162, 3\), not \(5, 3\)"):
        People(IMAGE, [person(variants={"free": np.zeros((5, 3))})], None).save(str(tmp_path), ["json"])


def places_in_page(path):
    """Mean vertex of each mesh of a page, in camera axes."""
    page = path.read_text(encoding="utf-8")
    scene = json.loads(page[page.index('{"faces"'):page.index("</script>", page.index('{"faces"'))])
    return np.array([np.frombuffer(base64.b64decode(mesh["vertices"]), "<f4").reshape(-1, 3).mean(0) @ Y_UP
                     for mesh in scene["meshes"]])


def test_a_page_brings_people_of_a_weak_camera_together(tmp_path):
    """4000 px for an image of 160 px: two eggs, 100 m and 110 m away, stand 4.8 m and 5.28 m away in the page."""
    people = [person(depth=100.0), person(x=0.5, depth=110.0, number=1)]
    far = dataclasses.replace(IMAGE, focal_px=4000.0)
    assert far.nearer() == pytest.approx(1.2 * 160 / 4000) and IMAGE.nearer() == 1.0
    People(far, people, None).save(str(tmp_path), ["html", "json"])
    near = places_in_page(tmp_path / "photo.html")
    np.testing.assert_allclose(near, [[0.0, 0.1, 4.8], [0.5, 0.1, 5.28]], atol=1e-5)
    there = np.array([one.translation for one in people])
    np.testing.assert_allclose(192.0 * near[:, :2] / near[:, 2:], 4000.0 * there[:, :2] / there[:, 2:], atol=1e-4)
    assert "before a camera of 192 px focal length (in the files: 4000 px, 21 times as far away)" in (
        tmp_path / "photo.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "photo_0.json").read_text())["cameras"]["perspective"]["translation_m"][2] == 100.0
    People(IMAGE, people, None).save(str(tmp_path), ["html"])  # the focal length of a real camera
    np.testing.assert_allclose(places_in_page(tmp_path / "photo.html"), there, atol=1e-4)


def test_views_show_depth_and_top(tmp_path):
    photo = np.zeros((120, 160, 3), np.uint8)
    views = People(IMAGE, [person()], photo).draw_views()
    spans = {}
    for name in ("side", "top"):
        rows, columns = np.nonzero(np.ptp(views[name].astype(int), axis=-1) > 10)  # skin; the ground is grey
        spans[name] = (np.ptp(rows) + 1, np.ptp(columns) + 1)
    # Half axes 0.3 (x), 0.8 (y), 0.2 (z) at 4 m and 200 px: 50 px per metre, a little more where it is nearer; the
    # side view's 10 degrees from above take a pixel of the height.
    assert spans["side"] == (pytest.approx(80, abs=3), pytest.approx(20, abs=2))
    assert spans["top"] == (pytest.approx(20, abs=2), pytest.approx(30, abs=2))
    assert 90 < views["side"][105, 80, 0] < 230 and (views["side"][:60, :60] == 255).all()  # ground, 0.8 m lower


def test_nobody_found_still_gives_the_image(tmp_path):
    photo = np.full((120, 160, 3), 90, np.uint8)
    paths = People(IMAGE, [], photo).save(str(tmp_path), FORMATS)
    assert [path.rsplit("_", 1)[1] for path in paths] == ["overlay.png", "side.png", "top.png"]
    np.testing.assert_array_equal(cv2.imread(paths[0]), photo)


def test_mistakes_are_named_and_nothing_is_written(tmp_path):
    with pytest.raises(UserError, match="--formats fbx: choose one of json, npz, obj"):
        People(IMAGE, [person()], None).save(str(tmp_path), ["json", "fbx"])
    broken = np.full(10, np.nan)
    with pytest.raises(UserError, match="person 1 of photo.jpg: beta not finite"):
        People(IMAGE, [person(), person(parameters={"beta": broken}, number=1)], None).save(str(tmp_path), ["json"])
    with pytest.raises(ValueError, match=r"person 0 of photo.jpg: j3d must be \(3, 3\), not \(2, 3\)"):
        People(IMAGE, [person(joint_names=["a", "b", "c"])], None).save(str(tmp_path), ["json"])
    assert list(tmp_path.iterdir()) == []
