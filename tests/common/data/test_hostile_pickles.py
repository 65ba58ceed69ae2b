"""Pickles and npz files made to do harm: each step of the known ways to run code by itself, and mutations."""
import io
import json
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from common.body_models.unpickle import as_array, as_sparse
from common.data import pickled_values
from common.data.pickled_values import Stored
from common.data.restricted_pickle import load_npy, load_npz, load_pickle
from common.errors import UserError

MUTATIONS = Path(__file__).parents[2] / "support" / "pickle_mutations.py"


def text(value):
    return b"\x8c" + bytes([len(value)]) + value.encode()


def name(module, attribute):
    return text(module) + text(attribute) + b"\x93"


def pickled(*parts):
    return b"\x80\x05" + b"".join(parts) + b"."


def load(*parts):
    return load_pickle(io.BytesIO(pickled(*parts)), "some.pkl")


def dtype_of(code, state=b""):
    return name("numpy", "dtype") + b"(" + text(code) + b"\x89\x88tR" + state


def dtype_state(order="|", fields=b"NNN", size=b"J\xff\xff\xff\xff", flags=0):
    return b"(K\x03" + text(order) + fields + size + b"J\xff\xff\xff\xffK" + bytes([flags]) + b"tb"


RECONSTRUCT = name("numpy.core.multiarray", "_reconstruct") + b"(" + name("numpy", "ndarray") + b"K\x00\x85C\x01btR"
FROM_BUFFER, SCALAR = name("numpy.core.numeric", "_frombuffer"), name("numpy.core.multiarray", "scalar")
OBJECTS = dtype_of("O8", dtype_state(flags=63))
NO_OBJECTS = dtype_of("O8", dtype_state(flags=0))
FLOATS = dtype_of("f8", dtype_state("<"))
EIGHT = b"C\x08AAAAAAAA"
ONE = b"K\x01\x85"
NESTED = b"N" + b"\x85" * 200_000


def array(shape, dtype, data, fortran=b"\x89"):
    return RECONSTRUCT + b"(K\x01" + shape + dtype + fortran + data + b"tb"


