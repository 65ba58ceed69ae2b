"""The small reference data set, its other layouts, partial trees, bad input and the cache."""
import dataclasses
import logging
import os
import shutil
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest
from golden_files import GOLDEN, load_module

from common.data.readers.human36m import CAMERA_NAMES, POSE_FOLDER, read_cameras
from common.errors import UserError
from common.geometry.camera import project, world_to_camera
from common.joints import index_map
from pose_baseline.src import dataset as dataset_module
from pose_baseline.src.config import read_settings
from pose_baseline.src.dataset import load_dataset, write_cache

FOLDER = GOLDEN / "pose_baseline"
OUTPUT_ROWS = [1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]


metadata = load_module(FOLDER / "metadata.py")


def write_tree(folder, **options):
    metadata.write_sequences(str(folder), 1, **options)
    metadata.write_metadata(str(folder / "metadata.xml"), 1)
    return str(folder)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """All 210 recordings. Tests do not change it."""
    return write_tree(tmp_path_factory.mktemp("h36m"))


@pytest.fixture
def small(tmp_path):
    """Two subjects, two actions, for tests that change files."""
    return write_tree(tmp_path, subjects=(1, 9), actions=("Eating", "Sitting"))


def load(folder, actions="All", splits=("train", "test"), statistics=None, **settings):
    config = read_settings(["--camera_frame"]).replace(data_dir=folder, action=actions, **settings)
    return load_dataset(config, splits, statistics)


def visible(folder):
    return [name for name in os.listdir(folder) if not name.startswith(".")]


def rows_of(split, subject, name, camera):
    found = [sequence for sequence in split.sequences
             if (sequence.subject, sequence.name, sequence.camera) == (subject, name, camera)]
    assert len(found) == 1
    return slice(found[0].start, found[0].stop)


# --- the reference case

def test_reference_data_set(tree):
    case, dataset = np.load(FOLDER / "dataset.npz"), load(tree)
    train, test = dataset.train, dataset.test
    counts = [len(train.sequences), len(test.sequences), len(train.inputs), len(test.inputs)]
    assert counts == case["counts"].tolist()
    for name in ("mean_2d", "std_2d", "mean_3d", "std_3d"):
        np.testing.assert_allclose(getattr(dataset.statistics, name), case[name], rtol=1e-9, atol=1e-9)
    rows = rows_of(test, 9, "Sitting 1", "58860488")
    np.testing.assert_allclose(test.inputs[rows], case["sitting_inputs"], atol=2e-6)
    np.testing.assert_allclose(test.targets[rows], case["sitting_targets"], atol=2e-6)
    frames = [sum(s.stop - s.start for s in test.sequences if s.action == action) for action in metadata.ACTIONS]
    assert frames == case["test_frames_per_action"].tolist()
    assert {array.dtype for array in (train.inputs, train.targets)} == {np.dtype(np.float32)}


def test_sequences_are_sorted_and_cover_every_row(tree):
    test = load(tree).test
    keys = [(s.subject, s.action, s.name + ".cdf", CAMERA_NAMES.index(s.camera)) for s in test.sequences]
    assert keys == sorted(keys)
    assert [s.start for s in test.sequences] == [0] + [s.stop for s in test.sequences[:-1]]
    assert test.sequences[-1].stop == len(test.inputs)


def test_raw_names_of_subject_1_make_no_difference(tree, tmp_path):
    renamed = load(tree, actions=("Photo", "WalkDog"), splits=("train",))
    raw = load(write_tree(tmp_path, actions=("Photo", "WalkDog"), raw_subjects=(1,)), splits=("train",),
               actions=("Photo", "WalkDog"))
    assert raw.train.sequences == renamed.train.sequences
    np.testing.assert_array_equal(raw.train.inputs, renamed.train.inputs)


def test_14_joints_are_some_of_the_16(tree):
    all_16, some_14 = load(tree, actions="Eating"), load(tree, actions="Eating", predict_14=True)
    kept = [row not in (12, 14) for row in OUTPUT_ROWS]
    np.testing.assert_array_equal(some_14.test.targets.reshape(-1, 14, 3),
                                  all_16.test.targets.reshape(-1, 16, 3)[:, kept])


