"""The catalogue of data sets: places, spellings, readers that exist, and the table of the documentation."""
import importlib
import inspect
import pathlib

import pytest

from common.data import catalogue
from common.data.catalogue import CATALOGUE, by_name, choose, table
from common.errors import UserError
from common.stand_ins.datasets import registry

ROOT = pathlib.Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.name)
def test_every_row_has_a_reader_and_sample_data_that_exist(row):
    module, _, function = row.reader.partition(":")
    reader = getattr(importlib.import_module(f"common.data.readers.{module}"), function)
    # A folder alone is enough: the training split is the default.
    required = [value for value in inspect.signature(reader).parameters.values() if value.default is value.empty]
    assert len(required) == 1
    assert not row.sample or registry.find(row.sample).make
    assert row.folders and row.called(row.name) and row.source


def test_no_two_rows_have_one_name():
    assert len(by_name(*CATALOGUE)) == len(CATALOGUE)


def test_the_first_folder_that_exists_counts(tmp_path):
    root = str(tmp_path)
    assert catalogue.COCO.find(root) is None
    with pytest.raises(UserError, match=r"--data_path .* holds none of coco2017, coco, coco2014.*cocodataset.org"):
        catalogue.COCO.folder(root, "data_path")
    for name in ("coco2014", "coco2017"):
        (tmp_path / name).mkdir()
        assert catalogue.COCO.folder(root, "data_path") == str(tmp_path / name)
    (tmp_path / "UP_3D" / "up-3d").mkdir(parents=True)
    assert catalogue.UP_3D.find(root) == str(tmp_path / "UP_3D" / "up-3d")


@pytest.mark.parametrize("given, name", [
    ("lsp-ext", "lsp_ext"), ("LSP_EXD", "lsp_ext"), ("Human3.6", "hum3.6m"), ("h36m", "hum3.6m"), ("up3d", "up-3d"),
    ("mpii_3d", "mpi-inf-3dhp"), ("MPI_INF_3DHP", "mpi-inf-3dhp"), ("mpii", "mpii"), ("ai_challenger", "ai-ch")])
def test_spellings(given, name):
    sets = by_name(catalogue.LSP, catalogue.LSP_EXTENDED, catalogue.MPII, catalogue.AI_CHALLENGER,
                   catalogue.MPI_INF_3DHP, catalogue.HUMAN36M, catalogue.UP_3D)
    assert choose(given, sets, "train_3d_set") == name


def test_a_name_goes_before_a_spelling_and_an_unknown_one_is_refused():
    protocols = {"human3.6m": catalogue.HUMAN36M, "h36m-p1": catalogue.HUMAN36M, "lsp": catalogue.LSP}
    assert choose("H36M-P1", protocols, "dataset") == "h36m-p1" and choose("h36m", protocols, "dataset") == "human3.6m"
    with pytest.raises(UserError, match="--dataset lspp: choose from human3.6m, h36m-p1, lsp$"):
        choose("lspp", protocols, "dataset")
    assert choose("coco", by_name(catalogue.COCO_WHOLEBODY, catalogue.MPII_FITS), "trainset_2d") == "COCOWB"


def test_the_table_of_the_documentation_is_this_one():
    text = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    assert table() in text, "write catalogue.table() into docs/datasets.md"
