"""Loads mutations of good pickles and npz files and prints how many were refused and how many loaded.

    python pickle_mutations.py COUNT [SEED]

Anything but plain data or one sentence is an error that ends it with a traceback.
"""
import collections
import io
import json
import os
import pathlib
import pickle
import sys
import tempfile

import numpy as np
import scipy.sparse

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The script runs from anywhere, and reads with the project's own functions.
sys.path.insert(0, str(ROOT))

from common.body_models.unpickle import as_array, as_sparse, read_npz, read_pickle  # noqa: E402
from common.data.pickle_machine import Name  # noqa: E402
from common.data.pickled_values import Stored  # noqa: E402
from common.errors import UserError  # noqa: E402

PLAIN = (type(None), bool, int, float, complex, str, bytes, bytearray, np.generic, np.dtype, slice, Name)
OPCODES = b"().0]}abceghlqrstuRN\x80\x81\x85\x88\x8c\x93\x94\x95\x96"
ARRAY_KINDS = "biufcSUO"


def good_files():
    """Contents of valid files: each protocol, containers, arrays of each kind, sparse matrices, chumpy objects."""
    value = {"a": np.arange(6.0).reshape(2, 3), "b": [1, 2.5, None, "text", b"bytes", (1, {2})], "c": np.float32(3),
             "d": np.array(["left", "right"]), "e": np.array([None, {"x": np.ones(2, bool)}], object),
             "f": scipy.sparse.csc_matrix(np.eye(3)), "g": collections.OrderedDict(a=1), "h": np.arange(4, dtype=">u2")}
    files = [(".pkl", pickle.dumps(value, protocol)) for protocol in range(6)]
    files.append((".pkl", (ROOT / "tests/golden/python2_chumpy.pkl").read_bytes()))
    for save in (np.savez, np.savez_compressed):
        stream = io.BytesIO()
        save(stream, x=np.arange(9.0), y=value["e"], z=np.array({"p": {"q": [np.zeros((2, 3))]}}, object))
        files.append((".npz", stream.getvalue()))
    return files


def mutate(data, rng):
    """A copy with one to four changes: a byte or bit changed, a part cut out, doubled or zeroed, the end cut off."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        place, size = int(rng.integers(len(data))), int(rng.integers(1, 12))
        part = data[place:place + size]
        how = rng.integers(7)
        if how < 4:
            data[place] = (rng.integers(256), data[place] ^ 1 << rng.integers(8), rng.choice(list(OPCODES)), 0)[how]
        else:
            data[place:place + size] = (b"", part + part, bytes(len(part)))[how - 4]
        if rng.random() < 0.05:
            del data[max(20, place):]
        data = data or bytearray(b".")
    return bytes(data)


def check_plain(value):
    """Visit everything; AssertionError where something is no plain data."""
    if isinstance(value, dict):
        for key, item in value.items():
            assert isinstance(key, (*PLAIN, tuple)), type(key)
            check_plain(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            check_plain(item)
    elif isinstance(value, Stored):
        check_plain(value.state)
        for convert in (as_array, as_sparse):
            try:
                convert(value, "mutated")
            except UserError:
                pass
    elif isinstance(value, np.ndarray):
        assert value.dtype.kind in ARRAY_KINDS, value.dtype
        for item in value.reshape(-1).tolist():
            check_plain(item)
    else:
        assert isinstance(value, PLAIN), type(value)


def main(count, seed=0):
    rng = np.random.default_rng(seed)
    files, counts = good_files(), collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            ending, content = files[number % len(files)]
            path = os.path.join(folder, "mutated" + ending)
            with open(path, "wb") as stream:
                stream.write(mutate(content, rng))
            try:
                value = read_pickle(path) if ending == ".pkl" else read_npz(path, ("y", "z"))
            except UserError as error:
                assert "\n" not in str(error) and len(str(error)) < 500, error
                counts["refused"] += 1
                continue
            check_plain(value)
            counts["loaded"] += 1
    print(json.dumps(counts))


main(*map(int, sys.argv[1:]))
