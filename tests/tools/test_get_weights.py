"""Published weights from an HTTP server of this machine, in every way in which a download can go."""
import dataclasses
import hashlib
import http.server
import importlib
import io
import socket
import tarfile
import threading

import numpy as np
import pose_baseline_golden as golden
import pytest

from common.convert import download as download_module
from common.convert.download import Gone, download
from common.convert.named_weights import resolve_weights, weights_folder
from common.convert.published import PUBLISHED, Published, find_published
from common.engine.checkpoint import read_checkpoint
from common.errors import UserError
from tools import get_weights

BODY = np.random.default_rng(0).integers(0, 256, 3_000_000, np.uint8).tobytes()
FORM = """<html><body><form id="download-form" action="{url}/uc" method="get"><input type="hidden" name="confirm"
value="t"><input type="hidden" name="id" value="{id}"></form></body></html>"""


class _Handler(http.server.BaseHTTPRequestHandler):
    """`/name` gives server.files[name]; server.cuts holds after how many bytes the next answers break off."""

    def do_GET(self):
        server, name = self.server, self.path.split("?")[0].lstrip("/")
        server.requests.append((self.path, self.headers.get("Range")))
        if name in server.redirects:
            self.send_response(302)
            self.send_header("Location", server.redirects[name])
            self.end_headers()
            return
        if name not in server.files:
            self.send_error(server.errors.pop(0) if server.errors else 404)
            return
        body, start = server.files[name], 0
        wanted = self.headers.get("Range")
        if wanted and server.tag and self.headers.get("If-Range") == server.tag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        page = body[:6] == b"<html>"
        self.send_header("Content-Type", "text/html; charset=utf-8" if page else "application/octet-stream")
        if not page and name == "uc":
            self.send_header("Content-Disposition", 'attachment; filename="x"')
        self.send_header("Content-Length", str(len(body) - start))
        if server.tag:
            self.send_header("ETag", server.tag)
        self.end_headers()
        end = start + server.cuts.pop(0) if server.cuts else len(body)
        self.wfile.write(body[start:end])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server with attributes to fill; the cache lies in a folder of the test, and waits are short."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.files, server.redirects, server.cuts, server.errors, server.requests = {}, {}, [], [], []
    server.tag, server.url = '"one"', f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("MINDHUMAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download_module.time, "sleep", lambda seconds: None)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def _ranges(server):
    return [wanted for _, wanted in server.requests]


def test_a_cut_download_goes_on(server, tmp_path):
    server.files["file"], server.cuts = BODY, [1_000_000, 1_200_000]
    download(f"{server.url}/file", str(tmp_path / "file"), len(BODY))
    assert (tmp_path / "file").read_bytes() == BODY
    assert _ranges(server) == [None, "bytes=1000000-", "bytes=2200000-"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["file"]


def test_the_next_call_goes_on_as_well(server, tmp_path):
    server.files["file"], server.cuts = BODY, [2_500_000] + [0] * download_module.PATIENCE
    with pytest.raises(Gone, match=r"the connection was cut.*\(2,500,000 bytes\) is kept"):
        download(f"{server.url}/file", str(tmp_path / "file"))
    assert not (tmp_path / "file").exists()
    server.requests.clear()
    download(f"{server.url}/file", str(tmp_path / "file"))
    assert (tmp_path / "file").read_bytes() == BODY and _ranges(server) == ["bytes=2500000-"]


def test_a_file_that_changed_starts_anew(server, tmp_path):
    server.files["file"], server.cuts = BODY, [1_000_000] + [0] * download_module.PATIENCE
    with pytest.raises(Gone):
        download(f"{server.url}/file", str(tmp_path / "file"))
    server.files["file"], server.tag, server.cuts = BODY[::-1], '"two"', []
    download(f"{server.url}/file", str(tmp_path / "file"))
    assert (tmp_path / "file").read_bytes() == BODY[::-1]


@pytest.mark.parametrize("tag", ["", 'W/"weak"'])
def test_without_a_version_nothing_is_joined(server, tmp_path, tag):
    server.files["file"], server.cuts, server.tag = BODY, [1_000_000], tag
    download(f"{server.url}/file", str(tmp_path / "file"))
    assert (tmp_path / "file").read_bytes() == BODY and _ranges(server) == [None, None]


def test_answers_that_are_no_file(server, tmp_path):
    server.files |= {"page": b"<html>sign in</html>", "file": BODY}
    for name, size, words in (("none", 0, "answers 404"), ("page", 0, "web page"), ("file", 7, "offers 3,000,000 by")):
        with pytest.raises(Gone, match=words):
            download(f"{server.url}/{name}", str(tmp_path / "x"), size)
        assert not (tmp_path / "x").exists()
    server.errors = [503] * download_module.PATIENCE
    with pytest.raises(Gone, match="answers 503"):
        download(f"{server.url}/none", str(tmp_path / "x"))
    server.errors = [503]
    server.redirects["moved"] = f"{server.url}/file"
    download(f"{server.url}/moved", str(tmp_path / "x"), len(BODY))
    assert (tmp_path / "x").read_bytes() == BODY


def test_nobody_answers(tmp_path, server):
    with pytest.raises(Gone, match="no connection"):
        download("http://127.0.0.1:9/file", str(tmp_path / "x"))
    with pytest.raises(Gone, match="no address"):
        download("spin.pt", str(tmp_path / "x"))


def test_without_a_network_it_is_said_at_once(server, tmp_path, monkeypatch):
    def resolve(host, *_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    def sleep(seconds):
        raise AssertionError("it waits")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(download_module.time, "sleep", sleep)
    _entry(monkeypatch, url="http://example.org/body.pkl", mirrors=("http://mirror.example.org/body.pkl",))
    with pytest.raises(UserError) as raised:
        _get()
    assert str(raised.value).startswith(
        "body.pkl could not be fetched (example.org: no connection (Name or service not known); mirror.example.org: no "
        "connection (Name or service not known)). By hand: get it from http://example.org/body.pkl or from elsewhere")
    pytest.importorskip("gdown")
    _entry(monkeypatch, drive="abcdefghijklmnopqrstuvwxyz0123456")
    with pytest.raises(UserError, match=r"\(drive.google.com: no connection\). By hand: get it from https://drive"):
        _get()


def test_statistics_are_looked_at_before_a_download(server, monkeypatch, tmp_path):
    nothing = str(tmp_path / "nothing.npz")
    for model, words in (("pose_baseline", "nothing.npz does not exist"), ("cmr", "cmr needs none")):
        _entry(monkeypatch, model=model, url=f"{server.url}/body.pkl")
        with pytest.raises(UserError, match=words):
            get_weights.main([model, "test", "--accept", "--statistics", nothing])
    assert not server.requests


def test_two_at_once(server, tmp_path):
    import fcntl

    with open(tmp_path / "x.part", "wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="another process"):
            download(f"{server.url}/file", str(tmp_path / "x"))


def test_table(capsys, server):
    get_weights.main([])
    said = capsys.readouterr().out
    assert all(entry.name in said for entry in PUBLISHED) and "209 MB" in said and "smpl-x.is.tue.mpg.de" in said
    get_weights.main(["cmr"])
    of_cmr = capsys.readouterr().out
    assert "graphcmr" in of_cmr and "frankmocap" in said and "frankmocap" not in of_cmr


def test_entries_are_sound():
    assert len({(entry.model, entry.name) for entry in PUBLISHED}) == len(PUBLISHED)
    for entry in PUBLISHED:
        assert entry.url or entry.drive or entry.by_hand, entry
        assert entry.name.replace("-", "").isalnum() and entry.about and entry.licence
    assert len(find_published("openpose", "cmu").sha256) == 64


def _entry(monkeypatch, **changes):
    """The entry that every name now stands for."""
    entry = dataclasses.replace(Published("cmr", "test", "body.pkl", "a test", "free", convert=False, flag="smpl_path"),
                                **changes)
    monkeypatch.setattr(get_weights, "find_published", lambda model, name: entry)
    return entry


def _get(*flags):
    get_weights.main(["cmr", "test", "--accept", *flags])


def test_size_and_digest(server, monkeypatch, capsys):
    server.files["body.pkl"], digest = BODY, hashlib.sha256(BODY).hexdigest()
    url = f"{server.url}/body.pkl"
    _entry(monkeypatch, url=url, sha256="0" * 8)
    with pytest.raises(UserError, match=f"sha256 {digest}, the published file 00000000.*removed"):
        _get()
    _entry(monkeypatch, url=url, sha256=digest[:8], size=len(BODY))
    _get()
    assert f"{digest} as published" in capsys.readouterr().out
    result = weights_folder() + "/cmr-test.pkl"
    with open(result, "rb") as stream:
        assert stream.read() == BODY
    requests = len(server.requests)
    _get()  # a second call fetches nothing
    assert len(server.requests) == requests and f"--smpl_path {result}" in capsys.readouterr().out


def test_mirrors(server, monkeypatch):
    server.files["mirror/body.pkl"] = BODY
    _entry(monkeypatch, url=f"{server.url}/gone.pkl", mirrors=(f"{server.url}/mirror/body.pkl",))
    _get()
    assert [path for path, _ in server.requests] == ["/gone.pkl", "/mirror/body.pkl"]
    for flags, name in ((["--mirror"], "a"), (["--mirror", f"{server.url}/mirror/"], "b")):
        server.requests.clear()
        _entry(monkeypatch, name=name, url=f"{server.url}/gone.pkl", mirrors=(f"{server.url}/mirror/body.pkl",))
        _get(*flags)
        assert [path for path, _ in server.requests] == ["/mirror/body.pkl"]


def test_what_cannot_be_fetched_says_how_to_go_on(server, monkeypatch):
    _entry(monkeypatch, url=f"{server.url}/gone.pkl", size=11, sha256="ab")
    with pytest.raises(UserError, match=r"answers 404.*By hand: .*/gone.pkl \(11 bytes, sha256 ab\).*--file"):
        _get()
    _entry(monkeypatch, by_hand="write to its author")
    with pytest.raises(UserError, match="cannot be fetched: write to its author"):
        _get()


def test_a_file_fetched_by_hand_stays(server, monkeypatch, tmp_path):
    (tmp_path / "mine.pkl").write_bytes(BODY)
    _entry(monkeypatch, sha256="11")
    with pytest.raises(UserError, match="another file$"):
        _get("--file", str(tmp_path / "mine.pkl"))
    assert (tmp_path / "mine.pkl").exists()
    with pytest.raises(UserError, match="--file .*nothing.pkl does not exist"):
        _get("--file", str(tmp_path / "nothing.pkl"))
    _entry(monkeypatch)
    _get("--file", str(tmp_path / "mine.pkl"))
    assert (tmp_path / "mine.pkl").exists() and not server.requests
    with pytest.raises(UserError, match="--file .*mine.pkl: .*test.pkl is here already; delete it"):
        _get("--file", str(tmp_path / "mine.pkl"))


def test_member_of_an_archive(server, monkeypatch):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in (("data/../../other.npz", b"no"), ("data/mean.npz", b"yes")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    server.files["data.tar.gz"] = content.getvalue()
    _entry(monkeypatch, file="data.tar.gz", url=f"{server.url}/data.tar.gz", member="mean.npz")
    _get()
    with open(weights_folder() + "/cmr-test.npz", "rb") as stream:
        assert stream.read() == b"yes"
    _entry(monkeypatch, name="other", file="data.tar.gz", url=f"{server.url}/data.tar.gz", member="absent.npz")
    with pytest.raises(UserError, match="holds no absent.npz"):
        _get()


def test_licence_and_names(server, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(UserError, match="add --accept"):
        get_weights.main(["hmr", "spin"])
    with pytest.raises(UserError, match="did you mean spin"):
        get_weights.main(["hmr", "spim"])
    with pytest.raises(UserError, match="write one of cmr"):
        get_weights.main(["hrm"])
    assert not server.requests


def test_pytorch_missing(server, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="PyTorch, which is not installed: bash scripts/setup.sh --convert"):
        get_weights.main(["hmr", "spin", "--accept"])
    assert not server.requests


@pytest.mark.torch
def test_weights_in_the_published_layout_become_a_checkpoint(server, tmp_path, capsys):
    torch = pytest.importorskip("torch")
    state = golden.torch_state(width=16)
    torch.save({"epoch": 3, "state_dict": {name: torch.from_numpy(array) for name, array in state.items()}},
               tmp_path / "weights")
    server.files["gt_ckpt_best.pth.tar"] = (tmp_path / "weights").read_bytes()
    with pytest.raises(UserError, match="not here yet; get them with: python tools/get_weights.py pose_baseline weigq"):
        resolve_weights("weigq", "pose_baseline")
    get_weights.main(["pose_baseline", "weigq", "--accept", "--mirror", server.url])
    assert "infer.py needs them in the file (delete it, then: get_weights.py pose_baseline weigq --statistics" in (
        capsys.readouterr().out)
    checkpoint = read_checkpoint(resolve_weights("weigq", "pose_baseline"))
    assert checkpoint.meta["model"] == "pose_baseline" and checkpoint.meta["source"].endswith("gt_ckpt_best.pth.tar")
    assert np.array_equal(checkpoint.weights["first.dense.weight"], state["w1.weight"])


def test_google_drive(server, monkeypatch):
    """Drive's page of confirmation, read by the real gdown; only the host behind its addresses is ours."""
    pytest.importorskip("gdown")
    import requests

    send = requests.adapters.HTTPAdapter.send

    def to_server(self, request, **options):
        request.url = request.url.replace("https://drive.google.com", server.url)
        response = send(self, request, **options)
        response.url = response.url.replace(server.url, "https://drive.google.com")
        return response

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", to_server)
    entry = _entry(monkeypatch, drive="abcdefghijklmnopqrstuvwxyz0123456")
    server.files["uc"] = FORM.format(url="https://drive.google.com", id=entry.drive).replace("\n", " ").encode()

    def confirmed(self):
        if "confirm=t" in self.path:
            self.server.files["uc"] = BODY
        _Handler.do_GET(self)

    monkeypatch.setattr(server, "RequestHandlerClass", type("Confirm", (_Handler,), {"do_GET": confirmed}))
    _get()
    with open(weights_folder() + "/cmr-test.pkl", "rb") as stream:
        assert stream.read() == BODY
    server.files.clear()
    _entry(monkeypatch, name="gone", drive="abcdefghijklmnopqrstuvwxyz0123456")
    with pytest.raises(UserError, match="Google Drive does not give.*drive.google.com/file/d/abc.*--file"):
        _get()


def test_names_after_ckpt_file(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve_weights("", "hmr") == "" and resolve_weights("a/spin", "hmr") == "a/spin"
    assert resolve_weights("none.ckpt", "hmr") == "none.ckpt"
    with pytest.raises(UserError, match=r"no such file, and hmr has no published .* \(small, spin, eft,"):
        resolve_weights("cmu", "hmr")
    (tmp_path / "spin").write_text("a file of the user")
    assert resolve_weights("spin", "hmr") == "spin"


@pytest.mark.parametrize("model", ["pose_baseline", "openpose", "hmr", "cmr", "hand4whole"])
def test_every_model_takes_names(server, tmp_path, model):
    settings = importlib.import_module(f"{model}.src.config").read_settings
    names = [entry.name for entry in PUBLISHED if entry.model == model and entry.checkpoint]
    with pytest.raises(UserError, match=f"python tools/get_weights.py {model} {names[0]}$"):
        settings(["--ckpt_file", names[0]])
    (tmp_path / "cache" / "weights").mkdir(parents=True)
    path = tmp_path / "cache" / "weights" / f"{model}-{names[0]}.ckpt"
    path.touch()
    assert settings(["--ckpt_file", names[0]]).ckpt_file == str(path)
    if model in ("hmr", "cmr", "hand4whole"):
        with pytest.raises(UserError, match="--openpose_ckpt cmu.*tools/get_weights.py openpose cmu"):
            settings(["--openpose_ckpt", "cmu"])