def test_one_action_is_not_another_with_the_same_beginning(tree):
    assert {sequence.action for sequence in load(tree, actions="Sitting").test.sequences} == {"Sitting"}


# --- frames

def test_camera_frame_leads_back_to_the_world(tree):
    dataset = load(tree, actions="Sitting")
    rows = rows_of(dataset.test, 11, "Sitting", CAMERA_NAMES[1])
    offsets = dataset.statistics.restore_3d(dataset.test.targets[rows]).reshape(-1, 16, 3)
    world = offsets @ read_cameras(os.path.join(tree, "metadata.xml"))[11][1].rotation
    expected = metadata.sequence(11, "Sitting", 0, 1).reshape(-1, 32, 3).astype(np.float64)
    np.testing.assert_allclose(world, expected[:, OUTPUT_ROWS] - expected[:, :1], atol=2e-3)


def test_world_frame_repeats_the_world_for_every_camera(tree):
    world, camera = load(tree, actions="Sitting", camera_frame=False), load(tree, actions="Sitting")
    np.testing.assert_array_equal(world.test.inputs, camera.test.inputs)
    expected = metadata.sequence(9, "Sitting", 1, 1).reshape(-1, 32, 3).astype(np.float64)
    for name in CAMERA_NAMES:
        rows = rows_of(world.test, 9, "Sitting 1", name)
        offsets = world.statistics.restore_3d(world.test.targets[rows]).reshape(-1, 16, 3)
        np.testing.assert_allclose(offsets, expected[:, OUTPUT_ROWS] - expected[:, :1], atol=1e-3)


# --- parts of the data set

def test_given_statistics_need_no_training_subjects(tree, tmp_path):
    full = load(tree)
    part = write_tree(tmp_path, subjects=(9, 11))
    with pytest.raises(UserError, match="no recordings of subjects 1, 5, 6, 7, 8 for the train split"):
        load(part, splits=("test",))
    test_only = load(part, splits=("test",), statistics=full.statistics)
    assert test_only.train is None and test_only.statistics is full.statistics
    np.testing.assert_array_equal(test_only.test.inputs, full.test.inputs)
    with pytest.raises(UserError, match="for 17 joints: drop --predict_14"):
        load(part, splits=("test",), statistics=full.statistics, predict_14=True)
    short = dataclasses.replace(full.statistics, predict_14=True)
    with pytest.raises(UserError, match="for 14 joints: add --predict_14"):
        load(part, splits=("test",), statistics=short)


def test_test_split_alone_still_takes_statistics_from_training_subjects(tree):
    dataset = load(tree, splits=("test",))
    assert dataset.train is None
    np.testing.assert_array_equal(dataset.statistics.std_3d, load(tree).statistics.std_3d)


def test_partial_data_are_used_with_a_note(small, caplog):
    os.remove(os.path.join(small, "S1", POSE_FOLDER, "Eating 1.cdf"))
    with caplog.at_level(logging.WARNING, "mindhuman"):
        dataset = load(small, actions=("Eating", "Sitting"))
    assert "S1 Eating (1), S5 Eating (0)" in caplog.text
    assert len(dataset.train.sequences) == 3 * 4


# --- other layouts

def write_packed(tree, folder, with_2d=False):
    """The tree as VideoPose3D's files; with `with_2d` the true pixels as detections, two frames longer."""
    positions, detections = {}, {}
    cameras = read_cameras(os.path.join(tree, "metadata.xml"))
    for subject in metadata.SUBJECTS:
        for action in ("Eating", "Sitting"):
            for take in (0, 1):
                name = metadata.sequence_name(action, take)[:-4]
                world = metadata.sequence(subject, action, take, 1).reshape(-1, 32, 3)
                positions.setdefault(f"S{subject}", {})[name] = world / np.float32(1000)
                pixels = [project(world_to_camera(world, camera), camera) for camera in cameras[subject]]
                detections.setdefault(f"S{subject}", {})[name] = [
                    np.concatenate([view, view[-2:]])[:, index_map("h36m_32", "h36m_17")].astype(np.float32)
                    for view in pixels]
    np.savez_compressed(folder / "data_3d_h36m.npz", positions_3d=np.array(positions, object))
    shutil.copy(os.path.join(tree, "metadata.xml"), folder)
    if with_2d:
        np.savez_compressed(folder / "data_2d_h36m_true.npz", positions_2d=np.array(detections, object),
                            metadata=np.array({"num_joints": 17, "layout_name": "h36m"}, object))
    return str(folder)