@pytest.mark.parametrize("content", [
    # Pointers from bytes: a view of an object array's memory, and a number "of type object".
    FROM_BUFFER + b"(" + EIGHT + OBJECTS + ONE + text("C") + b"tR",
    FROM_BUFFER + b"(" + array(ONE, OBJECTS, b"]Na") + dtype_of("u8") + ONE + text("C") + b"tR",
    SCALAR + OBJECTS + EIGHT + b"\x86R", SCALAR + NO_OBJECTS + EIGHT + b"\x86R",
    array(ONE, OBJECTS, EIGHT), array(ONE, NO_OBJECTS, EIGHT), array(ONE, OBJECTS, b"}"),
    # A state for what has one already, or for what is no record.
    array(ONE, FLOATS, EIGHT) + b"(K\x01" + ONE + OBJECTS + b"\x89" + EIGHT + b"tb",
    FLOATS + dtype_state("<"), b"\x96" + struct.pack("<Q", 4) + b"AAAA" + b"}b",
    b"]}b", b"}}b", b")}b", text("a") + b"}b",
    name("numpy", "dtype") + b"}" + text("type") + b"Nsb", SCALAR + b"}" + text("__code__") + b"Nsb",
    name("_codecs", "encode") + b"}" + text("__name__") + text("x") + b"sb", name("builtins", "set") + b"N}\x86b",
    # Names that only stand as arguments, called.
    name("numpy", "ndarray") + b"K\x00\x85" + text("f8") + b"\x86R", name("numpy", "ndarray") + ONE + b"\x81",
    name("builtins", "list") + b"]\x85R", name("builtins", "dict") + b")R", name("builtins", "object") + b")\x81",
    name("copyreg", "_reconstructor") + name("builtins", "dict") + name("builtins", "object") + b"N\x87R",
    name("numpy.core.multiarray", "_reconstruct") + name("builtins", "bytearray") + b"K\x00\x85C\x01b\x87R",
    # Fields that lie beyond their record, parts of parts.
    dtype_of("V8", dtype_state("|", b"N" + text("a") + b"\x85}" + text("a") + FLOATS + b"M\x00\x10\x86s", b"K\x08")),
    array(ONE, dtype_of("V8"), EIGHT), array(ONE, dtype_of("f8", dtype_state("<", FLOATS + ONE + b"\x86NN")), EIGHT),
    dtype_of("U2", dtype_state("<", size=b"K\x40")), dtype_of("f8,f8"), dtype_of("i3"), dtype_of("M8"),
    # Shapes that contradict the bytes.
    array(b"K\x02\x85", FLOATS, EIGHT), array(b"J\xff\xff\xff\xff\x85", FLOATS, EIGHT),
    array(b"G" + b"\x7f" * 8 + b"\x85", FLOATS, EIGHT),
    array(b"K\x00J\xff\xff\xff\x7f\x86", FLOATS, b"C\x00"), array(b"\x8a\x05\0\0\0\0\x01" * 2 + b"\x86", FLOATS, EIGHT),
    array(b"(" + b"K\x01" * 33 + b"t", FLOATS, EIGHT), array(b"\x88\x85", FLOATS, EIGHT),
    array(b"J\xff\xff\xff\x7f\x85", dtype_of("S0"), b"C\x00"), array(b"K\x02\x85", OBJECTS, b"]"),
    # Values that do not exist.
    array(ONE, dtype_of("U1", dtype_state("<")), b"C\x04\xff\xff\xff\xff"), array(ONE, dtype_of("b1"), b"C\x01\x02"),
    array(ONE, dtype_of("U1", dtype_state("<")), b"C\x04\x00\xd8\x00\x00"), b"X\x03\0\0\0\xed\xa0\x80", b"V\\ud800\n",
    # Keys that cannot be hashed without harm.
    b"}" + NESTED + b"Ns", b"\x8f(" + NESTED + b"\x90", b"(" + NESTED + b"\x91", b"}]Ns", b"}(NN\x91Ns",
    name("builtins", "set") + b"](" + NESTED + b"e\x85R",
    # Objects in themselves, nested, or many where few are stored.
    b"]\x94h\x00a", b"}\x94" + text("a") + b"h\x00s", b"]" * 150 + b"a" * 149, b"(" * 2000, NESTED,
    # Lengths beyond the file, numbers of any size.
    b"\x8d" + b"\xff" * 8, b"\x8e" + b"\xff" * 8, b"\x96" + b"\xff" * 7 + b"\x7f",
    b"B\xff\xff\xff\xff", b"X\xff\xff\xff\xff",
    b"T\xff\xff\xff\xff", b"\x8b\xff\xff\xff\x7f", b"\x8b\xff\xff\xff\xff", b"\x8a\xff" + b"\x7f" * 255,
    b"L" + b"9" * 5000 + b"L\n", b"I" + b"9" * 5000 + b"\n", b"F" + b"9" * 50_000 + b"\n", b"h\x07", b"p-1\n", b"",
    # Opcodes of no data file.
    b"(i__main__\nx\n", b"(" + name("builtins", "set") + b"o", b"\x82\x01", b"\x83\x01\x00", b"\x84\x01\x00\x00\x00",
    b"Pa\n", b"NQ", b"\x97", EIGHT + b"\x98", name("builtins", "set") + b")}" + text("a") + b"Ns\x92",
    b"\x80\x09N", b"\xff",
    b"NNN\x87" + b"R", b"NNR", b"]K\x01K\x02s", b"K\x01K\x02a", b"t", b"e", b"0" * 3,
])
def test_each_step_is_refused_by_itself(content):
    with pytest.raises(UserError) as error:
        load(content)
    assert str(error.value).startswith("some.pkl is not a readable pickle (") and "\n" not in str(error.value)
    assert len(str(error.value)) < 300


