"""Sample data: JSON written piece by piece, equal files for equal seeds, damaged annotations that are explained."""
import argparse
import hashlib
import json
import shutil

import numpy as np
import pytest

from common.data.readers.coco_wholebody import read_coco_wholebody
from common.data.readers.freihand import read_freihand
from common.data.readers.human36m import read_cdf_poses
from common.data.readers.human36m_images import read_human36m
from common.data.readers.threedpw import read_3dpw
from common.errors import UserError
from common.stand_ins.datasets import coco_wholebody, freihand, human36m_images, mosh, mpi_inf_3dhp, threedpw
from common.stand_ins.datasets.capture import image_side
from common.stand_ins.datasets.output import coco_file, json_object, save_cdf

MODULES = {
    "mosh": (mosh, 3, {"sequences": 1}), "mpi_inf_3dhp": (mpi_inf_3dhp, 1, {"size": 64}),
    "human36m_images": (human36m_images, 1, {"size": 64, "only": None}), "3dpw": (threedpw, 1, {"layout": "root"}),
    "coco_wholebody": (coco_wholebody, 2, {"crops": 0}), "freihand": (freihand, 2, {}),
}


def made(name, folder, seed=1):
    module, num, options = MODULES[name]
    module.make(argparse.Namespace(output_dir=str(folder), num=num, seed=seed, **options))
    return folder


def digests(folder):
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}


def test_nested_entries(tmp_path):
    path = tmp_path / "a.json"
    with json_object(path) as content:
        content.add(2, 1, 0, value=[1])
        content.add(2, 1, 5, value=np.float64(2.5))
        content.add(2, 2, 0, value={"x": None})
        content.add(3, 1, 0, value=np.arange(2))
        content.add("last", value=1)
    assert json.loads(path.read_text()) == {
        "2": {"1": {"0": [1], "5": 2.5}, "2": {"0": {"x": None}}}, "3": {"1": {"0": [0, 1]}}, "last": 1}
    with json_object(path):
        pass
    assert json.loads(path.read_text()) == {}


def test_lists_and_other_members(tmp_path):
    path = tmp_path / "a.json"
    with coco_file(path, categories=[1]) as lists:
        lists.add_image(id=1)
        lists.add_annotation(id=2, bbox=np.zeros(2))
        lists.add_annotation(id=3)
    assert json.loads(path.read_text()) == {
        "categories": [1], "images": [{"id": 1}], "annotations": [{"id": 2, "bbox": [0, 0]}, {"id": 3}]}


def test_a_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    for writer in (coco_file, json_object):
        with pytest.raises(KeyError), writer(path):
            raise KeyError
    assert path.read_text() == "old" and [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_cdf_reads_back(tmp_path):
    poses = np.random.default_rng(0).standard_normal((3, 32, 3)).astype(np.float32)
    save_cdf(tmp_path / "a.cdf", poses)
    assert (read_cdf_poses(str(tmp_path / "a.cdf")) == poses).all()


@pytest.mark.parametrize("text", ["0", "-5", "ten", "12.5"])
def test_sides_of_images(text):
    with pytest.raises(argparse.ArgumentTypeError, match="no number of pixels"):
        image_side(text)


@pytest.mark.parametrize("name", ["mosh", "mpi_inf_3dhp", "human36m_images", "freihand"])
def test_equal_seeds_give_equal_files(name, tmp_path):
    first, second = (digests(made(name, tmp_path / str(run))) for run in range(2))
    assert first == second


def test_other_seeds_give_other_images(tmp_path):
    first, other = (digests(made("freihand", tmp_path / str(seed), seed)) for seed in (1, 2))
    assert other.keys() == first.keys() and not {*first.values()} & {*other.values()}


READERS = {"human36m_images": (read_human36m,), "3dpw": (lambda folder: read_3dpw(folder, "train"),),
           "coco_wholebody": (read_coco_wholebody,), "freihand": (read_freihand,)}


@pytest.mark.parametrize("name", READERS)
def test_whatever_is_wrong_in_json_is_one_sentence(name, tmp_path, caplog):
    """Every JSON file, cut, emptied or of another form: a UserError that names a file, or what is left out or derived
    is said, or the file was optional."""
    whole, [read] = made(name, tmp_path / "whole"), READERS[name]
    assert read(whole)
    for path in sorted(whole.rglob("*.json")):
        if "eval" in path.name or "val_v1" in path.name or "validation" in path.name or "test" in path.name:
            continue
        copy = shutil.copytree(whole, tmp_path / "copy", copy_function=shutil.copyfile)
        broken = copy / path.relative_to(whole)
        text = path.read_text()
        for damage in (text[:len(text) // 2], "", "[]", "3", '{"images": [{}], "annotations": [{}]}',
                       text.replace('"id"', '"ID"'), text.replace('": [', '": ["x", '), text.replace("focal", "f0cal")):
            broken.write_text(damage)
            caplog.clear()
            try:
                read(copy)
            except UserError as error:
                assert ".json" in str(error) or "annotations has no frames" in str(error)
            else:
                assert damage == text or "NeuralAnnot" in path.name or "ID" in damage or "f0cal" in damage or \
                    "2 of 2 annotations have no bbox and " in caplog.text, damage[:80]
        shutil.rmtree(copy)
