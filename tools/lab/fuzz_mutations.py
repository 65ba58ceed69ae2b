"""Damaged and hostile versions of valid files: single bytes, and values where others are meant."""

import contextlib
import io
import json
import pickle
import re
import zipfile
from pathlib import Path

import h5py
import numpy as np
import scipy.io

from common.data.restricted_pickle import load_npz, load_pickle

# Values that take the place of what belongs somewhere in JSON, YAML and pickles.
VALUES = (
    None,
    True,
    -1,
    0,
    1,
    10**400,
    2**63,
    -(2**31),
    1e308,
    float("nan"),
    float("inf"),
    0.5,
    "",
    "x",
    "1",
    "nan",
    "../../x",
    "/etc/passwd",
    "a\nb",
    "\0",
    "\ud800",
    "$\\frac{$",
    "é" * 300,
    [],
    {},
    [[]],
    [[[[1]]]],
    [1],
    ["a"],
    {"a": 1},
    [None],
    [1, [2]],
    {"id": []},
    list(range(100)),
    [0] * 51,
    [1e9, -1e9, 2],
)
TOKENS = (
    b"nan",
    b"-1",
    b"1e999",
    b"9" * 5000,
    b"",
    b"[",
    b'"',
    b"\0",
    b"\xff",
    b"0x10",
    b"<",
    b"&a;",
    b"!!int",
    b"*a",
    b"- ",
    b": ",
    b"2020-13-45",
    b"\xef\xbb\xbf",
    b"[" * 3000,
    b"inf",
    b"../../x",
    b"%s",
    b"1_0",
    b"\n",
    b"''",
)
NUMBERS = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\xff" * 8, b"\xff" * 7 + b"\x7f")
PROTOCOLS = (2, 3, 4, 5)


def mutate_file(path, rng):
    """Rewrite the file at `path` with one to three mutations; `rng` is a random.Random."""
    path = Path(path)
    data = path.read_bytes()
    structured = STRUCTURED.get(path.suffix.lower())
    if structured and rng.random() < 0.7:
        # A change that the format cannot hold is none: whatever the writers of the formats raise then.
        with contextlib.suppress(Exception):
            path.write_bytes(structured(data, rng))
            return
    path.write_bytes(mutate_bytes(data, rng))


