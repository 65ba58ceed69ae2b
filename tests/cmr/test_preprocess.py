"""Preparing data sets: joints, boxes and the choice of people as published, and what is said when files are missing."""
import dataclasses
import os
from argparse import Namespace

import cv2
import numpy as np
import pytest

from cmr import preprocess
from cmr.src.dataset import read_annotations
from cmr.src.preprocess import people
from common.data.readers.human36m_images import RAW_JOINTS
from common.data.records import HIDDEN, NOT_LABELLED, VISIBLE, Record
from common.errors import UserError
from common.joints import SKELETONS
from common.stand_ins.datasets import lsp as lsp_samples
from common.stand_ins.datasets import up3d as up3d_samples
from common.visual.video import write_video

# GraphCMR's tables: where joint k of the data set goes.
MPII_TO_24 = (0, 1, 2, 3, 4, 5, 14, 15, 12, 13, 6, 7, 8, 9, 10, 11)
COCO_TO_24 = (19, 20, 21, 22, 23, 9, 8, 10, 7, 11, 6, 3, 2, 4, 1, 5, 0)
H36M_FROM = (11, 6, 7, 8, 1, 2, 3, 12, 24, 14, 15, 17, 18, 19, 25, 26, 27)
H36M_TO_24 = (14, 3, 4, 5, 2, 1, 0, 16, 12, 17, 18, 9, 10, 11, 8, 7, 6)


def record(skeleton, visibility=VISIBLE, **others):
    """A person whose joint k is at (k + 1, 2 k + 1)."""
    names = SKELETONS[skeleton]
    numbers = np.arange(len(names), dtype=float)
    values = {"image_path": os.path.join("root", "images", "a.jpg"), "box": np.array([10.0, 20.0, 30.0, 50.0]),
              "joints": names, "j2d": np.stack([numbers + 1, 2 * numbers + 1], 1),
              "visibility": np.full(len(names), visibility, np.uint8), **others}
    return Record(**values)


def check_part(part, places, seen=None):
    """`part` (24, 3) holds joint k of `record` at places[k]."""
    expected = np.zeros((24, 3))
    for joint, place in enumerate(places):
        if seen is None or seen[joint]:
            expected[place] = joint + 1, 2 * joint + 1, 1
    assert np.array_equal(part, expected)


def test_up_3d():
    seen = np.array([VISIBLE] * 13 + [NOT_LABELLED], np.uint8)
    person = record("lsp_14", pose=np.full(72, 0.5), beta=np.full(10, 2.0), image_path=os.path.join("root", "1.png"))
    fields = people.up_3d([dataclasses.replace(person, visibility=seen)], "root")
    assert fields["imgname"] == ["1.png"]
    assert fields["center"][0].tolist() == [25, 45] and fields["scale"] == [1.2 * 50 / 200]
    check_part(fields["part"][0], range(14), seen > 0)
    assert fields["pose"][0][0] == 0.5 and fields["shape"][0][0] == 2


def test_lsp_counts_hidden_joints_and_names_its_masks():
    extras = {"mask_path": os.path.join("upi", "data", "lsp", "m.png"),
              "part_path": os.path.join("upi", "data", "lsp", "p.png")}
    fields = people.lsp_masks([record("lsp_14", HIDDEN, extras=extras)], "root", "upi")
    check_part(fields["part"][0], range(14))
    assert fields["imgname"] == ["images/a.jpg"]
    assert fields["maskname"] == ["data/lsp/m.png"] and fields["partname"] == ["data/lsp/p.png"]


def test_mpii_keeps_people_with_all_joints_and_its_own_scale():
    extras = {"center": np.array([7.0, 8.0]), "scale": 3.5}
    whole, partly = record("mpii_16", extras=extras), record("mpii_16", extras=extras)
    partly.visibility[4] = NOT_LABELLED
    fields = people.mpii([partly, whole], "root")
    assert len(fields["imgname"]) == 1 and fields["scale"] == [3.5] and fields["center"][0].tolist() == [7, 8]
    check_part(fields["part"][0], MPII_TO_24)


