"""From images and videos to meshes, with a network that is simple enough to know its answers."""
import dataclasses
import json
import logging
import os
import signal

import cv2
import numpy as np
import pytest
import trimesh

from common.errors import UserError
from common.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from common.inference.meshes import Body, MeshModel, MeshRunner, Region
from common.inference.people import Detection, choose_people
from common.inference.sources import Frame, Source, open_source
from common.visual.mesh_files import read_mesh
from common.visual.video import write_video

EGG = trimesh.creation.icosphere(subdivisions=1)


class Eggs(MeshModel):
    """Sees the mean red of the crop: it is the shape of an egg that fills the crop."""

    name, body_model, faces, joint_names = "eggs", "synthetic", np.asarray(EGG.faces), ("bottom", "top")
    variants = ("free",)

    def __init__(self, trembling=0.0):
        self.batches, self.trembling, self.rng = [], trembling, np.random.default_rng(0)

    def crop(self, image, found):
        left, top, width, height = found.box.astype(int)
        part = image[max(top, 0):top + height, max(left, 0):left + width]
        side = float(max(width, height))
        corner = found.box[:2] + 0.5 * (found.box[2:] - side)
        return np.full((3, 8, 8), part[..., 0].mean(), np.float32), Region(corner, side)

    def predict(self, batch):
        self.batches.append(batch[:, 0, 0, 0].tolist())
        bodies = []
        for shape in batch[:, :1, 0, 0]:
            turn = self.trembling * self.rng.normal(size=(1, 3))
            cam = np.array([1.0, 0.0, 0.0]) + 0.1 * self.trembling * self.rng.normal(size=3)
            shape = shape + self.trembling * self.rng.normal(size=1)
            free = EGG.vertices + self.trembling * self.rng.normal(size=EGG.vertices.shape)
            bodies.append(self.pose(Body(cam, axis_angle_to_matrix(turn), shape, None, None, {"free": free})))
        return bodies

    def pose(self, body):
        vertices = np.asarray(EGG.vertices) @ body.rotmat[0].T
        ends = np.array([[0, 1.0, 0], [0, -1.0, 0]]) @ body.rotmat[0].T
        return dataclasses.replace(body, vertices=vertices, j3d=ends)

    def parameters(self, body):
        return {"pose": matrix_to_axis_angle(body.rotmat).ravel(), "beta": body.shape}


def write_image(path, red, size=(60, 80)):
    cv2.imwrite(str(path), np.full((*size, 3), (200, 100, red), np.uint8))


def read(path):
    return json.loads(path.read_text())


def test_batches_are_full_and_answers_reach_their_people(tmp_path):
    for number in range(5):
        write_image(tmp_path / f"p{number}.png", 10 * number)
    model = Eggs()
    find = choose_people("0,0,20,30;30,10,40,20")
    MeshRunner(model, find, str(tmp_path / "out"), ["json"], batch_size=4).run(open_source(str(tmp_path)))
    # Four people are two images; the last batch is filled up, so that one shape is compiled.
    assert model.batches == [[0, 0, 10, 10], [20, 20, 30, 30], [40, 40, 40, 40]]
    for number in range(5):
        for person in range(2):
            record = read(tmp_path / "out" / f"p{number}_{person}.json")
            assert record["parameters"]["beta"] == [10 * number] and record["image"] == f"p{number}.png"
    assert len(os.listdir(tmp_path / "out")) == 10


def test_one_image_of_few_people_is_one_small_batch(tmp_path):
    write_image(tmp_path / "a.png", 7)
    model = Eggs()
    MeshRunner(model, choose_people("0,0,20,30"), str(tmp_path / "out"), ["json"]).run(
        open_source(str(tmp_path / "a.png")))
    assert model.batches == [[7]]


def test_cameras_joints_and_box_agree(tmp_path):
    write_image(tmp_path / "a.png", 7)
    MeshRunner(Eggs(), choose_people("50,10,20,40"), str(tmp_path), ["json"], focal_length=448.0).run(
        open_source(str(tmp_path / "a.png")))
    record = read(tmp_path / "a_0.json")
    # The egg's ends are at the middle of the crop's upper and lower edge: the square is 40 px around (60, 30).
    np.testing.assert_allclose(record["joints_2d_px"], [[60, 50], [60, 10]], atol=1e-6)
    cameras = record["cameras"]
    assert cameras["weak_perspective"]["box_centre_px"] == [60, 30] and cameras["weak_perspective"]["box_size_px"] == 40
    # 448 px for an image of 224: 160 px for one of 80. One metre is 20 px, so the egg is 8 m away.
    assert cameras["perspective"]["focal_px"] == 160 and cameras["perspective"]["centre_px"] == [40, 30]
    np.testing.assert_allclose(cameras["perspective"]["translation_m"], [1.0, 0.0, 8.0], atol=1e-6)


