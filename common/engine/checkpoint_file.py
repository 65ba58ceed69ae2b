"""The bytes of a MindSpore checkpoint: written as MindSpore writes them, read with every number checked.

A file is a row of protocol-buffer messages, one for each parameter or text, and at the end `crc_num` with the CRC-32 of
all before it (only when the writer asked for it). MindSpore's own reader believes the shapes that a file states, and a
negative one ends the process; here nothing is made before name, type, shape and length of an entry fit each other.
Source: mindspore `train/checkpoint.proto` and `train/serialization.py` (`_exec_save`, `_load_ckpt_into_param_dict`).

    message Checkpoint { message Value { required string tag = 1; optional TensorProto tensor = 2; }
                         repeated Value value = 1; }
    message TensorProto { repeated int64 dims = 1; required string tensor_type = 2; required bytes tensor_content = 3; }
"""
import binascii
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO

import numpy as np

_TYPES = {"Int8": np.int8, "UInt8": np.uint8, "Int16": np.int16, "UInt16": np.uint16, "Int32": np.int32,
          "UInt32": np.uint32, "Int64": np.int64, "UInt64": np.uint64, "Float16": np.float16, "Float32": np.float32,
          "Float64": np.float64, "Bool": np.bool_}
_NAMES = {np.dtype(dtype): name for name, dtype in _TYPES.items()}
_CHECKSUM, _CHECKSUM_BYTES = b"crc_num", 10
# Protocol buffers hold less than 2 GB; larger arrays are entries of the same name, one after the other.
_SLICE = 512 << 20
_MAX_NAME, _MAX_AXES, _MAX_SLICES = 1000, 32, 1000


class DamagedCheckpoint(ValueError):
    """The file is no checkpoint, or not all of one."""


def write_entries(stream: BinaryIO, entries: Iterable[tuple[str, np.ndarray | str]]) -> None:
    """Write a checkpoint with its checksum.

    Args:
        stream (binary file): where to.
        entries (iterable): (name, array or text).
    """
    checksum = 0

    def write(part: bytes | memoryview) -> None:
        nonlocal checksum
        checksum = binascii.crc32(part, checksum)
        stream.write(part)

    for name, value in entries:
        if isinstance(value, str):
            kind, dims, content = "str", [0], np.array([value]).tobytes()
        else:
            value = np.asarray(value)
            kind, dims = _NAMES[value.dtype.newbyteorder("=")], value.shape
            content = memoryview(np.ascontiguousarray(value, value.dtype.newbyteorder("="))).cast("B") \
                if value.size else b""
        for start in range(0, max(1, len(content)), _SLICE):
            part = content[start:start + _SLICE]
            # The content is written by itself: copying it into the messages around it would double the memory.
            head = b"".join(b"\x08" + _varint(size) for size in dims) + _field(2, kind.encode()) \
                + b"\x1a" + _varint(len(part))
            tag = _field(1, name.encode())
            value_size = len(tag) + 1 + len(_varint(len(head) + len(part))) + len(head) + len(part)
            write(b"\x0a" + _varint(value_size) + tag + b"\x12" + _varint(len(head) + len(part)) + head)
            write(part)
    stream.write(_CHECKSUM + checksum.to_bytes(_CHECKSUM_BYTES, "big"))


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7f:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    return bytes(out + bytes([number]))


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def parse_entries(data: bytes) -> tuple[dict[str, np.ndarray | str], bool]:
    """The content of a checkpoint.

    Args:
        data (bytes): the file.

    Returns:
        tuple: dict of name -> array of its own, or text; whether there is a checksum (it is right then).

    Raises:
        DamagedCheckpoint: not a checkpoint, cut off, changed, or an entry contradicts itself.
    """
    view = memoryview(data)
    tail = len(_CHECKSUM) + _CHECKSUM_BYTES
    has_checksum = bytes(view[-tail:-_CHECKSUM_BYTES]) == _CHECKSUM
    if has_checksum:
        wanted, view = int.from_bytes(view[-_CHECKSUM_BYTES:], "big"), view[:-tail]
        if binascii.crc32(view) != wanted:
            raise DamagedCheckpoint("its checksum is another one")
    entries, name, parts, size = {}, None, [], 0
    for number, value in _fields(view):
        if number != 1:
            raise DamagedCheckpoint("it holds what is no parameter")
        tag, dims, kind, content = _value(value)
        if not parts:
            if tag in entries:
                raise DamagedCheckpoint(f"{tag} occurs twice")
            name, shape, dtype = tag, dims, kind
        elif (tag, dims, kind) != (name, shape, dtype):
            raise DamagedCheckpoint(f"{name} is not complete")
        parts.append(content)
        size += len(content)
        array = _array(parts, size, shape, dtype, name)
        if array is not None:
            entries[name], parts, size = array, [], 0
        elif len(parts) > _MAX_SLICES:
            raise DamagedCheckpoint(f"{name} is cut into too many parts")
    if parts:
        raise DamagedCheckpoint(f"{name} is not complete")
    if not entries:
        raise DamagedCheckpoint("it holds nothing")
    return entries, has_checksum