def mutate_bytes(data, rng):
    """One to three local changes of a byte string."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        place = _place(len(data), rng)
        length = rng.choice((1, 2, 4, 8, 64, 1024))
        kind = rng.randrange(9)
        if kind == 0 and data:
            data[min(place, len(data) - 1)] ^= 1 << rng.randrange(8)
        elif kind == 1 and data:
            data[min(place, len(data) - 1)] = rng.randrange(256)
        elif kind == 2:
            del data[place : place + length]
        elif kind == 3:
            del data[place:]
        elif kind == 4:
            data[place : place + length] = bytes(min(length, len(data) - place))
        elif kind == 5:
            data[place:place] = data[place : place + length]
        elif kind == 6:
            number = rng.choice(NUMBERS)
            data[place : place + len(number)] = number
        elif kind == 7:
            data[place:place] = bytes(rng.randrange(256) for _ in range(min(length, 8)))
        else:
            other = _place(len(data), rng)
            data[place : place + length] = data[other : other + length]
    return bytes(data)


def _place(length, rng):
    """Anywhere, but more often near the beginning and the end, where headers and tables are."""
    where = rng.random()
    if where < 0.4:
        return rng.randint(0, min(length, 256))
    if where < 0.6:
        return max(0, length - rng.randint(0, 256))
    return rng.randint(0, length)


def mutate_value(value, rng):
    """A copy of nested lists and dictionaries in which one or two values are exchanged, removed or repeated."""
    for _ in range(rng.randint(1, 2)):
        places = list(_places(value))
        if not places:
            return rng.choice(VALUES)
        holder, key = rng.choice(places)
        kind = rng.randrange(6)
        if kind == 0 and isinstance(holder, dict):
            del holder[key]
        elif kind == 0:
            holder.pop(key)
        elif kind == 1 and isinstance(holder, list):
            holder.insert(key, holder[key])
        elif kind == 1:
            holder[rng.choice(("", "x", "id", "a\nb", "9" * 50))] = holder.pop(key)
        elif kind == 2:
            for _ in range(rng.choice((1, 3, 70))):
                holder[key] = [holder[key]]
        elif kind == 3:
            other, place = rng.choice(places)
            holder[key] = json.loads(json.dumps(other[place]))
        else:
            holder[key] = rng.choice(VALUES)
    return value


def _places(value):
    """(container, key) of everything within; of long lists the first values only, so that rare members count."""
    entries = value.items() if isinstance(value, dict) else enumerate(value[:6]) if isinstance(value, list) else ()
    for key, item in list(entries):
        yield value, key
        yield from _places(item)


def mutate_array(array, rng):
    """An array of another kind, shape or content."""
    array = np.asarray(array)
    changes = (
        lambda: array[:0],
        lambda: array.reshape(-1),
        lambda: array[None],
        lambda: array[..., :1],
        lambda: array.astype(str),
        lambda: array.astype(np.complex64),
        lambda: array.astype(object),
        lambda: array.astype(np.float16),
        lambda: array.astype(np.int8),
        lambda: np.float64(3),
        lambda: np.full_like(array, -1),
        lambda: np.full(array.shape, np.nan),
        lambda: np.full(array.shape, 1e308),
        lambda: array.T,
        lambda: np.repeat(array[:1], 3, 0),
        lambda: np.array("text"),
        lambda: array.astype(bool),
        lambda: np.zeros(array.shape, "f4,i4"),
        lambda: np.zeros(array.shape, "M8[s]"),
        lambda: array[::-1],
        lambda: np.array([None, {"a": array}], object),
        lambda: array.astype(">f8"),
        lambda: array[0],
        lambda: np.full(array.shape, 2**62),
        lambda: np.array([rng.choice(VALUES)], object),
        lambda: np.full(array.shape, "../x\n\0"),
    )
    try:
        return rng.choice(changes)()
    except (ValueError, TypeError, IndexError):
        return np.zeros((0, 3))


def mutate_objects(value, rng):
    """As `mutate_value`, for what also holds arrays."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return mutate_array(value, rng)
    if isinstance(value, dict) and value:
        key = rng.choice(sorted(value, key=repr))
        kind = rng.randrange(5)
        if kind == 0:
            return {name: item for name, item in value.items() if name != key}
        if kind == 1:
            other = rng.choice((1, None, b"b", ("a", 1), "../x", "\ud800", 1.5))
            return {(other if name == key else name): item for name, item in value.items()}
        return {**value, key: rng.choice(VALUES) if kind == 2 else mutate_objects(value[key], rng)}
    if isinstance(value, list | tuple) and value:
        place = rng.randrange(len(value))
        return type(value)([*value[:place], mutate_objects(value[place], rng), *value[place + 1 :]])
    if isinstance(value, np.ndarray) and value.shape == ():
        return np.array(mutate_objects(value.item(), rng), object)
    return rng.choice(VALUES)


def _json(data, rng):
    return json.dumps(mutate_value(json.loads(data), rng)).encode("utf-8", "surrogatepass")


def _text(data, rng):
    words = re.split(rb"([\s,:;<>\[\]{}\"]+)", data)
    for _ in range(rng.randint(1, 3)):
        words[rng.randrange(len(words))] = rng.choice(TOKENS)
    return b"".join(words)


def _npz(data, rng):
    arrays = dict(load_npz(io.BytesIO(data)))
    name = rng.choice(sorted(arrays))
    if rng.random() < 0.5:
        arrays[name] = mutate_objects(arrays[name], rng)
    elif rng.random() < 0.5:
        del arrays[name]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for key, array in arrays.items():
            member = io.BytesIO()
            np.save(member, np.asanyarray(array), allow_pickle=True)
            content = member.getvalue()
            # Within an archive with right checksums the damage reaches the reader of arrays.
            archive.writestr(
                f"{key}.npy", mutate_bytes(content, rng) if key == name and rng.random() < 0.3 else content
            )
    return stream.getvalue()


