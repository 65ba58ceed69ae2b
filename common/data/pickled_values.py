"""From what `pickle_machine` found in a pickle to values: arrays, numpy scalars, bytes, sets, dictionaries.

Arrays are made here by code of ours, after the kind of their numbers, their shape and the length of their bytes have
been checked; an object that no array is made of (a scipy.sparse matrix, a chumpy array) stays a `Stored` with its
state. Sources: numpy `core/src/multiarray/descriptor.c` and `methods.c` (`__reduce__`, `__setstate__`), numpy
`core/numeric.py` (`_frombuffer`).
"""
import functools
import itertools
import re
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

import numpy as np

from common.data.pickle_machine import Block, DamagedData, Name, PickledObject

MAX_DEPTH = 100
MAX_AXES = 32
# Bytes that all parts may take when shared ones are written out: 100 bytes of a file can name 10^30 numbers.
UNFOLDED = 1 << 32
_ITEM = 64  # a number or an empty container, in bytes; it takes at least one byte of the file
# Arrays without a number may still have a long axis, which loops run along.
_LONGEST_EMPTY = 1 << 20

_LEAVES = {type(None), bool, int, float, complex, str, bytes, bytearray, slice, Name, Block}
_NUMBERS = re.compile(r"b1|[iu][1248]|f(?:2|4|8|16)|c(?:8|16|32)|O[48]?|[SU]\d{1,9}")
_KEYS = (type(None), bool, int, float, str, bytes, tuple, np.bool_, np.integer, np.floating, np.str_, np.bytes_)


class Stored:
    """An object whose class is not imported: `origin` is its name in the pickle, `state` its attributes (a dict)."""

    __slots__ = ("origin", "state")

    def __init__(self, origin: str, state: dict):
        self.origin, self.state = origin, state


def resolve(root: object, size: int, stored: Collection[str] = ()) -> object:
    """The value that the pickle's root stands for; an object that occurs in several places is still one object.

    Args:
        root: of `pickle_machine.run`.
        size (int): bytes of the pickle.
        stored (container of str): names whose objects come back as `Stored`.

    Raises:
        DamagedData: an array that cannot be, an object that is none of data, too deep, or endless.
    """
    limit = max(UNFOLDED, _ITEM * size)
    if type(root) in _LEAVES:
        return _leaf(root)
    # id -> object as read (kept, so that no other gets its id), value, bytes when written out
    values, path, todo = {}, set(), [root]
    while todo:
        item = todo[-1]
        if id(item) in values:
            todo.pop()
            continue
        parts = [part for part in _parts(item) if type(part) not in _LEAVES and id(part) not in values]
        if parts:
            if id(item) in path:
                raise DamagedData("an object contains itself")
            path.add(id(item))
            if len(path) > MAX_DEPTH:
                raise DamagedData(f"it is nested deeper than {MAX_DEPTH} levels")
            todo += parts
            continue
        weight = _ITEM + sum(_weight(part, values) for part in _parts(item))
        value = _value(item, values, stored)
        if isinstance(value, np.ndarray):
            weight = max(weight, value.nbytes)
        if weight > limit:
            raise DamagedData(f"written out, it would take more than {limit >> 20} MB")
        values[id(item)] = item, value, weight
        path.discard(id(item))
        todo.pop()
    return values[id(root)][1]


def _parts(item: object) -> Iterable:
    kind = type(item)
    if kind is dict:
        return itertools.chain(item, item.values())
    if kind is PickledObject:
        maker = _MAKERS.get(item.name)
        return (item.args, item.state, item.items) if maker is None else maker.parts(item)
    return item


def _weight(part: object, values: dict) -> int:
    kind = type(part)
    if kind is str:
        return _ITEM + 4 * len(part)
    if kind is bytes or kind is bytearray:
        return _ITEM + len(part)
    if kind is Block:
        return _ITEM + len(part.view)
    return _ITEM if kind in _LEAVES else values[id(part)][2]


