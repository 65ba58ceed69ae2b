"""Readers of Human3.6M's three layouts: what they accept, the numbers they give, and how they fail."""
import logging
import os
from pathlib import Path

import cdflib
import h5py
import numpy as np
import pytest
from golden_files import GOLDEN, load_module

from common.data.readers import human36m
from common.data.readers.human36m import CAMERA_NAMES, CdfTree, parse_name, read_cameras, read_cdf_poses
from common.data.readers.stacked_hourglass import HourglassDetections, read_detections
from common.data.readers.videopose3d import PackedDetections, PackedPoses, detected_skeleton
from common.errors import UserError


@pytest.fixture(scope="module")
def metadata():
    return load_module(GOLDEN / "pose_baseline" / "metadata.py")


def write_cdf(path, values, data_type=44, record_varies=True):
    from cdflib.cdfwrite import CDF
    os.makedirs(os.path.dirname(path), exist_ok=True)
    writer = CDF(path, cdf_spec={"Majority": "row_major"}, delete=True)
    writer.write_var({"Variable": "Pose", "Data_Type": data_type, "Num_Elements": 1, "Rec_Vary": record_varies,
                      "Dim_Sizes": list(values.shape), "Var_Type": "zVariable"},
                     var_data=values[None] if record_varies else values)
    writer.close()


def cdf_path(folder, subject, name):
    return os.path.join(folder, f"S{subject}", human36m.POSE_FOLDER, name + ".cdf")


# --- cameras

def test_reference_cameras(tmp_path, metadata):
    path = str(tmp_path / "metadata.xml")
    metadata.write_metadata(path, 1)
    case, cameras = np.load(GOLDEN / "pose_baseline" / "geometry.npz"), read_cameras(path)
    assert sorted(cameras) == list(range(1, 12))
    fields = {"rotation": "rotation", "translation": "translation", "focal_length": "focal", "centre": "centre_px",
              "radial": "radial", "tangential": "tangential"}
    for subject, four in cameras.items():
        assert tuple(camera.name for camera in four) == CAMERA_NAMES
        for row, camera in enumerate(four):
            for key, field in fields.items():
                np.testing.assert_allclose(getattr(camera, field), case[key][subject - 1, row], atol=1e-9)


def test_numbers_may_be_spread_over_lines(tmp_path):
    numbers = np.arange(300.0)
    text = "\n  [ " + " ,\n".join(f"{value:g}  " for value in numbers) + "]\n"
    (tmp_path / "m.xml").write_text(f"<metadata><mapping><tr><td>1</td></tr></mapping><w0>{text}</w0></metadata>")
    camera = read_cameras(str(tmp_path / "m.xml"))[2][1]  # second subject, second camera
    assert camera.translation.tolist() == [75.0, 76.0, 77.0]  # 6 * (11 * 1 + 1) + 3
    assert camera.focal.tolist() == [273.0, 274.0]
    assert camera.tangential.tolist() == [280.0, 281.0]


@pytest.mark.parametrize("content, message", [
    ("<metadata><w0>[1 2 3]</w0></metadata>", "holds 3"),
    ("<metadata></metadata>", "holds 0"),
    ("<metadata><w0>[1 2 x]</w0></metadata>", "other than numbers"),
    ("<metadata><w0>[1 2", "is not readable XML"),
])
def test_bad_metadata(tmp_path, content, message):
    path = tmp_path / "metadata.xml"
    path.write_text(content)
    with pytest.raises(UserError, match=message) as error:
        read_cameras(str(path))
    assert str(path) in str(error.value)


def test_missing_metadata(tmp_path):
    with pytest.raises(UserError, match="metadata.xml does not exist.*--cameras_path"):
        read_cameras(str(tmp_path / "metadata.xml"))


# --- names