@pytest.mark.parametrize("detections", ["gt", "true"])
def test_packed_layout_gives_the_same_data(tree, tmp_path, detections):
    actions = ("Eating", "Sitting")
    expected = load(tree, actions=actions)
    packed = load(write_packed(tree, tmp_path, detections == "true"), actions=actions, detections=detections)
    assert packed.test.sequences == expected.test.sequences
    np.testing.assert_allclose(packed.test.inputs, expected.test.inputs, atol=1e-5)
    np.testing.assert_allclose(packed.test.targets, expected.test.targets, atol=1e-5)
    used = packed.statistics.use_2d
    np.testing.assert_allclose(packed.statistics.std_2d[used], expected.statistics.std_2d[used], rtol=1e-6)


def write_hourglass(folder, offset=3.0, frames=None):
    """Detections for `small`: the true pixels, shifted, in the detector's order."""
    cameras = read_cameras(os.path.join(folder, "metadata.xml"))
    order = [index_map("h36m_32", "hourglass_16")]
    for subject in (1, 9):
        os.makedirs(os.path.join(folder, f"S{subject}", "StackedHourglass"), exist_ok=True)
        for action in ("Eating", "Sitting"):
            for take in (0, 1):
                world = metadata.sequence(subject, action, take, 1).reshape(-1, 32, 3)
                for camera in cameras[subject]:
                    name = metadata.sequence_name(action, take)[:-4].replace(" ", "_")
                    path = os.path.join(folder, f"S{subject}", "StackedHourglass", f"{name}.{camera.name}.h5")
                    pixels = project(world_to_camera(world, camera), camera)
                    with h5py.File(path, "w") as file:
                        file["poses"] = pixels[:frames, order[0]] + offset


def test_hourglass_detections_become_inputs(small):
    write_hourglass(small)
    missing = os.path.join(small, "S9", "StackedHourglass", "Eating.55011271.h5")
    os.remove(missing)
    actions = ("Eating", "Sitting")
    truth, detected = load(small, actions=actions), load(small, actions=actions, detections="sh")
    assert len(detected.test.sequences) == len(truth.test.sequences) - 1
    rows, true_rows = (rows_of(data.test, 9, "Sitting 1", CAMERA_NAMES[3]) for data in (detected, truth))
    # The whole set is shifted alike, so its normalised form is not.
    np.testing.assert_allclose(detected.test.inputs[rows], truth.test.inputs[true_rows], atol=1e-5)
    np.testing.assert_allclose(detected.test.targets[rows], truth.test.targets[true_rows], atol=1e-5)
    np.testing.assert_allclose(detected.statistics.mean_2d[truth.statistics.use_2d],
                               truth.statistics.mean_2d[truth.statistics.use_2d] + 3.0, rtol=1e-6)
    assert not np.delete(detected.statistics.std_2d, truth.statistics.use_2d).any()


def test_detections_shorter_than_the_motion_are_refused(small):
    write_hourglass(small, frames=4)
    with pytest.raises(UserError, match=r"S1 Eating 1, camera 54138969 has 4 frames, its 3D poses have 1\d"):
        load(small, actions=("Eating", "Sitting"), detections="sh")


# --- bad input