def _leaf(part: object) -> object:
    """A value without parts. Bytes that no array took are data: Python 3's `bytes`, or Python 2's long text."""
    if type(part) is Block:
        return str(part.view, "latin1") if part.text else bytes(part.view)
    return part


def _value(item: object, values: dict, stored: Collection[str]) -> object:
    """The value of an object whose parts have theirs."""
    def of(part: object):
        return _leaf(part) if type(part) in _LEAVES else values[id(part)][1]

    kind = type(item)
    if kind is PickledObject:
        return _build(item, of, stored)
    if kind is list:
        item[:] = map(of, item)
        return item
    if kind is tuple:
        return tuple(map(of, item))
    if kind is dict:
        pairs = [(_key(of(key)), of(value)) for key, value in item.items()]
        item.clear()
        item.update(pairs)
        return item
    return kind(_key(of(part)) for part in item)  # set, frozenset


def _key(value: object) -> object:
    if not isinstance(value, _KEYS):
        raise DamagedData("a key is neither text nor a number")
    return value


def _build(record: PickledObject, of: Callable, stored: Collection[str]) -> object:
    """The object of one record; `of` gives the values of its parts."""
    name, maker = record.name, _MAKERS.get(record.name)
    if maker is not None:
        if (record.items is not None and not maker.items) or (record.state is not None and not maker.state):
            raise DamagedData(f"{name} has contents that it cannot have")
        if not maker.least <= len(record.args) <= maker.most:
            raise DamagedData(f"{name} is called with {len(record.args)} arguments")
        return maker.make(record, of)
    # The ways in which protocols 0 to 1 and 2 to 5 make an object of a class.
    first = record.args[0] if record.args else None
    origin = first.origin if name.endswith("._reconstructor") and type(first) is Name else name
    state = of(record.state)
    if origin not in stored or record.items is not None or not isinstance(state, dict | None):
        raise DamagedData(f"it calls {origin}")
    return Stored(origin, state or {})


def _dictionary(record: PickledObject, of: Callable) -> dict:
    """OrderedDict with a list of pairs (Python 2) or items (Python 3)."""
    target, pairs = {}, of(record.args[0]) if record.args else ()
    if type(pairs) not in (list, tuple):
        raise DamagedData("a dictionary is made of no pairs")
    for pair in pairs:
        if type(pair) not in (list, tuple) or len(pair) != 2:
            raise DamagedData("a dictionary is made of no pairs")
        target[_text_or_number(pair[0])] = pair[1]
    target.update(of(record.items) or {})
    return target


def _text_or_number(key: object) -> object:
    """A key that `pickle_machine` has not seen as one."""
    if type(_key(key)) is tuple:
        raise DamagedData("a key is neither text nor a number")
    return key


def _dtype(record: PickledObject, _of: Callable) -> np.dtype:
    """numpy.dtype(text, align, copy) with the state (version, order, None, None, None, size, alignment, flags)."""
    code, state = _ascii(record.args[0]), record.state
    if type(code) is not str:
        raise DamagedData("an array holds what are neither numbers nor text")
    if state is None:
        return _dtype_of(code, "=")
    if type(state) is not tuple or len(state) not in (8, 9) or any(part is not None for part in state[2:5]):
        raise DamagedData("an array has parts with names, which are not read")
    order = _ascii(state[1])
    if type(order) is not str or order not in "<>=|" or len(order) != 1:
        raise DamagedData("a byte order is unknown")
    dtype = _dtype_of(code, order)
    if dtype.kind in "SU" and state[5] not in (-1, dtype.itemsize):
        raise DamagedData("the length of a text contradicts itself")
    return dtype


def _ascii(text: str | bytes) -> str:
    return text.decode("latin1") if type(text) is bytes else text


@functools.lru_cache(256)
def _dtype_of(code: str, order: str) -> np.dtype:
    if not _NUMBERS.fullmatch(code):
        raise DamagedData("an array holds what are neither numbers nor text")
    return np.dtype(code).newbyteorder(order)


