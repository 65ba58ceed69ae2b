"""The page for photos and videos: limits, what is deleted, and a visit in a browser where one is installed."""
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import av
import numpy as np
import pytest

from common.errors import UserError
from tools.web import Jobs, check_duration, main

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVER = ROOT / ".venv-web" / "bin" / "python"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# Stands in for the interpreter that runs tools/infer.py: takes the same words.
WORKER = f"""#!{sys.executable}
import os, sys, time
assert os.path.basename(sys.argv[1]) == "infer.py"
path, target = sys.argv[2], sys.argv[sys.argv.index("--output_dir") + 1]
models = sys.argv[sys.argv.index("--models") + 1] if "--models" in sys.argv else "all models"
print("people are looked for in", open(path).read()[:20], flush=True)
if "slow" in path:
    time.sleep(60)
if "bad" in path:
    sys.exit("error: bad.jpg is no image: name another <b>file</b>")
os.makedirs(target)
with open(os.path.join(target, "index.html"), "w") as file:
    file.write("<h1>Result of " + models + "</h1>")
"""


@pytest.fixture
def worker(tmp_path):
    path = tmp_path / "python"
    path.write_text(WORKER)
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def jobs(worker):
    jobs = Jobs(worker, 1.0, 5.0)
    yield jobs
    jobs.close()
    assert not os.path.exists(jobs.folder)


def upload(jobs, name):
    folder = pathlib.Path(jobs.uploads) / "abc"
    folder.mkdir(parents=True)
    (folder / name).write_text("a photo")
    return folder / name


def test_a_job_leaves_results_and_no_upload(jobs):
    path = upload(jobs, "me.jpg")
    said, name = jobs.work(str(path), ["openpose", "hmr"])
    assert said == "people are looked for in a photo" and not path.parent.exists()
    folder = pathlib.Path(jobs.results) / name
    assert len(name) == 32 and (folder / "index.html").read_text() == "<h1>Result of openpose,hmr</h1>"
    shutil.unpack_archive(folder / "results.zip", folder / "again")
    assert os.listdir(folder / "again") == ["index.html"]
    jobs.sweep()
    assert folder.exists()
    os.utime(folder, (0, time.time() - 3700))
    jobs.sweep()
    assert not folder.exists()


def test_a_file_elsewhere_is_not_deleted(jobs, tmp_path):
    path = tmp_path / "own.jpg"
    path.write_text("mine")
    *_, name = jobs.work(str(path), [])
    assert path.exists()
    assert (pathlib.Path(jobs.results) / name / "index.html").read_text() == "<h1>Result of all models</h1>"


def test_a_job_that_fails_leaves_its_sentence_alone(jobs):
    path = upload(jobs, "bad.jpg")
    with pytest.raises(UserError, match="^bad.jpg is no image: name another"):
        list(jobs.work(str(path), ["hmr"]))
    assert not path.parent.exists() and not os.listdir(jobs.results)


def test_a_job_that_takes_too_long_is_ended(jobs):
    jobs.limit = 0.5
    with pytest.raises(UserError, match="longer than 0.5 s"):
        list(jobs.work(str(upload(jobs, "slow.jpg")), ["hmr"]))
    assert not jobs.running


def video(path, seconds):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", 10)
        stream.width = stream.height = 32
        for _ in range(int(10 * seconds)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))))
        container.mux(stream.encode())
    return str(path)


def test_long_videos_are_refused(tmp_path):
    check_duration(video(tmp_path / "a.mp4", 2), 2.0)
    with pytest.raises(UserError, match="longer than 2 s"):
        check_duration(video(tmp_path / "b.mp4", 3), 2.0)
    (tmp_path / "c.mp4").write_text("no video")
    check_duration(str(tmp_path / "c.mp4"), 2.0)


@pytest.mark.parametrize("flags, said", [
    (["--port", "0"], "--port 0: write a number above 0"), (["--port", "x"], "--port: invalid int"),
    (["--max_seconds", "-3"], "--max_seconds -3: write"), (["--prot", "1"], "did you mean --port")])
def test_bad_flags(flags, said):
    with pytest.raises(UserError, match=said):
        main(flags)


@pytest.fixture
def page(worker, tmp_path):
    """The address of a running page."""
    if not SERVER.exists():
        pytest.skip("bash scripts/web.sh --install was not run")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path / "temporary"
    folder.mkdir()
    server = subprocess.Popen([SERVER, ROOT / "tools" / "web.py", "--port", str(port), "--python", worker,
                               "--max_megabytes", "1"], env={**os.environ, "TMPDIR": str(folder)})
    address = f"http://127.0.0.1:{port}"
    for _ in range(240):
        try:
            urllib.request.urlopen(address, timeout=5).close()
            break
        except OSError:
            assert server.poll() is None
            time.sleep(0.25)
    yield address
    server.terminate()
    assert server.wait(30) == 0 and not os.listdir(folder)


@pytest.mark.full
def test_a_visit_in_a_browser(page, tmp_path):
    if not CHROMIUM:
        pytest.skip("there is no Chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    # A page of strangers that leads its own name to this machine is not answered.
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(urllib.request.Request(page, headers={"Host": "strangers.org"}))
    for name in ("good.jpg", "bad.jpg"):
        (tmp_path / name).write_text("a photo")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page()
        asked = []
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(page)
        tab.set_input_files("#file input[type=file]", tmp_path / "bad.jpg")
        tab.wait_for_selector("#file .file-preview")
        tab.click("#start")
        alert = tab.wait_for_selector("[role=alert]")
        assert alert.inner_text() == "bad.jpg is no image: name another <b>file</b>"
        for model in ("openpose", "hmr"):
            tab.get_by_label(model).check()
        tab.set_input_files("#file input[type=file]", tmp_path / "good.jpg")
        tab.wait_for_selector("#file .file-preview")
        tab.click("#start")
        frame = tab.wait_for_selector("iframe").content_frame()
        frame.wait_for_selector("h1")
        assert frame.inner_text("h1") == "Result of openpose,hmr"
        assert not [address for address in asked if not address.startswith((page, "blob:", "data:"))]
        browser.close()
