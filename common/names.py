"""Names that come from files, made harmless before they become names of files: those of people, images and frames."""
import hashlib
import os
import posixpath
import re
import unicodedata
from collections.abc import Iterable

from common.errors import UserError, brief

MAX_BYTES = 120  # of a cleaned name; endings and the name of a temporary file have to fit into 255 with it
# Device names of Windows; an ending does not change what they are.
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_FORBIDDEN = frozenset('/\\<>:"|?*')
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")  # control and format characters, surrogates, ends of lines
_DIGEST = 8


def safe_name(text: object) -> str:
    """One component of a path from any text: without separators, control characters and lone surrogates.

    A harmless name stays as it is. Where something had to be replaced or cut, the name ends with a digest of the
    original, so that different texts never share a file.

    Args:
        text: str, or a number.

    Returns:
        str: 1 to `MAX_BYTES` bytes in UTF-8; no leading dot or dash, nothing that Windows reserves or cuts off.
    """
    text = str(text)
    name = "".join("_" if letter in _FORBIDDEN or unicodedata.category(letter) in _UNSEEN else letter
                   for letter in unicodedata.normalize("NFC", text))
    name = re.sub(r"^[\s.-]", "_", re.sub(r"[\s.]$", "_", name))
    if _RESERVED.fullmatch(name):
        name = "_" + name
    if name and name == text and len(name.encode()) <= MAX_BYTES:
        return name
    return _with_digest(name, text)


def safe_names(texts: Iterable[object]) -> list[str]:
    """`safe_name` of each text; names that would differ only in capitals, one file on many disks, get digests.

    Args:
        texts (iterable): equal ones get equal names.
    """
    texts = [str(text) for text in texts]
    folded = {}
    for text in texts:
        folded.setdefault(safe_name(text).casefold(), set()).add(text)
    return [safe_name(text) if len(folded[safe_name(text).casefold()]) == 1 else _with_digest(safe_name(text), text)
            for text in texts]


def _with_digest(name: str, text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return (name or "_").encode()[:MAX_BYTES - _DIGEST - 1].decode("utf-8", "ignore") + "-" + digest


def path_below(folder: str | os.PathLike, name: object, where: str) -> str:
    """The path of the file that an annotation names, which must lie in the data folder.

    Backslashes count as separators, so that annotations made on Windows are found.

    Args:
        folder (str): the data folder.
        name (str): relative path of a file in it.
        where (str): for the error text: the annotation file, and the entry or key.

    Raises:
        UserError: no text, empty, absolute, with a drive letter, out of the folder by `..`, or no possible file name.
    """
    if not isinstance(name, str):
        raise UserError(f"{where}: {brief(name)} is no file name")
    path = posixpath.normpath(name.replace("\\", "/"))
    try:
        os.fsencode(path)
        possible = "\0" not in path and bool(name)
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise UserError(f"{where}: {brief(name)} is no file name")
    if path.startswith("/") or path.split("/")[0] == ".." or re.match(r"[A-Za-z]:", path):
        raise UserError(f"{where}: {brief(name)} leads out of {folder}; names of files are relative to that folder")
    return os.path.join(folder, path)