def make_array(data: bytes | bytearray | memoryview | np.ndarray, dtype: np.dtype, shape: tuple[int, ...],
               fortran: bool) -> np.ndarray:
    """An array of its own from bytes.

    Args:
        data (bytes-like): exactly the array's content; of an array of uint8 the memory is taken over.
        dtype (numpy.dtype): of kind b, i, u, f, c, S or U.
        shape (tuple): whole numbers.
        fortran (bool): whether the first axis changes fastest.

    Raises:
        DamagedData: the shape does not fit the bytes, or they are no values of the dtype.
    """
    size, kind = len(data), dtype.kind
    count = checked_count(shape, max(size, _LONGEST_EMPTY))
    if count * dtype.itemsize != size:
        raise DamagedData(f"an array of the shape {str(shape)[:100]} has {size} bytes instead of "
                          f"{count * dtype.itemsize}")
    if size == 0:
        return np.zeros(shape, dtype, "F" if fortran else "C")
    array = np.ndarray(shape, dtype, data, order="F" if fortran else "C")
    array = array if isinstance(data, np.ndarray) else array.copy("K")
    if kind == "b" and array.view(np.uint8).max() > 1:
        raise DamagedData("a truth value is neither 0 nor 1")
    if kind == "U":
        letters = np.frombuffer(data, np.dtype(np.uint32).newbyteorder(dtype.byteorder))
        if letters.max() > 0x10ffff or ((letters >= 0xd800) & (letters < 0xe000)).any():
            raise DamagedData("a text has letters that do not exist")
    return array


def checked_count(shape: object, longest: int) -> int:
    """Number of elements of a shape; DamagedData where it cannot be one, or an axis beside an empty one is too long."""
    if type(shape) is not tuple or len(shape) > MAX_AXES:
        raise DamagedData("an array has an impossible shape")
    count = filled = 1
    for size in shape:
        if type(size) is not int or size < 0:
            raise DamagedData("an array has an impossible shape")
        count *= size
        filled *= size or 1
    if filled > longest:
        raise DamagedData(f"an array of the shape {str(shape)[:100]} is larger than its file")
    return count


def _is_numpys(state: object) -> bool:
    return type(state) is tuple and len(state) in (4, 5)


def _ndarray(record: PickledObject, of: Callable) -> np.ndarray:
    """numpy's `_reconstruct(ndarray, (0,), b"b")` with the state (version, shape, dtype, fortran, data)."""
    args, state = record.args, record.state
    if type(args[0]) is not Name or args[0].origin != "numpy.ndarray" or not _is_numpys(state):
        raise DamagedData("an array is not stored as numpy stores it")
    shape, dtype, fortran, data = state[-4:]
    dtype = of(dtype)
    if not isinstance(dtype, np.dtype) or type(fortran) not in (bool, int):
        raise DamagedData("an array is not stored as numpy stores it")
    if dtype.kind == "O":
        return _object_array(of(data), shape, bool(fortran))
    return make_array(_raw(data, of), dtype, shape, bool(fortran))


def _raw(data: object, of: Callable) -> bytes | bytearray | memoryview:
    """Bytes, which Python 2 stored as its `str`."""
    kind = type(data)
    if kind is bytes or kind is bytearray:
        return data
    if kind is Block:
        return data.view
    data = of(data)
    if type(data) is str:
        return data.encode("latin1")
    if type(data) not in (bytes, bytearray):
        raise DamagedData("an array has no bytes")
    return data


def _object_array(data: object, shape: object, fortran: bool) -> np.ndarray:
    if type(data) is not list or checked_count(shape, max(8 * len(data), _LONGEST_EMPTY)) != len(data):
        raise DamagedData("an array of objects has another number of them")
    flat = np.empty(len(data), object)
    for index, item in enumerate(data):
        flat[index] = item
    return flat.reshape(shape, order="F" if fortran else "C")


def _from_buffer(record: PickledObject, of: Callable) -> np.ndarray:
    """numpy's `_frombuffer(buffer, dtype, shape, order)`, by which protocol 5 stores arrays."""
    buffer, dtype, shape, order = record.args
    dtype = of(dtype)
    if not isinstance(dtype, np.dtype) or dtype.kind == "O" or type(order) is not str or order not in ("C", "F"):
        raise DamagedData("an array is not stored as numpy stores it")
    return make_array(_raw(buffer, of), dtype, (shape,) if type(shape) is int else shape, order == "F")