def test_missing_folder_and_empty_folder(small, tmp_path):
    with pytest.raises(UserError, match="nowhere does not exist.*--data_dir"):
        load(str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"looked for .*empty/S<subject>/MyPoseFeatures/D3_Positions/<Action>.cdf"):
        load(str(tmp_path / "empty"), cameras_path=os.path.join(small, "metadata.xml"))
    with pytest.raises(UserError, match="metadata.xml does not exist"):
        load(small, cameras_path=str(tmp_path / "x" / "metadata.xml"))
    with pytest.raises(UserError, match="unknown action Jogging"):
        load(small, actions="Jogging")


def test_truncated_file_is_named_and_leaves_no_cache(small):
    path = Path(small, "S1", POSE_FOLDER, "Sitting.cdf")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match="Sitting.cdf is not a readable CDF"):
        load(small)
    assert visible(os.path.join(small, "cache")) == []
    assert not list(Path(small, "cache").glob(".*.part"))


# --- the cache

@pytest.fixture
def reads(monkeypatch):
    """Paths that are read as CDF files."""
    paths, original = [], dataset_module.human36m.read_cdf_poses

    def read(path):
        paths.append(path)
        return original(path)

    monkeypatch.setattr(dataset_module.human36m, "read_cdf_poses", read)
    return paths


def test_files_are_read_once(small, reads):
    first = load(small)
    assert len(reads) == 8
    again = load(small, predict_14=True)
    assert len(reads) == 8
    np.testing.assert_array_equal(again.train.inputs, first.train.inputs)
    assert again.train.sequences == first.train.sequences
    load(small, camera_frame=False)
    assert len(reads) == 16


def test_a_changed_file_is_noticed_and_takes_the_old_place(small, reads):
    before = load(small)
    metadata.write_sequences(small, 2, subjects=(1,), actions=("Eating",))
    after = load(small)
    assert len(reads) == 8 + 4
    assert not np.array_equal(after.train.inputs[:8], before.train.inputs[:8])
    assert len(visible(os.path.join(small, "cache"))) == 2
    os.utime(os.path.join(small, "metadata.xml"), (1, 1))
    load(small)
    assert len(reads) == 12 + 8


def damage(path, how):
    if how == "truncated":
        path.write_bytes(path.read_bytes()[:-100])
    elif how == "flipped":
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    else:
        np.savez(path, inputs=np.zeros(3))


@pytest.mark.parametrize("how", ["truncated", "flipped", "another file"])
def test_a_damaged_cache_is_made_again_with_a_note(small, reads, caplog, how):
    first = load(small)
    entry, = Path(small, "cache").glob("train-*")
    damage(entry, how)
    with caplog.at_level(logging.WARNING, "mindhuman"):
        again = load(small)
    assert "made again" in caplog.text
    assert len(reads) == 8 + 4
    np.testing.assert_array_equal(again.train.inputs, first.train.inputs)
    load(small)
    assert len(reads) == 12


def test_a_folder_that_cannot_be_written_falls_back(small, tmp_path, monkeypatch, caplog):
    Path(small, "cache").write_text("in the way")
    monkeypatch.delenv("MINDHUMAN_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    with caplog.at_level(logging.INFO, "mindhuman"):
        load(small)
    own = tmp_path / "home" / "mindhuman" / "pose_baseline"
    assert f"poses are cached in {own}" in caplog.text
    assert len(visible(own)) == 2
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match="--cache_dir"):
        load(small)


def test_cache_folder_can_be_named(small, tmp_path):
    load(small, cache_dir=str(tmp_path / "elsewhere"))
    assert len(visible(tmp_path / "elsewhere")) == 2
    assert not os.path.exists(os.path.join(small, "cache"))


def test_of_several_workers_one_reads(small, reads):
    start, loaded = threading.Barrier(4), []

    def work():
        start.wait()
        loaded.append(load(small))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(loaded) == 4 and len(reads) == 8
    for other in loaded[1:]:
        np.testing.assert_array_equal(other.train.inputs, loaded[0].train.inputs)


def test_a_full_disk_is_an_error_with_advice(tmp_path, monkeypatch):
    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full)
    with pytest.raises(UserError, match="No space left on device.*--cache_dir"):
        write_cache(str(tmp_path / "entry.npz"), "key", {"rows": np.zeros(4, np.float32)})
    assert os.listdir(tmp_path) == []
