"""A page on this machine for photos and videos: choose a file, see skeletons, 3D poses and meshes, take them along.

    bash scripts/web.sh

Each job is a process of its own that runs `tools/infer.py`, so what it takes of memory is given back. Uploads are
deleted as soon as they have been read, results with the page's end or after an hour.
"""
import atexit
import html
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# The repository root, so that `common` is found from any folder.
sys.path.insert(0, ROOT)

from common.arguments import Arguments  # noqa: E402
from common.errors import UserError, run  # noqa: E402

MODELS = ("openpose", "pose_baseline", "hmr", "cmr", "hand4whole")
LOCAL = ("127.0.0.1", "localhost", "::1")
KEPT = 3600.0  # seconds for which results stay
COMMAND = os.path.join(ROOT, "tools", "infer.py")


class Jobs:
    """What visitors asked for: one folder of results each, all in one temporary folder.

    Args:
        python (str): interpreter with MindSpore.
        seconds (float): how long a video may be.
        limit (float): seconds that a job may take.
    """

    def __init__(self, python, seconds, limit):
        self.python, self.seconds, self.limit = python, seconds, limit
        self.folder = tempfile.mkdtemp(prefix="mindhuman-web-")
        self.uploads, self.results = (os.path.join(self.folder, name) for name in ("uploads", "results"))
        os.mkdir(self.results)
        self.running, self.lock = set(), threading.Lock()
        atexit.register(self.close)

    def work(self, path, models):
        """Run one job: yields what it says, line by line, and at last the name of its folder.

        The upload is deleted in any case.

        Raises:
            UserError: the file is no image and no video, too long, or the job failed; with the job's own sentence.
        """
        self.sweep()
        name = secrets.token_hex(16)  # nobody finds the results of others
        target = os.path.join(self.results, name)
        try:
            check_duration(path, self.seconds)
            chosen = ["--models", ",".join(models)] if models else []
            yield from self._run([self.python, COMMAND, path, *chosen, "--output_dir", target])
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
        finally:
            if os.path.realpath(path).startswith(os.path.realpath(self.uploads) + os.sep):
                shutil.rmtree(os.path.dirname(path), ignore_errors=True)
        archive = shutil.make_archive(os.path.join(self.folder, name), "zip", target)
        os.replace(archive, os.path.join(target, "results.zip"))
        yield name

    def _run(self, command):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   errors="replace", start_new_session=True)
        with self.lock:
            self.running.add(process)
        timer = threading.Timer(self.limit, _end, [process])
        timer.start()
        try:
            line = ""
            for line in process.stdout:
                yield line.rstrip()
            if process.wait():
                said = line.strip().removeprefix("error: ")
                late = not timer.is_alive()
                raise UserError(f"this took longer than {self.limit:g} s: take a shorter video or fewer models" if late
                                else said or f"the job ended with status {process.returncode}")
        finally:
            timer.cancel()
            _end(process)
            with self.lock:
                self.running.discard(process)

    def sweep(self):
        """Delete results that are older than `KEPT`."""
        for entry in os.scandir(self.results):
            if time.time() - entry.stat().st_mtime > KEPT:
                shutil.rmtree(entry.path, ignore_errors=True)

    def close(self):
        """End what runs and delete all results."""
        with self.lock:
            for process in self.running:
                _end(process)
        shutil.rmtree(self.folder, ignore_errors=True)