@pytest.mark.parametrize("focal_length", [100.0, 600.0, 5000.0])
def test_the_written_camera_sees_the_written_joints(tmp_path, focal_length):
    class Deep(Eggs):
        """One end far, one near, so that perspective matters."""

        joint_names = ("bottom", "top", "nose", "back")

        def pose(self, body):
            ends = np.array([[0, 1.0, 0], [0, -1.0, 0], [0.1, -0.8, -0.3], [0.2, 0.3, 0.3]])
            return dataclasses.replace(super().pose(body), j3d=ends)

    write_image(tmp_path / "a.png", 7)
    MeshRunner(Deep(), choose_people("50,10,20,40"), str(tmp_path), ["json"], focal_length=focal_length).run(
        open_source(str(tmp_path / "a.png")))
    record = read(tmp_path / "a_0.json")
    camera, joints = record["cameras"]["perspective"], np.array(record["joints_3d_m"])
    seen = joints + camera["translation_m"]
    seen = camera["focal_px"] * seen[:, :2] / seen[:, 2:] + camera["centre_px"]
    np.testing.assert_allclose(record["joints_2d_px"], seen, atol=1e-5)
    # The network's own camera: 20 px per metre around (60, 30). No translation comes nearer to it.
    weak = (60, 30) + 20 * joints[:, :2]
    error = np.square(seen - weak).sum()
    assert np.sqrt(error / 4) < 2000 / focal_length
    for step in np.vstack([np.eye(3), -np.eye(3)]) * 0.01:
        other = joints + camera["translation_m"] + step
        other = camera["focal_px"] * other[:, :2] / other[:, 2:] + camera["centre_px"]
        assert np.square(other - weak).sum() > error


def test_all_files_of_an_image(tmp_path):
    write_image(tmp_path / "a.png", 7)
    MeshRunner(Eggs(), choose_people(), str(tmp_path / "out")).run(open_source(str(tmp_path / "a.png")))
    people = [f"a_0{kind}" for kind in (".json", ".npz", ".obj", "_free.obj", ".glb", "_free.glb")]
    people += [f"a_scene{kind}" for kind in (".obj", "_free.obj", ".glb", "_free.glb")]
    views = [f"a_{kind}{view}.png" for kind in ("", "free_") for view in ("overlay", "side", "top")]
    assert sorted(os.listdir(tmp_path / "out")) == sorted([*people, *views, "a.html"])
    with np.load(tmp_path / "out" / "a_0.npz") as arrays:
        np.testing.assert_allclose(arrays["vertices_free_m"], EGG.vertices)
    assert (cv2.imread(str(tmp_path / "out" / "a_overlay.png"))[0, 0] == (200, 100, 7)).all()


def test_unusual_images(tmp_path):
    """Grey, with alpha, 16 bits and smaller than any crop."""
    grey = np.full((60, 80), 50, np.uint8)
    cv2.imwrite(str(tmp_path / "grey.png"), grey)
    cv2.imwrite(str(tmp_path / "alpha.png"), np.dstack([grey, grey, grey, np.zeros_like(grey)]))
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((60, 80, 3), 50 * 257, np.uint16))
    cv2.imwrite(str(tmp_path / "small.png"), np.full((9, 5, 3), 50, np.uint8))
    model = Eggs()
    MeshRunner(model, choose_people(), str(tmp_path / "out"), ["json", "png"]).run(open_source(str(tmp_path)))
    assert model.batches == [[50, 50, 50, 50]]


def test_folders_count_what_is_left_out(tmp_path, caplog):
    write_image(tmp_path / "a.png", 7)
    write_image(tmp_path / "b.png", 7, (30, 30))
    (tmp_path / "c.png").write_bytes(b"damaged")
    (tmp_path / "notes.txt").write_text("no image")
    with caplog.at_level(logging.INFO, "mindhuman"):
        MeshRunner(Eggs(), choose_people("40,10,20,20"), str(tmp_path / "out"), ["json"]).run(
            open_source(str(tmp_path)))
    assert "left out: 1 file that is no image" in caplog.text and "c.png (7 bytes) is damaged" in caplog.text
    assert "lies beside b, which is 30 x 30 px" in caplog.text
    assert f"1 person in 1 image (2 left out); written to {tmp_path / 'out'}" in caplog.text
    with pytest.raises(UserError, match="lies beside b"):
        MeshRunner(Eggs(), choose_people("40,10,20,20"), str(tmp_path / "out"), ["json"]).run(
            open_source(str(tmp_path / "b.png")))