def test_coco_keeps_people_with_arms_and_legs():
    faceless, armless = record("coco_17", HIDDEN), record("coco_17")
    faceless.visibility[:5] = NOT_LABELLED
    armless.visibility[9] = NOT_LABELLED
    fields = people.coco([faceless, armless], "root")
    assert len(fields["imgname"]) == 1
    check_part(fields["part"][0], COCO_TO_24, faceless.visibility > 0)


@pytest.mark.parametrize("skeleton, chosen, places", [("h36m_32", H36M_FROM, H36M_TO_24),
                                                      ("lsp_14", range(14), range(14))])
def test_human36m_with_bodies(skeleton, chosen, places):
    numbers = np.arange(len(SKELETONS[skeleton]), dtype=float)
    j3d = np.stack([numbers, -numbers, 3 + 0.1 * numbers], 1)
    fields = people.with_bodies([record(skeleton, j3d=j3d, pose=np.ones(72), beta=np.ones(10)),
                                 record(skeleton, j3d=j3d)], "root")
    labels = fields["S"][0]
    hips = j3d[[chosen[list(places).index(place)] for place in (2, 3)]].mean(0)
    for joint, place in zip(chosen, places):
        assert labels[place, :3] == pytest.approx(j3d[joint] - hips) and labels[place, 3] == 1
        assert fields["part"][0][place].tolist() == [joint + 1, 2 * joint + 1, 1]
    assert labels[:, 3].sum() == len(chosen) and not labels[labels[:, 3] == 0].any()
    assert fields["has_smpl"].tolist() == [1, 0] and not fields["pose"][1].any()
    assert "pose" not in people.with_bodies([record(skeleton, j3d=j3d)], "root")


def test_3dpw_tells_genders():
    fields = people.three_dpw([record("lsp_14", pose=np.ones(72), beta=np.ones(10), extras={"gender": "female"})],
                              "root")
    sized = people.three_dpw([record("lsp_14", pose=np.ones(72), beta=np.ones(10),
                                     extras={"gender": "male", "size": size}) for size in ((640, 480), None)],
                             "images")
    assert sized["size"] == [(640, 480), (0, 0)]
    assert fields["gender"] == ["female"] and set(fields) == {"imgname", "center", "scale", "pose", "shape", "gender"}


def frames(folder, *numbers):
    """Records of the given frames, counted from 1, of one take."""
    j3d = np.stack([np.arange(32.0), np.zeros(32), np.full(32, 4.0)], 1)
    return [Record(image_path=str(folder / "images" / f"S9_Eating_1.60457274_{number:06d}.jpg"), joints=RAW_JOINTS,
                   box=np.array([10.0, 20.0, 30.0, 50.0]), j3d=j3d,
                   extras={"subject": 9, "action": "Eating_1", "camera": "60457274", "frame": number})
            for number in numbers]


def test_human36m_protocol_and_its_frames(tmp_path):
    shades = [np.full((32, 32, 3), 20 * number, np.uint8) for number in range(9)]
    write_video(str(tmp_path / "S9" / "Videos" / "Eating 1.60457274.mp4"), shades, 10.0)
    fields = people.protocol(frames(tmp_path, 1, 6, 11), str(tmp_path))
    # The third frame lies behind the end. The image of frame k, from 0, shows frame k + 1 of the video, as published.
    assert fields["imgname"] == [f"images/S9_Eating_1.60457274_00000{number}.jpg" for number in (1, 6)]
    for name, shade in zip(fields["imgname"], (20, 120)):
        assert abs(cv2.imread(str(tmp_path / name)).mean() - shade) < 4
    assert fields["scale"] == [50 / 200] * 2 and fields["center"][0].tolist() == [25, 45]
    for joint, place in zip(H36M_FROM, H36M_TO_24):
        assert fields["S"][0][place].tolist() == [joint - 11, 0, 0, 1]
    assert fields["S"][0][:, 3].sum() == 17
    # What is there is not extracted again.
    (tmp_path / "S9" / "Videos" / "Eating 1.60457274.mp4").unlink()
    assert len(people.protocol(frames(tmp_path, 1, 6), str(tmp_path))["imgname"]) == 2
    with pytest.raises(UserError, match="Eating 1.60457274.mp4"):
        people.protocol(frames(tmp_path, 1, 11), str(tmp_path))