def _fields(view: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """(number, content) of the fields of a message; all of those that occur here have a length or are numbers."""
    place = 0
    while place < len(view):
        key, place = _read_varint(view, place)
        if key & 7 == 2:
            size, place = _read_varint(view, place)
            if size > len(view) - place:
                raise DamagedCheckpoint("it is cut off")
            yield key >> 3, view[place:place + size]
            place += size
        elif key & 7 == 0:
            number, place = _read_varint(view, place)
            yield key >> 3, number
        else:
            raise DamagedCheckpoint("it holds what is no parameter")


def _read_varint(view: memoryview, place: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        if place >= len(view):
            raise DamagedCheckpoint("it is cut off")
        byte = view[place]
        place += 1
        number |= (byte & 0x7f) << shift
        if byte < 0x80:
            return number, place
    raise DamagedCheckpoint("it holds a number of more than 64 bits")


def _value(view: memoryview | int) -> tuple[str, tuple[int, ...], str, memoryview]:
    """(name, dims, type, content) of one entry."""
    outer = _once(view, {1: memoryview, 2: memoryview}, "an entry")
    name = _text(outer[1])
    if not name.isprintable() or not 0 < len(name) <= _MAX_NAME:
        raise DamagedCheckpoint("a name is empty or cannot be printed")
    dims = []
    inner = _once(outer[2], {2: memoryview, 3: memoryview}, name, dims)
    if len(dims) > _MAX_AXES or any(size >= 1 << 48 for size in dims):  # a negative one is a number near 2^64
        raise DamagedCheckpoint(f"{name} has an impossible shape")
    return name, tuple(dims), _text(inner[2]), inner[3]


def _once(view: memoryview | int, wanted: Mapping[int, type], where: str,
          dims: list[int] | None = None) -> dict[int, memoryview]:
    """Number -> content of the fields, each of which occurs once; field 1 goes to `dims` as often as it occurs."""
    found = {}
    if not isinstance(view, memoryview):
        raise DamagedCheckpoint(f"{where} is damaged")
    for number, content in _fields(view):
        if dims is not None and number == 1:
            dims += [content] if isinstance(content, int) else _packed(content)
        elif number in found or not isinstance(content, wanted.get(number, ())):
            raise DamagedCheckpoint(f"{where} is damaged")
        else:
            found[number] = content
    if len(found) < len(wanted):
        raise DamagedCheckpoint(f"{where} is damaged")
    return found


def _packed(view: memoryview) -> list[int]:
    numbers, place = [], 0
    while place < len(view) and len(numbers) <= _MAX_AXES:
        number, place = _read_varint(view, place)
        numbers.append(number)
    return numbers


def _text(view: memoryview) -> str:
    try:
        return str(view[:2 * _MAX_NAME], "utf-8")
    except UnicodeDecodeError:
        raise DamagedCheckpoint("a name is no text") from None


def _array(parts: list[memoryview], size: int, dims: tuple[int, ...], kind: str, name: str) -> np.ndarray | str | None:
    """The array or text of an entry's parts, `size` bytes together, or None while some are missing."""
    if kind == "str":
        return _decoded(b"".join(parts), name)
    # Older versions of MindSpore wrote the dims of a number without axes as [0].
    shape = () if dims == (0,) and size else dims
    # numpy has no bfloat16; float32 holds it exactly.
    dtype = np.dtype(np.uint16 if kind == "BFloat16" else _TYPES.get(kind, np.void))
    if dtype.kind == "V":
        raise DamagedCheckpoint(f"{name} holds numbers of an unknown type")
    wanted = math.prod(shape) * dtype.itemsize
    if 0 < size < wanted:
        return None
    if size != wanted:
        raise DamagedCheckpoint(f"{name} has {size} bytes instead of {wanted}")
    array = np.frombuffer(parts[0] if len(parts) == 1 else b"".join(parts), dtype).reshape(shape).copy()
    if kind == "Bool" and array.view(np.uint8).max(initial=0) > 1:
        raise DamagedCheckpoint(f"{name} holds what is neither true nor false")
    return array if kind != "BFloat16" else (array.astype(np.uint32) << 16).view(np.float32)


def _decoded(content: bytes, name: str) -> str:
    try:
        return str(content, "utf-32-le").rstrip("\0")
    except UnicodeDecodeError:
        raise DamagedCheckpoint(f"{name} is no text") from None