def test_one_bad_person_costs_nobody_else(tmp_path, caplog):
    """One box beside the image, one person of whom the network says nothing finite, one whom no camera sees."""
    class Fragile(Eggs):
        def predict(self, batch):
            bodies = super().predict(batch)
            bodies[1] = dataclasses.replace(bodies[1], vertices=np.full_like(EGG.vertices, np.nan))
            bodies[2] = dataclasses.replace(bodies[2], cam=np.array([-1.0, 0, 0]))
            return bodies

    write_image(tmp_path / "a.png", 7)
    MeshRunner(Fragile(), choose_people("0,0,20,30;400,10,20,20;0,0,20,30;0,0,20,30;5,5,30,30"),
               str(tmp_path / "out"), ["json"]).run(open_source(str(tmp_path / "a.png")))
    assert sorted(os.listdir(tmp_path / "out")) == ["a_0.json", "a_4.json"]
    assert "lies beside a, which is 80 x 60 px" in caplog.text
    assert "person 2 of a.png: vertices not finite" in caplog.text
    assert "person 3 of a.png: the network's camera has the scale -1, which shows nobody" in caplog.text
    with pytest.raises(UserError, match="nothing was written: person 0 of a.png would not stand before the camera of "
                                        "--focal_length 0.001: take a longer one"):
        MeshRunner(Eggs(), choose_people("0,0,20,30"), str(tmp_path / "none"), ["json"],
                   focal_length=0.001).run(open_source(str(tmp_path / "a.png")))