def test_the_pieces_of_the_tests_above_load_when_they_are_right():
    """Otherwise the tests would pass for another reason than the one they name."""
    np.testing.assert_array_equal(load(array(ONE, FLOATS, EIGHT)), np.frombuffer(b"AAAAAAAA", np.float64))
    np.testing.assert_array_equal(load(array(ONE, dtype_of("U1", dtype_state("<")), b"C\x04a\0\0\0")), np.array(["a"]))
    assert load(array(ONE, OBJECTS, b"]" + text("x") + b"a")).tolist() == ["x"]
    assert load(FROM_BUFFER + b"(" + EIGHT + FLOATS + ONE + text("C") + b"tR").shape == (1,)
    assert load(SCALAR + FLOATS + EIGHT + b"\x86R") == np.frombuffer(b"AAAAAAAA", np.float64)[0]
    assert load(b"]" * 90 + b"a" * 89) and load(b"Nr\xff\xff\xff\xff") is None
    assert load(name("builtins", "set") + b"](K\x01K\x02e\x85R") == {1, 2}
    assert load(b"\x8a\x08" + b"\xff" * 7 + b"\x7f") == 2**63 - 1


def test_what_a_name_becomes_cannot_be_called_or_changed():
    inert = load(name("numpy", "dtype"))
    assert not callable(inert) and not hasattr(inert, "__dict__") and not hasattr(type(inert), "__setstate__")


def test_few_bytes_cannot_stand_for_many_numbers():
    """Ten references to a list of ten references, nine times: 10^10 numbers in 400 bytes."""
    content = b"]\x94(" + b"N" * 10 + b"e"
    for level in range(9):
        content += b"]\x94(" + (b"h" + bytes([level])) * 10 + b"e"
    with pytest.raises(UserError, match="written out, it would take more than"):
        load(content)
    assert len(load(content[:content.index(b"]\x94(h\x03")])) == 10


def test_shared_objects_stay_shared():
    rows = [1.0, 2.0]
    values = np.arange(4.0)
    again = load_pickle(io.BytesIO(pickle.dumps({"a": [rows, rows], "b": values, "c": (values,)})), "some.pkl")
    assert again["a"][0] is again["a"][1] and again["b"] is again["c"][0]


def test_tuples_as_keys_are_few_and_flat():
    assert load_pickle(io.BytesIO(pickle.dumps({(1, "a"): 2})), "some.pkl") == {(1, "a"): 2}
    for keys in ([((1,), 2)], [tuple(range(17))], [(number, 0) for number in range(5001)]):
        with pytest.raises(UserError, match="key"):
            load_pickle(io.BytesIO(pickle.dumps(dict.fromkeys(keys))), "some.pkl")


def test_names_are_shown_without_control_characters():
    with pytest.raises(UserError) as error:
        load(name("os\n\x1b[2J", "system"))
    assert "asks for os??[2J.system" in str(error.value)


def test_arrays_can_be_written_to_and_keep_their_order():
    value = {"f": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "big": np.arange(3, dtype=">i4"),
             "e": np.zeros((0, 3)),
             "long": np.arange(100_000), "bytes": b"\xff" * 100_000}
    for protocol in range(6):
        again = load_pickle(io.BytesIO(pickle.dumps(value, protocol)), "some.pkl")
        for key in ("f", "big", "e", "long"):
            np.testing.assert_array_equal(again[key], value[key])
            assert again[key].dtype == value[key].dtype and again[key].flags.writeable and again[key].flags.aligned
        assert again["f"].flags.f_contiguous and again["bytes"] == value["bytes"]


