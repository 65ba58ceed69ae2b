"""Matlab files of version 5 to 7 read in Python: matrices of numbers, text, cells and structs.

scipy's reader believes the sizes in a file: one changed byte in a hundred ends the process. Here each element is held
against the bytes that it lies in before anything is made of it.
Source: MathWorks, "MAT-File Format", level 5.
"""
import math
import re
import struct
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from common.data.pickle_machine import DamagedData
from common.errors import UserError, reason
from common.text_files import read_bytes

MAX_DEPTH, MAX_AXES = 32, 32
# As of npz files: deflate makes at most 1032 bytes of one.
_UNPACKED, _PER_BYTE = 1 << 30, 50
_HEADER, _COMPRESSED, _MATRIX = 128, 15, 14
_CELL, _STRUCT, _CHAR, _NUMBERS = 1, 2, 4, range(6, 16)
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXT = {1: "latin1", 2: "latin1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_FIELD = re.compile(rb"[A-Za-z]\w*")


class Struct:
    """One element of a Matlab struct; its fields are attributes. Names cannot begin with an underscore."""

    def __init__(self, fields: Mapping[str, object]):
        self.__dict__.update(fields)


def read_mat(path: str, names: Sequence[str], hint: str = "get the annotations again") -> dict[str, np.ndarray]:
    """Variables of a Matlab file.

    Args:
        names (sequence of str): the variables; others are not looked at.
        hint (str): what to do when the file cannot be used.

    Returns:
        dict: name -> array of at least two axes, in Matlab's order of axes and in the type of numbers that is stored;
        cells are arrays of objects, structs arrays of `Struct`, text an array of strings, one for each row.

    Raises:
        UserError: missing, another format, damaged, or without one of the variables.
    """
    data = read_bytes(path, hint=hint)
    try:
        if data[:10] == b"MATLAB 7.3" or data[:4] == b"\x89HDF":
            raise DamagedData("it is of version 7.3: save it with -v7")
        found = _variables(data, names)
    except MemoryError:
        raise UserError(f"{path} does not fit into the memory; end other programs") from None
    except (DamagedData, struct.error, zlib.error, UnicodeDecodeError, IndexError) as error:
        raise UserError(f"{path} is not a readable Matlab file ({reason(error)}); {hint}") from error
    missing = [name for name in names if name not in found]
    if missing:
        raise UserError(f"{path} has no variable {', '.join(missing)}; {hint}")
    return found


def _variables(data: bytes, names: Sequence[str]) -> dict[str, np.ndarray]:
    mark = data[_HEADER - 2:_HEADER]
    if mark not in (b"IM", b"MI") or data[124:126] not in (b"\x00\x01", b"\x01\x00"):
        raise DamagedData("it does not begin as those of version 5 to 7 do")
    order = "<" if mark == b"IM" else ">"
    found, place, left = {}, _HEADER, max(_UNPACKED, _PER_BYTE * len(data))
    while place + 8 <= len(data):
        kind, size = struct.unpack_from(order + "II", data, place)
        element = memoryview(data)[place:place + 8 + size]
        if len(element) < 8 + size:
            raise DamagedData("it is cut off")
        place += len(element)
        packed = element[8:] if kind == _COMPRESSED else None
        # The name stands at the beginning: what nobody asked for is not unpacked.
        name = _name_of(element if packed is None else memoryview(zlib.decompressobj().decompress(packed, 512)), order)
        if name not in names:
            continue
        if name in found:
            raise DamagedData(f"{name} occurs twice")
        if packed is not None:
            unpacking = zlib.decompressobj()
            element = memoryview(unpacking.decompress(packed, left + 1))
            left -= len(element)
            if left < 0:
                raise DamagedData("it unpacks to more than a file of annotations has")
            if not unpacking.eof:
                raise DamagedData("it is cut off")
        found[name] = _Reader(element, order).matrix(0)
    return found


def _name_of(view: memoryview, order: str) -> str:
    reader = _Reader(view, order)
    if reader.tag()[0] != _MATRIX:
        raise DamagedData("an element is no variable")
    reader.element()
    reader.element()
    return str(reader.element()[1], "latin1")


class _Reader:
    """The elements in some bytes, one after the other."""

    def __init__(self, view: memoryview, order: str):
        self.view, self.order, self.place = view, order, 0
        self.words, self.word, self.halves = (struct.Struct(order + form) for form in ("II", "I", "HH"))

    def tag(self) -> tuple[int, int]:
        """(type, bytes) of the element that begins here; stands behind it then."""
        kind, size = self.words.unpack_from(self.view, self.place)
        self.place += 8
        return kind, size

    def element(self) -> tuple[int, memoryview]:
        """(type, content) of the element that begins here."""
        word, = self.word.unpack_from(self.view, self.place)
        if word >> 16:  # a small one, in the tag itself
            size, kind, begin = word >> 16, word & 0xffff, self.place + 4
            if size > 4:
                raise DamagedData("an element has an impossible size")
            end = self.place + 8
        else:
            kind, size = self.tag()
            begin = self.place
            end = begin + size + -size % 8
        if begin + size > len(self.view):
            raise DamagedData("it is cut off")
        self.place = min(end, len(self.view))
        return kind, self.view[begin:begin + size]

    def matrix(self, depth: int) -> np.ndarray:
        """The array of the matrix element that begins here."""
        if depth > MAX_DEPTH:
            raise DamagedData(f"it is nested deeper than {MAX_DEPTH} levels")
        kind, content = self.element()
        if kind != _MATRIX:
            raise DamagedData("a part of it is no matrix")
        if not len(content):
            return np.zeros((0, 0))
        inner = _Reader(content, self.order)
        flags, dims = inner.element(), inner.element()
        if (flags[0], dims[0], len(flags[1]), len(dims[1]) % 4) != (6, 5, 8, 0) \
                or not 8 <= len(dims[1]) <= 4 * MAX_AXES:
            raise DamagedData("a matrix has no size")
        inner.element()  # the name
        word, = self.word.unpack_from(flags[1], 0)
        shape = struct.unpack(f"{self.order}{len(dims[1]) // 4}i", dims[1])
        # Each number, letter, cell or struct without fields takes at least one byte.
        if min(shape) < 0 or math.prod(max(size, 1) for size in shape) > max(len(content), 1 << 20):
            raise DamagedData(f"a matrix of the shape {shape} is larger than its file")
        kind, count = word & 0xff, math.prod(shape)
        if kind in _NUMBERS and not word & 0x800:
            return inner.numbers(shape, count)
        if kind == _CHAR:
            return inner.text(shape, count)
        if kind == _CELL:
            return _filled(shape, [inner.matrix(depth + 1) for _ in range(count)])
        if kind == _STRUCT:
            return inner.structs(shape, count, depth)
        raise DamagedData("a part of it is neither numbers, text, cells nor structs")

    def numbers(self, shape: tuple[int, ...], count: int) -> np.ndarray:
        kind, content = self.element()
        dtype = np.dtype(self.order + _STORED[kind]) if kind in _STORED else None
        if dtype is None or len(content) != count * dtype.itemsize:
            raise DamagedData(f"a matrix of the shape {shape} has {len(content)} bytes")
        array = np.frombuffer(content, dtype) if count else np.zeros(0, dtype)
        return array.astype(dtype.newbyteorder("=")).reshape(shape, order="F")

    def text(self, shape: tuple[int, ...], count: int) -> np.ndarray:
        kind, content = self.element() if count or self.place < len(self.view) else (2, b"")
        if kind not in _TEXT:
            raise DamagedData("a text has an unknown type")
        encoding = _TEXT[kind] + ({"<": "-le", ">": "-be"}[self.order] if kind in (4, 17, 18) else "")
        letters = str(bytes(content), encoding)
        if len(letters) != count or len(shape) != 2:
            raise DamagedData(f"a text of the shape {shape} has {len(letters)} letters")
        rows = [letters[row::shape[0]] for row in range(shape[0])] if count else []
        return np.array(rows, dtype=None if rows else "U1")

    def structs(self, shape: tuple[int, ...], count: int, depth: int) -> np.ndarray:
        kind, content = self.element()
        length = self.word.unpack_from(content, 0)[0] if kind == 5 and len(content) == 4 else 0
        names = self.element()[1]
        if not 0 < length <= 64 or len(names) % length:
            raise DamagedData("a struct has no fields")
        names = [bytes(names[start:start + length]).rstrip(b"\0") for start in range(0, len(names), length)]
        if len(set(names)) < len(names) or any(not _FIELD.fullmatch(name) for name in names):
            raise DamagedData("a field of a struct has no name")
        names = [name.decode() for name in names]
        return _filled(shape, [Struct({name: self.matrix(depth + 1) for name in names}) for _ in range(count)])


def _filled(shape: tuple[int, ...], items: list) -> np.ndarray:
    array = np.empty(len(items), object)
    for index, item in enumerate(items):
        array[index] = item
    return array.reshape(shape, order="F")