def test_a_broken_video_is_one_sentence(tmp_path):
    path = tmp_path / "S9" / "Videos" / "Eating 1.60457274.mp4"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no video")
    with pytest.raises(UserError, match="cannot be read as a video"):
        people.protocol(frames(tmp_path, 1), str(tmp_path))


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Sample data of UP-3D and LSP in the documented tree."""
    root = tmp_path_factory.mktemp("datasets")
    up3d_samples.make(Namespace(output_dir=str(root / "UP_3D"), seed=1, num=5, num_lsp=4, easy=False, crops=0))
    lsp_samples.make(Namespace(output_dir=str(root / "LSP"), seed=1, num=4))
    return root


def flags(tree, tmp_path):
    return ["--dataset_root", str(tree), "--dataset_npz_path", str(tmp_path)]


def test_a_set_without_its_side_file_stops_no_other(tree, tmp_path, capsys):
    (tmp_path / "MPII" / "images").mkdir(parents=True)
    argv = [*flags(tree, tmp_path), "--mpii_root", str(tmp_path / "MPII"), "--train_files", "--eval_files"]
    with pytest.raises(UserError, match="^mpii: there is no data/train.h5, .*MPII/train.h5, .*mpii_h5_path.*GraphCMR"
                                        ".*; the other sets that are there are prepared$"):
        preprocess.main(argv)
    assert sorted(os.listdir(tmp_path / "extras")) == ["lsp_dataset_original_train.npz", "lsp_dataset_test.npz",
                                                       "up_3d_lsp_test.npz", "up_3d_trainval.npz"]
    assert "warning: mpii is left out: there is no data/train.h5" in capsys.readouterr().out


def test_what_is_there_is_prepared_and_the_rest_is_named(tree, tmp_path, capsys):
    preprocess.main(["--train_files", "--eval_files", *flags(tree, tmp_path)])
    said = capsys.readouterr().out
    assert sorted(os.listdir(tmp_path / "extras")) == ["lsp_dataset_original_train.npz", "lsp_dataset_test.npz",
                                                       "up_3d_lsp_test.npz", "up_3d_trainval.npz"]
    for name, source in (("mpii", "mpi-inf"), ("coco", "cocodataset.org"), ("h36m-p1", "human3.6m"),
                         ("3dpw", "3DPW_test.json")):
        line = next(line for line in said.splitlines() if line.startswith(f"warning: {name} is left out"))
        assert source in line
    trainval = read_annotations(str(tmp_path / "extras" / "up_3d_trainval.npz"), ("part", "pose", "shape"))
    assert len(trainval["imgname"]) == 4 and (tree / "UP_3D" / "up-3d" / trainval["imgname"][0]).is_file()
    test = read_annotations(str(tmp_path / "extras" / "lsp_dataset_test.npz"), ("maskname", "partname"))
    assert test["maskname"].tolist() == [f"data/lsp/im000{number}_segmentation.png" for number in (3, 4)]


@pytest.mark.parametrize("argv, words", [
    ([], ["--train_files", "--eval_files"]),
    (["--train_files", "--only", "lsp"], ["--only lsp", "lsp-orig"]),
    (["--train_files", "--only", "mpii"], ["no data of mpii"]),
    (["--train_files", "--dataset_root", "/nowhere"], ["no data of up-3d, lsp-orig, mpii, coco, h36m"]),
    (["--eval_files", "--only", "up-3d", "--names_up_lsp_path", "/nowhere.txt"], ["/nowhere.txt", "github.com"]),
    (["--eval_files", "--only", "lsp", "--upi_s1h_root", "/nowhere"], ["im0003_segmentation.png", "upi-s1h.zip"])])
def test_bad_input_is_one_sentence(argv, words, tree, tmp_path):
    given = flags(tree, tmp_path)
    for flag, value in zip(given[0::2], given[1::2]):
        argv = argv if flag in argv else [*argv, flag, value]
    with pytest.raises(UserError) as error:
        preprocess.main(argv)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert "\n" not in str(error.value)