@pytest.mark.parametrize("stem, expected", [
    ("Sitting", ("Sitting", "Sitting")),
    ("SittingDown 2", ("SittingDown", "SittingDown 2")),
    ("TakingPhoto 1", ("Photo", "Photo 1")),
    ("WalkingDog", ("WalkDog", "WalkDog")),
    ("Walking_1", ("Walking", "Walking 1")),
    ("Waiting 31", ("Waiting", "Waiting 31")),
    ("Sitting 1 copy", None),
    ("Dancing", None),
])
def test_names(stem, expected):
    assert parse_name(stem) == expected


def test_actions():
    assert human36m.resolve_actions("all") == human36m.resolve_actions("All") == human36m.ACTIONS
    assert human36m.resolve_actions(["Walking", "Eating"]) == ("Eating", "Walking")
    with pytest.raises(UserError, match="unknown action Jogging"):
        human36m.resolve_actions("Jogging")


# --- CDF

def test_one_recording_comes_back_bit_for_bit(tmp_path, metadata):
    metadata.write_sequences(str(tmp_path), 1, subjects=(9,), actions=("Sitting",))
    poses = read_cdf_poses(cdf_path(tmp_path, 9, "Sitting 1"))
    np.testing.assert_array_equal(poses.reshape(-1, 96), metadata.sequence(9, "Sitting", 1, 1))


@pytest.mark.parametrize("data_type, record_varies", [(44, True), (45, True), (44, False)])
def test_float_types_and_record_forms(tmp_path, data_type, record_varies):
    values = np.arange(192, dtype=np.float32 if data_type == 44 else np.float64).reshape(2, 96)
    path = cdf_path(tmp_path, 1, "Eating")
    write_cdf(path, values, data_type, record_varies)
    poses = read_cdf_poses(path)
    assert poses.dtype == values.dtype
    assert poses[1, 31].tolist() == [189.0, 190.0, 191.0]


def test_recordings_are_found_under_raw_names_and_sorted_as_files(tmp_path, metadata):
    actions = ("Sitting", "SittingDown", "Photo", "WalkDog")
    metadata.write_sequences(str(tmp_path), 1, subjects=(1, 5), actions=actions, raw_subjects=(1,))
    tree = CdfTree(str(tmp_path))
    found = tree.recordings((5, 1), ("Photo", "Sitting"))
    assert [recording[:3] for recording in found] == [
        (1, "Photo", "Photo 1"), (1, "Photo", "Photo"), (1, "Sitting", "Sitting 1"), (1, "Sitting", "Sitting"),
        (5, "Photo", "Photo 1"), (5, "Photo", "Photo"), (5, "Sitting", "Sitting 1"), (5, "Sitting", "Sitting")]
    assert os.path.basename(found[0].source) == "TakingPhoto 1.cdf"
    np.testing.assert_array_equal(tree.read(found[0]).reshape(-1, 96), metadata.sequence(1, "Photo", 1, 1))


def test_a_file_under_both_names_counts_once(tmp_path, caplog):
    for name in ("TakingPhoto", "Photo"):
        write_cdf(cdf_path(tmp_path, 1, name), np.zeros((2, 96), np.float32))
    with caplog.at_level(logging.WARNING, "mindhuman"):
        found = CdfTree(str(tmp_path)).recordings((1,), ("Photo",))
    assert [os.path.basename(recording.source) for recording in found] == ["Photo.cdf"]
    assert "S1 has Photo twice" in caplog.text


@pytest.mark.parametrize("keep", [0, 3, 100, 300, 0.5, -100])
def test_truncated_cdf_is_named(tmp_path, metadata, keep):
    metadata.write_sequences(str(tmp_path), 1, subjects=(1,), actions=("Eating",))
    path = cdf_path(tmp_path, 1, "Eating")
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[:int(len(content) * keep) if isinstance(keep, float) else keep])
    with pytest.raises(UserError, match="Eating.cdf is not a readable CDF"):
        read_cdf_poses(path)


@pytest.mark.parametrize("count, size, reason", [
    ("variables", 4, "more variables"), ("dimensions", 4, "more dimensions"), ("entries", 4, "more entries"),
    ("next", 8, "in a circle")])