def test_one_bad_frame_counts_as_empty(tmp_path, caplog):
    source, find = walk(12)

    def fragile(name, image):
        if name.endswith("5"):
            raise UserError(f"{name}: damaged")
        return find(name, image)

    MeshRunner(Eggs(), fragile, str(tmp_path), batch_size=4).run(source)
    for number in range(2):
        record = read(tmp_path / f"walk_{number}.json")
        assert record["frames"] == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11] and record["num_frames"] == 12
        np.testing.assert_allclose(record["time_s"], np.array(record["frames"]) / 10)
    assert cv2.VideoCapture(str(tmp_path / "walk.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 12
    assert caplog.text.count("walk_000000000005: damaged; left out") == 1

    def hopeless(name, image):
        raise UserError(f"{name}: damaged")

    with pytest.raises(UserError, match="nothing was written: walk_000000000011: damaged"):
        MeshRunner(Eggs(), hopeless, str(tmp_path / "none"), ["json"]).run(source)
    assert "no longer said one by one" in caplog.text


def test_the_drawn_video_keeps_the_pace_of_a_varying_one(tmp_path):
    times = [0.0, 0.1, 0.7, 0.8, 2.0]
    source = Source("vary", 2.5, lambda: (Frame(f"vary_{number:012d}", np.full((60, 140, 3), 80, np.uint8), time)
                                          for number, time in enumerate(times)), 5)
    MeshRunner(Eggs(), choose_people("10,5,30,40"), str(tmp_path)).run(source)
    assert [frame.time_s for frame in open_source(str(tmp_path / "vary.mp4")).frames()] == pytest.approx(times)
    assert read(tmp_path / "vary_0.json")["time_s"] == times
    with np.load(tmp_path / "vary_0.npz") as arrays:
        assert arrays["time_s"].tolist() == times


def test_nobody_found_is_one_clear_sentence_and_no_file(tmp_path):
    write_image(tmp_path / "a.png", 7)
    with pytest.raises(UserError, match="nobody was found in a.png: say where people are with --bbox"):
        MeshRunner(Eggs(), lambda name, image: [], str(tmp_path / "out")).run(open_source(str(tmp_path / "a.png")))
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match="--formats fbx: choose one of json"):
        MeshRunner(Eggs(), None, "", ["fbx"])
    with pytest.raises(UserError, match="--focal_length 0"):
        MeshRunner(Eggs(), None, "", focal_length=0)
    with pytest.raises(UserError, match="--frame_max -1"):
        open_source(str(tmp_path / "a.png"), -1)


def walk(count):
    """Two people who pass each other, in changing order, and a video of them."""
    def find(name, image):
        frame = int(name.rsplit("_", 1)[1])
        boxes = [np.array([5.0 + 3 * frame, 10, 20, 40]), np.array([110.0 - 3 * frame, 10, 20, 40])]
        people = [Detection(box, score=0.1 * (1 + index)) for index, box in enumerate(boxes)]
        return people[::-1] if frame % 2 else people

    frames = Source("walk", 10.0, lambda: (Frame(f"walk_{number:012d}", np.full((60, 140, 3), 80, np.uint8),
                                                 number / 10) for number in range(count)), count)
    return frames, find


def test_a_film_follows_its_people(tmp_path, caplog):
    source, find = walk(12)
    with caplog.at_level(logging.INFO, "mindhuman"):
        MeshRunner(Eggs(), find, str(tmp_path), batch_size=4, smooth=False).run(source)
    assert f"2 people in 12 frames; written to {tmp_path}" in caplog.text
    assert sorted(os.listdir(tmp_path)) == ["walk.mp4", "walk_0.json", "walk_0.npz", "walk_1.json", "walk_1.npz"]
    for number in range(2):
        with np.load(tmp_path / f"walk_{number}.npz") as arrays:
            assert arrays["frames"].tolist() == list(range(12)) and arrays["fps"] == 10 and not arrays["smoothed"]
            np.testing.assert_allclose(arrays["score"], 0.1 * (1 + number))
            start, step = ((15, 3), (120, -3))[number]
            middle = start + step * np.arange(12.0)
            np.testing.assert_allclose(arrays["joints_2d_px"][:, 1], np.stack([middle, np.full(12, 10)], 1))
            np.testing.assert_allclose(arrays["box_centre_px"][:, 0], middle)
            record = read(tmp_path / f"walk_{number}.json")
            np.testing.assert_allclose(record["pose"], arrays["pose"], atol=1e-9)
            assert record["joint_names"] == ["bottom", "top"] and record["person"] == number
    film = cv2.VideoCapture(str(tmp_path / "walk.mp4"))
    # The photo and the side view beside each other; a row for the bodies and one for their variant.
    assert (film.get(cv2.CAP_PROP_FRAME_WIDTH), film.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (280, 120)
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 12


def test_joints_tell_the_colours_of_people_and_boxes_do_not(tmp_path):
    joints = np.array([[10, 10, 1], [20, 30, 1], [15, 20, 1.0]])
    for number, seen in enumerate((joints, None)):
        source, _ = walk(2)
        runner = MeshRunner(Eggs(), lambda name, image, seen=seen: [Detection(np.array([5.0, 10, 20, 40]), seen)],
                            str(tmp_path / str(number)), ["npz"], batch_size=1)
        runner.run(source)
        colours = runner.tracker.tracks[0].colours
        assert np.isnan(colours).all() if seen is None else (colours == (87, 128, 128)).all()  # 80, 80, 80: L 34 %


def test_smoothing_calms_turns_and_cameras_and_can_be_switched_off(tmp_path):
    path = str(tmp_path / "still.mp4")
    write_video(path, [np.full((48, 64, 3), 90, np.uint8)] * 30, 30.0)
    trembling = {}
    for smooth in (False, True):
        folder = tmp_path / str(smooth)
        MeshRunner(Eggs(trembling=0.02), choose_people("10,5,30,40"), str(folder), ["npz", "obj"],
                   smooth=smooth).run(open_source(path))
        with np.load(folder / "still_0.npz") as arrays:
            followed = [arrays[name] for name in ("pose", "joints_3d_m", "joints_2d_px", "cam", "beta")]
        followed.append([read_mesh(str(path))[0] for path in sorted(folder.glob("still_*_0_free.obj"))])
        trembling[smooth] = [np.diff(values[5:], axis=0).std() for values in followed]
        assert len(followed[-1]) == len(list(folder.glob("still_*_0.obj"))) == 30
    for before, after in zip(trembling[False], trembling[True]):
        assert after < 0.45 * before


def test_numbers_of_files_are_kept_and_frames_without_people_pass(tmp_path):
    source, _ = walk(5)

    def find(name, image):
        return [] if name.endswith("2") else [Detection(np.array([5.0, 5, 20, 40]), number=4)]

    MeshRunner(Eggs(), find, str(tmp_path), ["npz"]).run(source)
    with np.load(tmp_path / "walk_4.npz") as arrays:
        assert arrays["frames"].tolist() == [0, 1, 3, 4] and arrays["num_frames"] == 5


def test_people_of_one_number_are_told_apart_by_their_place(tmp_path):
    source, find = walk(6)
    MeshRunner(Eggs(), lambda *image: [dataclasses.replace(person, number=7) for person in find(*image)],
               str(tmp_path), ["npz"]).run(source)
    for number, score in enumerate((0.1, 0.2)):
        with np.load(tmp_path / f"walk_{number}.npz") as arrays:
            np.testing.assert_allclose(arrays["score"], score)


def test_a_film_that_begins_without_people_still_gets_full_batches(tmp_path):
    source, find = walk(12)
    model = Eggs()
    MeshRunner(model, lambda name, image: [] if name < "walk_000000000003" else find(name, image), str(tmp_path),
               ["npz"], batch_size=4).run(source)
    assert {len(batch) for batch in model.batches} == {4}


def test_ctrl_c_ends_a_film_and_keeps_it(tmp_path):
    source, find = walk(100)

    def interrupted(name, image):
        if name.endswith("006"):
            os.kill(os.getpid(), signal.SIGINT)
        return find(name, image)

    MeshRunner(Eggs(), interrupted, str(tmp_path), batch_size=4).run(source)
    assert cv2.VideoCapture(str(tmp_path / "walk.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 7
    assert (tmp_path / "walk_0.json").is_file()