def test_random_mutations_of_good_pickles():
    """In a child process, where a signal would be seen: every file is refused in a sentence, or plain data come out."""
    done = subprocess.run([sys.executable, MUTATIONS, "700"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    counts = json.loads(done.stdout.splitlines()[-1])
    assert sum(counts.values()) == 700 and counts["refused"] > 100 and counts["loaded"] > 20, counts


def stored_matrix(**state):
    return Stored("scipy.sparse.csc.csc_matrix", state)


GOOD = {"_shape": (2, 3), "data": np.ones(2), "indices": np.array([0, 1]), "indptr": np.array([0, 1, 2, 2])}


@pytest.mark.parametrize("change", [
    {"_shape": (float("inf"), 2)}, {"_shape": (2,)}, {"_shape": "ab"}, {"_shape": (-1, 3)}, {"_shape": (2**40, 3)},
    {"_shape": None}, {"data": None}, {"data": np.array(["a", "b"])}, {"data": np.ones((2, 1))}, {"data": [1.0, 2.0]},
    {"indices": np.array([0, 7])}, {"indices": np.array([0, -1])}, {"indices": np.array([0.0, 1.0])},
    {"indptr": np.array([0, 9, 2, 2])}, {"indptr": np.array([0, 1])}, {"indptr": np.array([0, 2**62, 0, 2])},
])
def test_sparse_matrices_are_checked_before_they_are_made(change):
    assert as_sparse(stored_matrix(**GOOD), "a.pkl: J").toarray().tolist() == [[1, 0, 0], [0, 1, 0]]
    with pytest.raises(UserError, match="a.pkl: J is a damaged sparse matrix"):
        as_sparse(stored_matrix(**{**GOOD, **change}), "a.pkl: J")


def test_sparse_matrices_that_would_fill_the_memory():
    for size in (50_000, 1 << 20):
        matrix = Stored("scipy.sparse.coo.coo_matrix", {
            "_shape": (size, size), "data": np.ones(1), "row": np.array([0]), "col": np.array([1])})
        with pytest.raises(UserError, match=r"a.pkl: J is a sparse matrix of \(\d+, \d+\), which no body model has"):
            as_array(matrix, "a.pkl: J")
    for place in ("row", "col"):
        state = {"_shape": (2, 2), "data": np.ones(1), "row": np.array([0]), "col": np.array([1]), place: np.array([2])}
        with pytest.raises(UserError, match="an entry lies outside"):
            as_sparse(Stored("scipy.sparse.coo.coo_matrix", state), "a.pkl: J")


def test_chumpy_objects_without_state_or_inside_each_other():
    for origin in ("chumpy.ch.Ch", "chumpy.reordering.Select", "scipy.sparse.csc.csc_matrix"):
        with pytest.raises(UserError, match="a.pkl: v is a damaged"):
            as_array(Stored(origin, {}), "a.pkl: v")
    node = np.ones(3)
    for _ in range(11):
        node = Stored("chumpy.ch.Ch", {"x": node})
    with pytest.raises(UserError, match="inside more than 10 others"):
        as_array(node, "a.pkl: v")
    assert as_array(node.state["x"], "a.pkl: v").tolist() == [1, 1, 1]
    select = {"a": np.arange(6.0), "idxs": np.array([0, 5]), "preferred_shape": (2, 1)}
    assert as_array(Stored("chumpy.reordering.Select", select), "v").tolist() == [[0], [5]]
    for change in ({"idxs": np.array([6])}, {"preferred_shape": (3,)}, {"preferred_shape": 1.5},
                   {"idxs": np.array([0.5])}):
        with pytest.raises(UserError, match="damaged chumpy.reordering.Select"):
            as_array(Stored("chumpy.reordering.Select", {**select, **change}), "v")


def npy(descr="<f8", shape="(1,)", data=EIGHT[2:], fortran="False", version=1):
    header = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    width = "<H" if version == 1 else "<I"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack(width, len(header)) + header + data


@pytest.mark.parametrize("content", [
    npy(shape="(-1,)"), npy(shape="(10000000000000,)"), npy(shape="(0, 99999999999)", data=b""), npy(shape="1"),
    npy(shape="(1.0,)"),
    npy(shape="(2,)"), npy(shape="((1,),)"), npy(shape="(" + "1," * 33 + ")"), npy(shape="(" + "9" * 30 + ",)"),
    npy(descr="|V8"), npy(descr="f8,f8"), npy(descr="__import__('os')"), npy(fortran="1"), npy(fortran="__import__"),
    npy(descr="<U2", data=b"\xff" * 8), npy(descr="|b1", data=b"\x07"), npy(version=4), npy()[:40], npy()[:9], b"",
    b"\x93NUMPY", b"\x93NUMPY\x01\0\xff\xff" + b"(" * 65535, b"\x93NUMPY\x02\0\xff\xff\xff\xff{}",
    npy().replace(b"'descr'", b"'shape'"),
])
def test_npy_headers_are_matched_not_evaluated(content, tmp_path):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.npy is not a readable npy file"):
        load_npy(tmp_path / "a.npy")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", content)
    with pytest.raises(UserError, match=r"a\.npz is not a readable npz file"):
        load_npz(tmp_path / "a.npz")


@pytest.mark.parametrize("value", [
    np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3)), np.array(3), np.array(["a", "bc"]),
    np.zeros((0, 4), np.uint8), np.array([True, False]), np.arange(3, dtype=">i2"), np.array([b"a"]),
    np.ones(2, np.complex64)])