def test_counts_that_no_cdf_can_hold_end_at_once(tmp_path, count, size, reason):
    path = cdf_path(tmp_path, 1, "Eating")
    write_cdf(path, np.zeros((4, 96), np.float32))
    content, file = bytearray(Path(path).read_bytes()), cdflib.CDF(path)
    first = file.vdr_info("Pose")
    gdr = int.from_bytes(content[20:28], "big")
    place = {"variables": gdr + 60, "dimensions": file._first_zvariable + 340, "entries": first.head_vxr + 24,
             "next": first.head_vxr + 12}[count]
    value = first.head_vxr if count == "next" else (1 << 31) - 1
    content[place:place + size] = value.to_bytes(size, "big")
    Path(path).write_bytes(content)
    with pytest.raises(UserError, match=f"Eating.cdf is not a readable CDF.*{reason}"):
        read_cdf_poses(path)


def test_wrong_joint_count_and_bad_values_are_named(tmp_path):
    path = cdf_path(tmp_path, 1, "Eating")
    write_cdf(path, np.zeros((4, 51), np.float32))
    with pytest.raises(UserError, match=r"Eating.cdf.*\(1, 4, 51\).*32 joints"):
        read_cdf_poses(path)
    write_cdf(path, np.full((4, 96), np.nan, np.float32))
    with pytest.raises(UserError, match="not finite"):
        read_cdf_poses(path)


# --- VideoPose3D

def write_npz(path, **content):
    np.savez_compressed(path, **{key: np.array(value, dtype=object) for key, value in content.items()})


def test_packed_poses_are_metres(tmp_path):
    poses = np.arange(2 * 96, dtype=np.float32).reshape(2, 32, 3) / 1000
    write_npz(tmp_path / "data_3d_h36m.npz", positions_3d={"S1": {"Photo 1": poses, "Photo": poses[:1]},
                                                          "S11": {"Photo": poses}, "extra": {"Photo": poses}})
    packed = PackedPoses(str(tmp_path))
    found = packed.recordings((1,), ("Photo",))
    assert [recording[:3] for recording in found] == [(1, "Photo", "Photo 1"), (1, "Photo", "Photo")]
    np.testing.assert_allclose(packed.read(found[0]).ravel(), np.arange(192), atol=1e-4)


def test_packed_poses_of_17_joints_are_refused(tmp_path):
    write_npz(tmp_path / "data_3d_h36m.npz", positions_3d={"S1": {"Photo": np.zeros((2, 17, 3))}})
    packed = PackedPoses(str(tmp_path))
    with pytest.raises(UserError, match=r"S1 Photo has shape \(2, 17, 3\); expected \(32 joints\)"):
        packed.read(packed.recordings((1,), ("Photo",))[0])


COCO_SYMMETRY = [[1, 3, 5, 7, 9, 11, 13, 15], [2, 4, 6, 8, 10, 12, 14, 16]]


@pytest.mark.parametrize("joints, metadata, expected_head, expected_pelvis", [
    (17, {"num_joints": 17, "keypoints_symmetry": [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]]}, 10, 0),
    (17, {"layout_name": "coco", "keypoints_symmetry": COCO_SYMMETRY}, 1.5, 11.5),
    (17, {"keypoints_symmetry": COCO_SYMMETRY}, 1.5, 11.5),
    (16, {"layout_name": "mpii"}, 9, 6),
])
def test_packed_detections_by_layout(tmp_path, joints, metadata, expected_head, expected_pelvis):
    track = np.tile(np.arange(joints, dtype=np.float32)[None, :, None], (3, 1, 2))
    tracks = [track + 100 * camera for camera in range(4)]
    write_npz(tmp_path / "data_2d_h36m_x.npz", positions_2d={"S1": {"TakingPhoto": tracks}}, metadata=metadata)
    detections = PackedDetections(str(tmp_path), "x")
    recording = human36m.Recording(1, "Photo", "Photo", "")
    assert detections.views(recording) == list(CAMERA_NAMES)
    read = detections.read(recording, CAMERA_NAMES[2])
    assert read.shape == (3, 16, 2)
    assert read[0, 9].tolist() == [expected_head + 200] * 2
    assert read[2, 0].tolist() == [expected_pelvis + 200] * 2
    assert detections.views(recording._replace(subject=5)) == []


