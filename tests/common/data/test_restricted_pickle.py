"""Restricted unpickling: data come back, code does not run."""
import io
import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest

from common.data.restricted_pickle import load_npz, load_pickle
from common.errors import UserError


def load(value, protocol=pickle.HIGHEST_PROTOCOL, **options):
    return load_pickle(io.BytesIO(pickle.dumps(value, protocol)), "some.pkl", **options)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_and_containers_come_back(protocol):
    value = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "f": np.asfortranarray(np.eye(3)), 3: [np.float64(2.5)],
             "s": {"x", "y"}, "b": b"\xff\x00", "u": np.array(["left", "right"]), "o": np.array([None, "t"], object),
             "i": np.arange(3, dtype=np.int16), "c": 1 + 2j}
    again = load(value, protocol)
    assert again.keys() == value.keys()
    for key in ("a", "f", "u", "o", "i"):
        np.testing.assert_array_equal(again[key], value[key])
        assert again[key].dtype == value[key].dtype
    assert (again[3], again["s"], again["b"], again["c"]) == ([2.5], {"x", "y"}, b"\xff\x00", 1 + 2j)


def test_names_of_numpy_2_are_known():
    content = pickle.dumps(np.arange(3.0), 2).replace(b"numpy.core.multiarray", b"numpy._core.multiarray")
    assert b"numpy._core" in content
    assert load_pickle(io.BytesIO(content), "some.pkl").tolist() == [0, 1, 2]


class Plain:
    """A class whose objects have attributes and nothing else."""


class Payload:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("function", [os.system, eval, getattr, __import__, pickle.loads])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_code_is_refused_by_name(function, protocol):
    with pytest.raises(UserError, match=rf"some.pkl asks for \w+\.{function.__name__}"):
        load({"fine": 1, "bad": Payload(function, "1")}, protocol)


def test_dotted_names_do_not_reach_through_allowed_ones():
    # Protocol 4: module `numpy`, name `ndarray.__class__`.
    content = b"\x80\x04\x8c\x05numpy\x8c\x11ndarray.__class__\x93."
    with pytest.raises(UserError, match="ndarray.__class__"):
        load_pickle(io.BytesIO(content), "some.pkl")


def test_bytes_of_protocol_2_use_one_encoding_only():
    content = pickle.dumps(b"\xff", 2)
    assert load_pickle(io.BytesIO(content), "some.pkl") == b"\xff"
    with pytest.raises(UserError, match="bytes are stored in an unknown way"):
        load_pickle(io.BytesIO(content.replace(b"latin1", b"base64")), "some.pkl")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_objects_of_other_classes_come_as_their_state(protocol):
    value = Plain()
    value.x = [1]
    with pytest.raises(UserError, match="some.pkl asks for"):
        load(value, protocol)
    stored = load(value, protocol, stored=(f"{Plain.__module__}.Plain",))
    assert stored.origin.endswith(".Plain") and stored.state == {"x": [1]}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_ordered_dictionary_is_a_dictionary(protocol):
    again = load(OrderedDict([("b", np.arange(2)), ("a", 1)]), protocol)
    assert list(again) == ["b", "a"] and again["b"].tolist() == [0, 1]


def test_damaged_pickles_are_named():
    content = pickle.dumps({"a": np.zeros(100)})
    for broken in (b"", b"garbage", content[:50]):
        with pytest.raises(UserError, match="some.pkl is not a readable pickle"):
            load_pickle(io.BytesIO(broken), "some.pkl")


def test_npz_with_pickled_and_plain_members(tmp_path):
    path = str(tmp_path / "a.npz")
    np.savez_compressed(path, plain=np.arange(3), table={"x": [np.zeros(2)]}, names=np.array(["a", 1], object))
    content = load_npz(path)
    assert content["plain"].tolist() == [0, 1, 2]
    assert content["table"]["x"][0].tolist() == [0, 0]
    assert content["names"].tolist() == ["a", 1]


def test_npz_failures_are_named(tmp_path):
    path = str(tmp_path / "a.npz")
    with pytest.raises(UserError, match="a.npz does not exist"):
        load_npz(path)
    np.savez(path, bad=np.array(Payload(os.system, "true"), object))
    with pytest.raises(UserError, match=r"a.npz \(bad.npy\) asks for \w+.system"):
        load_npz(path)
    np.savez_compressed(path, plain=np.arange(10000))
    with open(path, "r+b") as stream:
        stream.seek(200)
        stream.write(b"\0" * 50)
    with pytest.raises(UserError, match="not a readable npz"):
        load_npz(path)
    with open(path, "r+b") as stream:
        stream.truncate(300)
    with pytest.raises(UserError, match="not a readable npz"):
        load_npz(path)
