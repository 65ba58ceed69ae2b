"""Downloads of large files: with progress, and going on where a broken one stopped."""
import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

from tqdm import tqdm

from common.errors import UserError
from common.text_files import read_json

CHUNK = 1 << 20
TIMEOUT_S = 30
PATIENCE = 5  # broken connections in a row that brought nothing
LARGEST = 8 << 30  # bytes of a file whose size nobody stated


class Gone(UserError):
    """An address that does not give the file; another one may."""


def download(url: str, path: str, size: int = 0, wait_s: float = 1.0) -> None:
    """Fetch one file; `path` appears when it is complete.

    What has arrived is kept as `path`.part beside a note of what it is part of. The next call goes on from there if the
    server says that its file is still the same one (ETag or date), and starts anew otherwise.

    Args:
        url: http or https address; proxies are taken from the environment.
        path: file to write, in an existing folder.
        size: bytes that the file has to have; 0 if unknown.
        wait_s: pause before a second try, doubled each time.

    Raises:
        Gone: the address does not answer, answers with an error or a web page, or gives a file of another size.
        UserError: the disk is full, or another process is fetching the same file.
    """
    part = _Part(path, url)
    with part.locked():
        failures = 0
        while True:
            before = part.length()
            try:
                if _attempt(url, part, size):
                    break
                reason = "the connection was cut"
            except _Again as again:
                reason = str(again)
            failures = 0 if part.length() > before else failures + 1
            if failures >= PATIENCE:
                kept = f"; what has arrived ({part.length():,} bytes) is kept, and the same command goes on from there"
                raise Gone(f"{_host(url)}: {reason}{kept if part.length() else ''}")
            time.sleep(wait_s * 2 ** failures)
        if size and part.length() != size:
            arrived = part.length()
            part.remove()
            raise Gone(f"{url} gave {arrived:,} bytes instead of {size:,}, so this is another file; it was removed")
        part.publish()


class _Again(Exception):
    """A failure that may pass."""


class _Part:
    """What has arrived of a file, and of which file."""

    def __init__(self, path: str, url: str):
        self.path, self.part, self.note, self.url = path, path + ".part", path + ".part.json", url

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        with open(self.part, "ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UserError(f"{self.part} is being written by another process; wait for it or stop it") from None
            yield

    def length(self) -> int:
        return os.path.getsize(self.part) if os.path.exists(self.part) else 0

    def validator(self) -> str | None:
        """What the server called the version of which a part is here; None where it has to start anew."""
        try:
            note = read_json(self.note)
            return note["validator"] if note["url"] == self.url and self.length() else None
        except (UserError, KeyError, TypeError):
            return None

    def begin(self, validator: str | None) -> None:
        os.truncate(self.part, 0)
        with open(self.note, "w", encoding="utf-8") as stream:
            json.dump({"url": self.url, "validator": validator}, stream)

    def remove(self) -> None:
        for path in (self.part, self.note):
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)

    def publish(self) -> None:
        with open(self.part, "rb") as stream:
            os.fsync(stream.fileno())
        os.replace(self.part, self.path)
        self.remove()


def _attempt(url: str, part: _Part, size: int) -> bool:
    """Take what the server gives; True when all has arrived."""
    headers = {"User-Agent": "mindhuman", "Accept-Encoding": "identity"}
    validator = part.validator()
    if validator:
        headers |= {"Range": f"bytes={part.length()}-", "If-Range": validator}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S) as response:
            return _receive(response, part, size)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # the part is no beginning of the file that is there now
            part.begin(None)
            raise _Again("the file changed during the download") from None
        if error.code >= 500 or error.code == 429:
            raise _Again(f"the server answers {error.code} ({error.reason})") from None
        raise Gone(f"{url} answers {error.code} ({error.reason}): the file is not there any more, or not for "
                   "everybody") from None
    except urllib.error.URLError as error:
        cause = getattr(error.reason, "strerror", None) or error.reason
        if isinstance(error.reason, socket.gaierror) and not part.length():  # no network here, or no such host
            raise Gone(f"{_host(url)}: no connection ({cause})") from None
        raise _Again(f"no connection ({cause})") from None
    except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise _Again(f"the connection was cut ({error or type(error).__name__})") from None
    except ValueError as error:
        raise Gone(f"{url} is no address of a file: {error}") from None


def _host(url: str) -> str:
    """The part of an address that a connection depends on."""
    return urllib.parse.urlsplit(url).netloc or url


def _receive(response: http.client.HTTPResponse, part: _Part, size: int) -> bool:
    if response.headers.get_content_type() == "text/html":
        raise Gone(f"{response.url} answers with a web page instead of the file")
    if response.status == 206 and \
            response.headers.get("Content-Range", "").startswith(f"bytes {part.length()}-"):
        start = part.length()
    else:
        # A weak ETag does not promise equal bytes, so it does not allow to go on.
        tag = response.headers.get("ETag") or response.headers.get("Last-Modified")
        part.begin(tag if tag and not tag.startswith("W/") else None)
        start = 0
    length = response.headers.get("Content-Length")
    expected = start + int(length) if length and length.isdigit() else None
    if expected and size and expected != size:
        raise Gone(f"{response.url} offers {expected:,} bytes instead of {size:,}, so this is another file")
    bound = size or LARGEST
    with open(part.part, "ab") as stream, tqdm(total=expected or size or None, initial=start, unit="B",
                                              unit_scale=True, desc=os.path.basename(part.path)) as bar:
        while block := response.read(CHUNK):
            if stream.tell() + len(block) > bound:
                raise Gone(f"{response.url} gives more than {bound:,} bytes, so this is another file")
            try:
                stream.write(block)
                stream.flush()
            except OSError as error:
                raise UserError(f"{part.part} cannot be written: {error.strerror}; make room, the same command goes "
                                "on from there") from None
            bar.update(len(block))
    return expected is None or part.length() >= expected


def sha256_of(path: str) -> str:
    """Digest of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()