def test_npy_files_of_numpy_are_read(value, tmp_path):
    np.save(tmp_path / "a.npy", value)
    np.savez_compressed(tmp_path / "a.npz", x=value)
    for again in (load_npy(tmp_path / "a.npy"), load_npz(tmp_path / "a.npz")["x"]):
        np.testing.assert_array_equal(again, value)
        assert again.dtype == value.dtype and again.flags.writeable
        assert again.flags.f_contiguous == value.flags.f_contiguous


def test_npy_of_objects_and_no_file(tmp_path):
    np.save(tmp_path / "a.npy", np.array([None], object))
    with pytest.raises(UserError, match="a.npy holds Python objects"):
        load_npy(tmp_path / "a.npy")
    with pytest.raises(UserError, match="b.npy does not exist"):
        load_npy(tmp_path / "b.npy")
    for load_one in (load_npy, load_npz):
        with pytest.raises(UserError, match="is a folder"):
            load_one(tmp_path)


def test_archives_are_measured_before_they_are_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=np.zeros(1 << 17), y=np.zeros(3))
    assert load_npz(path)["x"].shape == (1 << 17,)
    monkeypatch.setattr("common.data.restricted_pickle._UNPACKED", 1 << 19)
    with pytest.raises(UserError, match=r"\d kB of it would become 1 MB"):
        load_npz(path)
    monkeypatch.undo()
    data = path.read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", npy())
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("x.npy", npy())
    with pytest.raises(UserError, match="two members have the same name"):
        load_npz(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", npy())
    with pytest.raises(UserError, match="compressed in a way that numpy does not use"):
        load_npz(path)
    size = struct.pack("<I", (1 << 20) + 128)
    assert data.count(size) == 2
    path.write_bytes(data.replace(size, struct.pack("<I", 500)))
    with pytest.raises(UserError, match="not a readable npz"):
        load_npz(path)


def test_members_overlap(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for letter in "abc":
            archive.writestr(f"{letter}.npy", npy(shape="(100,)", data=bytes(800)))
        for info in archive.infolist():
            info.header_offset = 0
            info.compress_size *= 2
    with pytest.raises(UserError, match="its members overlap"):
        load_npz(path)


def test_members_can_be_left_out(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(3), y=np.array({"a": 1}, object))
    assert set(load_npz(tmp_path / "a.npz", pickled=())) == {"x"}
    assert load_npz(tmp_path / "a.npz", pickled=("y",))["y"] == {"a": 1}


def test_files_for_macos_beside_the_members_are_left_out(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(3))
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("__MACOSX/._x.npy", b"\0\5\x16\7")
    assert set(load_npz(tmp_path / "a.npz")) == {"x"}


def test_depth_is_that_of_the_objects(monkeypatch):
    monkeypatch.setattr(pickled_values, "MAX_DEPTH", 3)
    assert load(b"]]]aa") == [[[]]]
    with pytest.raises(UserError, match="nested deeper than 3 levels"):
        load(b"]]]]]aaaa")
