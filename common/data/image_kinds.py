"""What kind of image a file is, by its first bytes; and kinds that OpenCV does not read, or not upright."""
import contextlib
import io
import re

import numpy as np
from PIL import Image, ImageOps

from common.errors import UserError

_SIGNATURES = {
    "jpeg": rb"\xff\xd8\xff", "png": rb"\x89PNG\r\n\x1a\n", "gif": rb"GIF8[79]a", "webp": rb"RIFF....WEBP",
    "bmp": rb"BM.{4}\0{4}.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", "tiff": rb"II[*+]\0|MM\0[*+]",
    "avif": rb".{4}ftyp(?:avif|avis|mif1.{4}(?:.{4})*?avif)", "jpeg2000": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    "pnm": rb"P[1-6]\s+[#\d]", "heic": rb".{4}ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)",
    "jpeg xl": rb"\xff\x0a|\0\0\0\x0cJXL ", "psd": rb"8BPS",
    "camera raw": rb".{4}ftypcrx |FUJIFILMCCD-RAW|IIRO|IIU\0"}
_SIGNATURES = {kind: re.compile(pattern, re.DOTALL) for kind, pattern in _SIGNATURES.items()}
_PILLOW = {"gif": "GIF", "webp": "WEBP", "avif": "AVIF"}  # OpenCV knows them without orientation, or not at all
HEAD = 64  # bytes that tell the kind
UNREADABLE = ("heic", "jpeg xl", "psd", "camera raw")
_ODD_TIFF = {"F": "32 bits", "I": "32 bits", "LAB": "CIELAB colours"}  # Pillow's modes; OpenCV refuses or mistakes them
# Files of these endings look like TIFF, and what is read of them as such is a small preview.
_RAW_ENDINGS = (".dng", ".nef", ".cr2", ".arw", ".pef", ".srw", ".nrw", ".sr2", ".3fr", ".iiq", ".erf", ".rwl")


def image_kind(path: str, data: bytes) -> str:
    """The kind of an image by its first bytes, whatever its name says.

    Args:
        path (str): only to tell camera raw files from TIFF.
        data (bytes): the first `HEAD` bytes of the file or more.

    Returns:
        str: such as "jpeg"; one of `UNREADABLE` for kinds that cannot be read; "" for anything else.
    """
    kind = next((kind for kind, pattern in _SIGNATURES.items() if pattern.match(data)), "")
    return "camera raw" if kind == "tiff" and path.lower().endswith(_RAW_ENDINGS) else kind


def refuse_unreadable(path: str, data: bytes) -> str:
    """The kind of the image with these bytes, unless it is one of `UNREADABLE` or an odd kind of TIFF.

    Raises:
        UserError
    """
    kind = image_kind(path, data)
    if kind in UNREADABLE:
        raise UserError(f"{path} is a {kind} file, which is not read here; save it as JPEG or PNG")
    if kind == "tiff":
        with contextlib.suppress(OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            with Image.open(io.BytesIO(data), formats=("TIFF",)) as file:
                if file.mode in _ODD_TIFF:
                    raise UserError(f"{path} is a TIFF of {_ODD_TIFF[file.mode]}, which is not read here; save it as "
                                    "JPEG or PNG")
    return kind


def decode_with_pillow(data: bytes, upright: bool = True) -> np.ndarray | None:
    """An image that OpenCV would not read, or not upright: (H, W, 3) uint8 RGB; None for other kinds and for damage.

    Args:
        data (bytes): the file's content. Of an animation the first frame is read.
        upright (bool): turned as EXIF data says, else as stored.
    """
    kind = image_kind("", data)
    if kind not in _PILLOW:
        return None
    try:
        with Image.open(io.BytesIO(data), formats=(_PILLOW[kind],)) as file:
            return np.array((ImageOps.exif_transpose(file) if upright else file).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # whatever damage makes of it
        return None