@pytest.mark.parametrize("positions, words", [
    ({1: {"Photo": np.zeros((2, 32, 3))}}, "has no positions_3d of the form"),
    ({"S1": {5: np.zeros((2, 32, 3))}}, "has no positions_3d of the form"),
    ({"S1": {None: np.zeros((2, 32, 3))}}, "has no positions_3d of the form"), ({b"S1": {}}, "has no positions_3d"),
    ({"S1": {"Photo": [[1, 2], [3]]}}, "S1 Photo is no array of numbers"),
    ({"S1": {"Photo": np.array(["a"])}}, "S1 Photo is no array of numbers"),
    ({"S1": {"Photo": None}}, "no array of numbers"),
    ({"S1": {"Photo": np.zeros((0, 32, 3))}}, r"S1 Photo has shape \(0, 32, 3\)"),
    ({"S1": {"Photo": np.full((2, 32, 3), np.nan)}}, "S1 Photo holds NaN or infinity"),
])
def test_packed_poses_laid_out_otherwise(positions, words, tmp_path):
    write_npz(tmp_path / "data_3d_h36m.npz", positions_3d=positions)
    packed = PackedPoses(str(tmp_path))
    with pytest.raises(UserError, match=f"data_3d_h36m.npz.*{words}"):
        packed.read(packed.recordings((1,), ("Photo",))[0])


@pytest.mark.parametrize("subject", ["S²", "S" + "9" * 5000, "S01", "S-1", "S1 ", "S"])
def test_subjects_that_are_none(subject, tmp_path):
    good = np.zeros((2, 32, 3))
    write_npz(tmp_path / "data_3d_h36m.npz", positions_3d={subject: {"Photo": good}, "S1": {"Photo": good}})
    packed = PackedPoses(str(tmp_path)).recordings((1,), ("Photo",))
    assert [recording.subject for recording in packed] == [1]


def test_packed_files_that_are_missing_or_wrong(tmp_path):
    with pytest.raises(UserError, match="data_2d_h36m_cpn.npz does not exist: --detections takes"):
        PackedDetections(str(tmp_path), "cpn")
    path = tmp_path / "data_3d_h36m.npz"
    path.write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(UserError, match="data_3d_h36m.npz is not a readable npz"):
        PackedPoses(str(tmp_path)).recordings((1,), ("Photo",))
    np.savez(path, positions_3d=np.zeros((3, 32, 3)))
    with pytest.raises(UserError, match="has no positions_3d of the form"):
        PackedPoses(str(tmp_path)).recordings((1,), ("Photo",))


def test_packed_poses_cannot_run_code(tmp_path):
    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "pwned"),)

    content = np.empty((), object)
    content[()] = {"S1": Payload()}
    np.savez(tmp_path / "data_3d_h36m.npz", positions_3d=content)
    with pytest.raises(UserError, match="mkdir"):
        PackedPoses(str(tmp_path)).recordings((1,), ("Photo",))
    assert not (tmp_path / "pwned").exists()


# --- Stacked Hourglass

def write_h5(folder, subject, name, values, kind="StackedHourglass"):
    path = folder / f"S{subject}" / kind / f"{name}.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["poses"] = values
    return path


