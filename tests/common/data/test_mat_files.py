"""Matlab files: the same as scipy reads from good ones, one sentence for every other."""
import struct
import zlib

import numpy as np
import pytest
import scipy.io

from common.data import mat_files
from common.data.mat_files import Struct, read_mat
from common.errors import UserError


def cells(*items):
    array = np.empty((2, len(items) // 2), object)
    for index, item in enumerate(items):
        array[index % 2, index // 2] = item
    return array


VALUES = {
    "numbers": np.random.default_rng(0).random((3, 14, 5)), "counts": np.arange(5, dtype="u2"), "text": "abc",
    "rows": np.array(["aa", "bb"]), "empty": np.zeros((0, 3)), "nothing": "", "flags": np.array([True, False]),
    "cells": cells(np.ones((2, 2)), "tä", {"a": 1, "b": "x"}, np.zeros((0, 0)), cells(1, 2), np.float32(2)),
    "struct": {"a": [1, 2], "b": {"c": "text", "d": np.int8(3)}},
    "structs": np.array([[(1.5, "a"), (2.5, "b")]], dtype=[("x", object), ("name", object)])}


def write(path, values=VALUES, **options):
    scipy.io.savemat(path, values, **options)
    return str(path)


def same(scipys, ours):
    if hasattr(scipys, "_fieldnames"):
        assert isinstance(ours, Struct) and set(scipys._fieldnames) == set(vars(ours))
        for name in scipys._fieldnames:
            same(getattr(scipys, name), getattr(ours, name))
        return
    assert scipys.shape == ours.shape and scipys.dtype == ours.dtype
    if scipys.dtype != object:
        np.testing.assert_array_equal(scipys, ours)
    for left, right in zip(scipys.ravel(), ours.ravel()) if scipys.dtype == object else ():
        same(left, right)


@pytest.mark.parametrize("compressed", [False, True])
def test_as_scipy_reads_them(compressed, tmp_path):
    path = write(tmp_path / "a.mat", do_compression=compressed)
    wanted = scipy.io.loadmat(path, squeeze_me=False, struct_as_record=False)
    found = read_mat(path, tuple(VALUES))
    assert set(found) == set(VALUES)
    for name in VALUES:
        same(wanted[name], found[name])
    assert set(read_mat(path, ("text",))) == {"text"}
    with pytest.raises(UserError, match="a.mat has no variable other, more; ask again"):
        read_mat(path, ("other", "text", "more"), "ask again")


def test_byte_order_of_other_machines(tmp_path):
    header = b"MATLAB 5.0".ljust(124) + struct.pack(">H", 0x0100) + b"MI"
    body = (struct.pack(">IIII", 6, 8, 6, 0) + struct.pack(">IIii", 5, 8, 1, 2) + struct.pack(">HH", 1, 1) + b"x\0\0\0"
            + struct.pack(">IIdd", 9, 16, 1.5, -2.0))
    (tmp_path / "a.mat").write_bytes(header + struct.pack(">II", 14, len(body)) + body)
    assert read_mat(str(tmp_path / "a.mat"), ("x",))["x"].tolist() == [[1.5, -2.0]]


ONE = struct.pack("<IId", 9, 8, 1.0)


def matrix(kind=6, dims=(1, 1), content=ONE, flags=0):
    body = struct.pack("<IIII", 6, 8, kind | flags, 0) + struct.pack("<II", 5, 4 * len(dims))
    body += struct.pack(f"<{len(dims)}i", *dims) + b"\0" * (-4 * len(dims) % 8) + struct.pack("<HH", 1, 1) + b"x\0\0\0"
    return struct.pack("<II", 14, len(body) + len(content)) + body + content


def nested(depth):
    content = matrix()
    for _ in range(depth):
        content = matrix(1, content=content)
    return content


def field(name, length=8):
    return struct.pack("<HHi", 5, 4, length) + struct.pack("<II", 1, 8) + name.ljust(8, b"\0")


PACKED = zlib.compress(matrix())


@pytest.mark.parametrize("content, words", [
    (matrix(dims=(2, 1)), "has 8 bytes"), (matrix(dims=(-1, -1)), "larger than its file"),
    (matrix(dims=(2**31 - 1, 2**31 - 1)), "larger than its file"),
    (matrix(dims=(0, 2**31 - 1), content=b""), "larger"),
    (matrix(dims=(1,)), "has no size"), (matrix(dims=(1,) * 33), "has no size"),
    (matrix(flags=0x800), "neither numbers"),
    (matrix(1, (1000, 1), b""), ""), (matrix(5), "neither numbers"), (matrix(16), "neither numbers"),
    (matrix(content=struct.pack("<IId", 8, 8, 1.0)), "has 8 bytes"),
    (matrix(content=struct.pack("<II", 9, 800)), "cut off"),
    (nested(40), "nested deeper than 32"), (matrix(4, (1, 2), struct.pack("<II", 1, 1) + b"a" * 8), "has 1 letters"),
    (matrix(4, (1, 1), struct.pack("<II", 16, 1) + b"\xff" * 8), "utf-8"),
    (matrix(2, content=field(b"__class") + matrix()), "has no name"),
    (matrix(2, content=field(b"", 0)), "has no fields"),
    (matrix(2, content=field(b"a\0\0\0a", 4) + 2 * matrix()), "has no name"),
    (matrix() + matrix(), "x occurs twice"), (matrix()[:40], "cut off"), (struct.pack("<II", 1, 0), "no variable"),
    (struct.pack("<II", 15, len(PACKED) - 4) + PACKED[:-4], "cut off"),
    (struct.pack("<II", 15, 8) + b"x" * 8, "header"),
])
def test_contradictions(content, words, tmp_path):
    path = tmp_path / "a.mat"
    path.write_bytes(b"MATLAB 5.0".ljust(124) + struct.pack("<H", 0x0100) + b"IM" + content)
    with pytest.raises(UserError, match=f"a.mat is not a readable Matlab file .*{words}"):
        read_mat(str(path), ("x",))
    path.write_bytes(b"MATLAB 5.0".ljust(124) + struct.pack("<H", 0x0100) + b"IM" + matrix())
    assert read_mat(str(path), ("x",))["x"] == [[1.0]]


def test_what_unpacks_to_too_much(tmp_path, monkeypatch):
    path = write(tmp_path / "a.mat", {"x": np.zeros((1000, 1000))}, do_compression=True)
    monkeypatch.setattr(mat_files, "_UNPACKED", 1 << 20)
    with pytest.raises(UserError, match="unpacks to more"):
        read_mat(path, ("x",))


def test_other_formats(tmp_path):
    path = tmp_path / "a.mat"
    for content, words in ((b"MATLAB 7.3 MAT-file".ljust(200), "save it with -v7"), (b"", "does not begin"),
                           (b"\x00" * 300, "does not begin")):
        path.write_bytes(content)
        with pytest.raises(UserError, match=words):
            read_mat(str(path), ("x",))


@pytest.mark.parametrize("compressed", [False, True])
def test_changed_bytes(compressed, tmp_path):
    """scipy's reader ends the process at one in a hundred of these."""
    path = write(tmp_path / "a.mat", do_compression=compressed)
    good, rng, refused = (tmp_path / "a.mat").read_bytes(), np.random.default_rng(0), 0
    for _ in range(400):
        changed = bytearray(good)
        for place in rng.integers(128, len(good), rng.integers(1, 4)):
            changed[place] = rng.integers(256)
        (tmp_path / "a.mat").write_bytes(changed)
        try:
            read_mat(path, tuple(VALUES))
        except UserError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 100