def _npy(data, rng):
    if rng.random() < 0.5:
        return data[:10] + _text(data[10:128], rng).ljust(118) + data[128:]
    stream = io.BytesIO()
    np.save(stream, mutate_array(np.load(io.BytesIO(data)), rng), allow_pickle=True)
    return stream.getvalue()


def _pickle(data, rng):
    return pickle.dumps(mutate_objects(load_pickle(io.BytesIO(data), "a sample"), rng), rng.choice(PROTOCOLS))


def _h5(data, rng):
    stream = io.BytesIO(data)
    with h5py.File(stream, "r+") as file:
        name = rng.choice(sorted(file))
        item = file[name]
        array = item[()] if isinstance(item, h5py.Dataset) else np.zeros(3)
        del file[name]
        if rng.random() < 0.8:
            file[name] = mutate_array(array, rng)
        elif rng.random() < 0.5:
            file.create_group(name)
    return stream.getvalue()


def _mat(data, rng):
    content = {name: value for name, value in scipy.io.loadmat(io.BytesIO(data)).items() if not name.startswith("__")}
    name = rng.choice(sorted(content))
    content[name] = _struct(content[name], rng)
    stream = io.BytesIO()
    scipy.io.savemat(stream, content)
    return stream.getvalue()


def _struct(value, rng):
    """A Matlab variable with one field or cell exchanged, at any depth."""
    if value.dtype.names and value.size and rng.random() < 0.8:
        value, field = value.copy(), rng.choice(value.dtype.names)
        place = rng.randrange(value.size)
        inner = value.reshape(-1)[field][place]
        value.reshape(-1)[field][place] = _struct(inner, rng) if isinstance(inner, np.ndarray) else np.zeros((0, 0))
        return value
    if value.dtype == object and value.size and rng.random() < 0.8:
        value, place = value.copy(), rng.randrange(value.size)
        inner = value.reshape(-1)[place]
        value.reshape(-1)[place] = _struct(inner, rng) if isinstance(inner, np.ndarray) else np.zeros((0, 0))
        return value
    return mutate_array(value, rng)


def _checkpoint(data, rng):
    from mindspore.train.checkpoint_pb2 import Checkpoint

    content = Checkpoint()
    content.ParseFromString(data[: _message_length(data)])
    entry = rng.choice(content.value)
    kind = rng.randrange(6)
    if kind == 0:
        entry.tag = rng.choice(("", "x", "meta", "weights.", "optimizer.a", content.value[0].tag, "é" * 300))
    elif kind == 1:
        entry.tensor.dims[:] = rng.choice(([], [-1], [0], [2**40], [2**62, 4], [1] * 40, [*entry.tensor.dims, 2]))
    elif kind == 2:
        entry.tensor.tensor_type = rng.choice(("Float16", "Int8", "str", "", "Complex128", "Float64", "x", "BFloat16"))
    elif kind == 3:
        entry.tensor.tensor_content = mutate_bytes(entry.tensor.tensor_content, rng)
    elif kind == 4:
        content.value.add().CopyFrom(entry)
    else:
        content.value.remove(entry)
    # Without the checksum, which would hide the change: as files of other makers are.
    return content.SerializeToString()


def _message_length(data):
    """A checkpoint ends with `crc_num` and its digits behind the message, where there is a checksum."""
    place = data.rfind(b"crc_num")
    return place if place > len(data) - 64 and place >= 0 else len(data)


STRUCTURED = {
    ".json": _json,
    ".yaml": _text,
    ".xml": _text,
    ".txt": _text,
    ".calibration": _text,
    ".npz": _npz,
    ".npy": _npy,
    ".pkl": _pickle,
    ".h5": _h5,
    ".mat": _mat,
    ".ckpt": _checkpoint,
}
