"""HDF5 files: arrays of the file itself come back; links, parts of other files and impossible sizes do not."""
import h5py
import numpy as np
import pytest

from common.body_models.files import read_file
from common.data import hdf5_files
from common.data.hdf5_files import open_hdf5, read_dataset
from common.errors import UserError


def read(path, name):
    with open_hdf5(str(path)) as file:
        return read_dataset(file, name)


def test_arrays_texts_and_references(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["x"], file["bytes"], file["number"] = np.arange(6.0).reshape(2, 3), np.array([b"a", b"bc"]), 3
        file["texts"] = ["left", "right"] * 800
        file.create_dataset("packed", data=np.zeros(1000), compression="gzip")
        file["group/inner"] = [1, 2]
        file.create_dataset("places", data=[file["x"].ref], dtype=h5py.ref_dtype)
        file["empty"] = np.zeros((0, 3))
    assert read(path, "x").tolist() == [[0, 1, 2], [3, 4, 5]] and read(path, "number") == 3
    assert read(path, "bytes").tolist() == [b"a", b"bc"] and read(path, "texts").tolist() == [b"left", b"right"] * 800
    assert read(path, "packed").shape == (1000,) and read(path, "group/inner").tolist() == [1, 2]
    assert read(path, "empty").shape == (0, 3)
    with open_hdf5(str(path)) as file:
        assert read_dataset(file, read_dataset(file, "places")[0]).shape == (2, 3)
    assert set(read_file(str(path))) == {"x", "bytes", "number", "texts", "packed", "places", "empty"}


def make_hostile(path, other):
    with h5py.File(other, "w") as file:
        file["x"] = [1.0]
    with h5py.File(path, "w") as file:
        file["soft"], file["loop"] = h5py.SoftLink("/x"), h5py.SoftLink("/loop")
        file["external"] = h5py.ExternalLink(str(other), "/x")
        file.create_dataset("outside", (8,), "u1", external=[("/etc/hostname", 0, 8)])
        layout = h5py.VirtualLayout((1,), "f8")
        layout[:] = h5py.VirtualSource(str(other), "x", (1,))
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("huge", (1 << 40,), "f8", chunks=(1 << 10,))
        file.create_dataset("huge_rows", (0, 1 << 40), "f8", maxshape=(None, 1 << 40), chunks=(1, 1 << 10))
        file.create_dataset("null", dtype="f8", shape=None, data=h5py.Empty("f8"))
        file["records"] = np.zeros(2, [("a", "f8"), ("b", "i4")])
        file.create_dataset("lists", (2,), h5py.vlen_dtype(np.float64))
        file.create_group("group")


@pytest.mark.parametrize("name, words", [
    ("soft", "link to another place"), ("loop", "link"), ("external", "link"), ("outside", "lies in other files"),
    ("virtual", "lies in other files"), ("huge", "which its 0 bytes cannot be"), ("huge_rows", "cannot be"),
    ("null", "neither numbers nor text"), ("records", "neither"), ("lists", "neither"), ("group", "no array"),
    ("absent", "there is no absent"), ("group/absent", "there is no group/absent"), ("soft/x", "link"),
])
def test_what_is_not_read(name, words, tmp_path):
    make_hostile(tmp_path / "a.h5", tmp_path / "b.h5")
    with pytest.raises(UserError, match=f"a.h5 is not a readable HDF5 file .*{words}"):
        read(tmp_path / "a.h5", name)


def test_one_long_text_for_all(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["texts"] = ["x" * 1000] * 3000
    assert len(read(tmp_path / "a.h5", "texts")) == 3000
    monkeypatch.setattr(hdf5_files, "_UNPACKED", 1 << 20)
    with pytest.raises(UserError, match="texts of texts are longer than the file"):
        read(tmp_path / "a.h5", "texts")


def test_no_file_and_no_hdf5(tmp_path):
    with pytest.raises(UserError, match="a.h5 does not exist"):
        read(tmp_path / "a.h5", "x")
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500))
    with pytest.raises(UserError, match="a.h5 is not a readable HDF5 file"):
        read(tmp_path / "a.h5", "x")