def _scalar(record: PickledObject, of: Callable) -> object:
    dtype, data = of(record.args[0]), _raw(record.args[1], of)
    if not isinstance(dtype, np.dtype) or dtype.kind == "O":
        raise DamagedData("a number is not stored as numpy stores it")
    return make_array(data, dtype, (1,), False)[0] if dtype.itemsize else dtype.type()


def _encode(record: PickledObject, of: Callable) -> bytes:
    """`_codecs.encode`, by which Python 3 stores bytes in protocols 0 to 2, and bytearray of text."""
    text, encoding = of(record.args[0]), record.args[1] if len(record.args) > 1 else "latin1"
    if encoding not in ("latin1", "latin-1") or type(text) is not str:
        raise DamagedData("bytes are stored in an unknown way")
    return text.encode("latin1")


def _bytearray(record: PickledObject, of: Callable) -> bytearray:
    return bytearray(_encode(record, of) if len(record.args) == 2 else _bytes(record, of))


def _bytes(record: PickledObject, of: Callable) -> bytes:
    return bytes(_raw(record.args[0], of)) if record.args else b""


def _complex(record: PickledObject, _of: Callable) -> complex:
    if any(type(part) not in (int, float) for part in record.args):
        raise DamagedData("a complex number has no parts")
    return complex(*record.args)


def _set(record: PickledObject, of: Callable) -> set | frozenset:
    items = of(record.args[0]) if record.args else ()
    if type(items) not in (list, tuple):
        raise DamagedData("a set is made of no items")
    return (set if record.name.endswith(".set") else frozenset)(_text_or_number(item) for item in items)


def _slice(record: PickledObject, _of: Callable) -> slice:
    if any(type(bound) not in (int, type(None)) for bound in record.args):
        raise DamagedData("a slice has bounds that are no whole numbers")
    return slice(*record.args)


class _Maker(NamedTuple):
    """How the objects of one name are made.

    make: (record, of) -> object; least, most: number of arguments; state, items: whether there may be some; parts:
    record -> what `make` asks `of` for.
    """
    make: Callable
    least: int
    most: int
    state: bool = False
    items: bool = False
    parts: Callable = lambda record: record.args


_BUILTINS = ("builtins", "__builtin__")
_NUMPY = ("numpy.core", "numpy._core")
_MAKERS = {
    "collections.OrderedDict": _Maker(_dictionary, 0, 1, True, True, lambda record: (*record.args, record.items)),
    "numpy.dtype": _Maker(_dtype, 1, 3, True, parts=lambda record: ()),
    "_codecs.encode": _Maker(_encode, 1, 2),
    **{f"{package}.multiarray._reconstruct": _Maker(
        _ndarray, 3, 3, True, parts=lambda record: record.state[-3::2] if _is_numpys(record.state) else ())
       for package in _NUMPY},
    **{f"{package}.multiarray.scalar": _Maker(_scalar, 2, 2) for package in _NUMPY},
    **{f"{package}.numeric._frombuffer": _Maker(_from_buffer, 4, 4, parts=lambda record: record.args[:2])
       for package in _NUMPY},
    **{f"{module}.{name}": maker for module in _BUILTINS for name, maker in {
        "bytearray": _Maker(_bytearray, 0, 2), "bytes": _Maker(_bytes, 0, 1), "complex": _Maker(_complex, 2, 2),
        "set": _Maker(_set, 0, 1), "frozenset": _Maker(_set, 0, 1), "slice": _Maker(_slice, 3, 3)}.items()}}
# Names that a data file may hold: what is built here, and what only stands as an argument.
NAMES = frozenset((
    *_MAKERS, "numpy.ndarray", "copy_reg._reconstructor", "copyreg._reconstructor",
    *(f"{module}.{name}" for module in _BUILTINS
      for name in ("bool", "dict", "float", "int", "list", "object", "str", "tuple"))))