def test_hourglass_detections(tmp_path):
    values = np.tile(np.arange(16.0)[None, :, None], (5, 1, 2))
    for camera in CAMERA_NAMES[1:]:
        write_h5(tmp_path, 11, f"Directions_1.{camera}", values)
    write_h5(tmp_path, 11, "Directions.60457274", values + 100, "StackedHourglassFineTuned240")
    recording = human36m.Recording(11, "Directions", "Directions 1", "")
    plain = HourglassDetections(str(tmp_path), "sh")
    assert plain.views(recording) == list(CAMERA_NAMES[1:])
    read = plain.read(recording, CAMERA_NAMES[1])
    assert read.shape == (5, 16, 2)
    assert read[0, :, 0].tolist() == [6, 2, 1, 0, 3, 4, 5, 7, 8, 9, 13, 14, 15, 12, 11, 10]
    assert len(plain.files([recording])) == 3
    tuned = HourglassDetections(str(tmp_path), "sh_ft")
    assert tuned.views(recording) == [] and tuned.views(recording._replace(name="Directions")) == ["60457274"]


def test_hourglass_failures_are_named(tmp_path):
    with pytest.raises(UserError, match="looked for .*StackedHourglass.*--detections gt"):
        HourglassDetections(str(tmp_path), "sh")
    path = write_h5(tmp_path, 1, "Eating.54138969", np.zeros((5, 17, 2)))
    with pytest.raises(UserError, match=r"Eating.54138969.h5.*\(5, 17, 2\)"):
        read_detections(str(path))
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UserError, match="not a readable HDF5 file"):
        read_detections(str(path))


def test_packed_detections_without_a_camera(tmp_path):
    track = np.tile(np.arange(17, dtype=np.float32)[None, :, None], (3, 1, 2))
    write_npz(tmp_path / "data_2d_h36m_x.npz", metadata=None, positions_2d={
        "S1": {"Photo": [None, track, np.zeros((0, 17, 2)), track + 1], "Eating": None}})
    detections = PackedDetections(str(tmp_path), "x")
    recording = human36m.Recording(1, "Photo", "Photo", "")
    assert detections.views(recording) == [CAMERA_NAMES[1], CAMERA_NAMES[3]]
    assert detections.read(recording, CAMERA_NAMES[3])[0, 0].tolist() == [1, 1]
    assert detections.views(human36m.Recording(1, "Eating", "Eating", "")) == []


@pytest.mark.parametrize("track, metadata, text", [
    (np.zeros((3, 15, 2)), {"layout_name": "humaneva15"}, "S1 Photo has 15 joints of the layout humaneva15; known are"),
    (np.zeros((3, 17, 2)), {"layout_name": "other"}, "has 17 joints of the layout other"),
    (np.zeros((3, 15, 2)), None, "has 15 joints; known are 16 or 17 joints of coco and h36m"),
    (np.zeros((3, 17, 4)), None, "Photo has shape \\(3, 17, 4\\); expected \\(frames, joints, 2\\) for each camera"),
    (np.zeros((3, 17)), None, "Photo has shape \\(3, 17\\)"),
    ("text", None, "is no list of arrays"),
])
def test_packed_detections_of_other_layouts_are_refused(tmp_path, track, metadata, text):
    write_npz(tmp_path / "data_2d_h36m_x.npz", positions_2d={"S1": {"Photo": [track]}}, metadata=metadata)
    recording = human36m.Recording(1, "Photo", "Photo", "")
    with pytest.raises(UserError, match=text):
        detections = PackedDetections(str(tmp_path), "x")
        detections.views(recording)
        detections.read(recording, CAMERA_NAMES[0])


def test_a_layout_counts_more_than_the_left_joints(tmp_path):
    track = np.zeros((1, 17, 2))
    for metadata, expected in (({"layout_name": "h36m", "keypoints_symmetry": COCO_SYMMETRY}, "h36m_17"),
                               ({"layout_name": "coco", "keypoints_symmetry": 3}, "coco_17"),
                               ({"layout_name": "mine", "keypoints_symmetry": COCO_SYMMETRY}, "coco_17"),
                               ({"layout_name": "mine", "keypoints_symmetry": [[6, 5, 4, 13, 12, 11]]}, "h36m_17"),
                               ({"keypoints_symmetry": [["a"]]}, "h36m_17"), (None, "h36m_17"), (5, "h36m_17")):
        assert detected_skeleton(track, metadata, "x") == expected