def _end(process):
    """End a process and those that it started."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def check_duration(path, seconds):
    """Refuse videos that are longer than some seconds; nothing is decoded for it.

    Raises:
        UserError: it is too long.
    """
    import av

    try:
        with av.open(path) as container:
            if not container.streams.video:
                return  # what it is then, the job says
            for packet in container.demux(video=0):
                if packet.pts is None:
                    continue
                if float((packet.pts - (packet.stream.start_time or 0)) * packet.time_base) > seconds:
                    raise UserError(f"the video is longer than {seconds:g} s: cut it, or start the page with "
                                    "--max_seconds")
    except (av.error.FFmpegError, ValueError):
        return


def build_page(jobs):
    """The page as Gradio's Blocks."""
    import gradio as gr

    def refused(text):
        return "", f'<p role="alert" style="color: #b00; font-size: 1.2em">{html.escape(text)}</p>', None

    def show(path, photo, models):
        path = path or photo
        if not path:
            yield refused("Choose a photo or a video first, or take one with the camera.")
            return
        lines = []
        try:
            for line in jobs.work(path, models):
                lines.append(line)
                yield "\n".join(lines[-12:]), "", None
        except UserError as error:
            yield refused(str(error))
            return
        address = f"/results/{lines.pop()}"
        yield "\n".join(lines[-12:]), (
            f'<iframe src="{address}/index.html" title="results" sandbox="allow-scripts allow-downloads allow-popups" '
            'style="width: 100%; height: 85vh; border: 1px solid #ccc; border-radius: 8px"></iframe>'
            f'<p><a href="{address}/index.html" target="_blank">Open in a page of its own</a> &middot; '
            f'<a href="{address}/results.zip" download>All files (zip)</a></p>'), None

    with gr.Blocks(title="MindHuman", analytics_enabled=False, delete_cache=(600, KEPT)) as page:
        gr.Markdown("# MindHuman\nBodies from photos and videos. Everything is worked out on this machine.")
        with gr.Row():
            with gr.Tabs():
                with gr.Tab("File"):
                    path = gr.File(label="Photo or video", file_types=["image", "video"], elem_id="file")
                with gr.Tab("Camera"):
                    photo = gr.Image(label="Camera", sources=["webcam"], type="filepath")
            with gr.Column():
                models = gr.CheckboxGroup(list(MODELS), label="Models (none chosen: all that have weights)",
                                          elem_id="models")
                button = gr.Button("Find people", variant="primary", elem_id="start")
                log = gr.Textbox(label="Progress", lines=6, interactive=False, elem_id="log")
        results = gr.HTML(elem_id="results")
        # The upload is gone once it has been read, so its field is emptied with it.
        button.click(show, [path, photo, models], [log, results, path], concurrency_limit=1, api_name=False)
    return page


def build_app(jobs, hosts, max_megabytes):
    """The page and its results as one application.

    Args:
        jobs (Jobs): what runs.
        hosts (list[str]): names under which it may be asked; others may be pages of strangers that lead here.
        max_megabytes (int): how large an upload may be.
    """
    import gradio as gr
    from fastapi import FastAPI
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.staticfiles import StaticFiles

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts)
    app.mount("/results", StaticFiles(directory=jobs.results))
    plain = ["system-ui", "sans-serif"]  # fonts of the visitor's machine: nothing is fetched
    return gr.mount_gradio_app(app, build_page(jobs).queue(max_size=8), "/", max_file_size=f"{max_megabytes}mb",
                               theme=gr.themes.Default(font=plain, font_mono=["monospace"]), footer_links=[],
                               ssr_mode=False)


def main(argv):
    parser = Arguments(__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; another one than 127.0.0.1 lets "
                        "other machines in, without a password")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--max_megabytes", type=int, default=200, help="largest upload")
    parser.add_argument("--max_seconds", type=float, default=60.0, help="longest video")
    parser.add_argument("--time_limit", type=float, default=1800.0, help="seconds that one job may take")
    parser.add_argument("--python", default=sys.executable, help="interpreter with MindSpore")
    arguments = parser.parse_args(argv)
    for name in ("port", "max_megabytes", "max_seconds", "time_limit"):
        if getattr(arguments, name) <= 0:
            raise UserError(f"--{name} {getattr(arguments, name):g}: write a number above 0")

    jobs = Jobs(arguments.python, arguments.max_seconds, arguments.time_limit)
    # Before it is imported: uploads go where they end with this process, and nothing is told to anybody.
    os.environ["GRADIO_TEMP_DIR"] = jobs.uploads
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    import uvicorn

    # The server hands a signal on when it has ended; then the interpreter ends as it should, and deletes what is left.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    app = build_app(jobs, ["*"] if arguments.host not in LOCAL else list(LOCAL), arguments.max_megabytes)
    shown = "127.0.0.1" if arguments.host in LOCAL else arguments.host
    print(f"MindHuman: http://{shown}:{arguments.port} (Ctrl-C ends it)", flush=True)
    if arguments.host not in LOCAL:
        print("warning: other machines can use this page, without a password", flush=True)
    uvicorn.run(app, host=arguments.host, port=arguments.port, log_level="warning")


if __name__ == "__main__":
    run(main)
