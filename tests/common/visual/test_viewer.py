"""The viewer page: what it holds, and what a browser draws of it where Chromium is installed."""
import base64
import dataclasses
import json
import re
import shutil
import subprocess
import tempfile

import cv2
import numpy as np
import pytest
import trimesh

from common.visual.cameras import Y_UP, PerspectiveCamera
from common.visual.renderer import Mesh
from common.visual.viewer import Moving, viewer_page, write_viewer

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--use-gl=angle",
         "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]
ONCE = ["--virtual-time-budget=3000", "--window-size=900,600"]
# A headless window changes its size while it opens; the canvas must not follow, or images would differ.
FIXED = "<style>canvas { width: 900px !important; height: 600px !important; }</style></head>"


def people():
    """A red and a blue ball beside each other, the blue one to the right."""
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.5)
    vertices, faces = np.asarray(ball.vertices), np.asarray(ball.faces)
    return [Mesh(vertices - [0.8, 0, 0], faces, (220, 30, 30), "first"),
            Mesh(vertices + [0.8, 0, 0], faces, (30, 30, 220), "second")]


def scene_of(page):
    return json.loads(re.search(r'<script type="application/json" id="scene">(.*?)</script>', page, re.S)[1])


def decoded(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


def test_the_page_holds_the_meshes(tmp_path):
    first, second = people()
    colours = np.random.default_rng(0).integers(0, 256, second.vertices.shape, np.uint8)
    write_viewer(str(tmp_path / "page.html"), [first, Mesh(second.vertices, second.faces, colours)], "Two", "a note")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    scene = scene_of(page)
    assert len(scene["faces"]) == 1  # shared by both
    np.testing.assert_array_equal(decoded(scene["faces"][0], "<u4").reshape(-1, 3), first.faces)
    assert [mesh["name"] for mesh in scene["meshes"]] == ["first", "person 1"]
    for mesh, expected in zip(scene["meshes"], (first, second)):
        assert mesh["faces"] == 0
        np.testing.assert_array_equal(decoded(mesh["vertices"], "<f4").reshape(-1, 3),
                                      expected.vertices.astype(np.float32))
    np.testing.assert_array_equal(decoded(scene["meshes"][0]["colour"], "u1"), (220, 30, 30))
    np.testing.assert_array_equal(decoded(scene["meshes"][1]["colour"], "u1").reshape(-1, 3), colours)
    assert "<title>Two</title>" in page and "a note" in page


def test_the_page_asks_the_network_for_nothing(tmp_path):
    write_viewer(str(tmp_path / "page.html"), people(), "Two")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|\bsrc=|\bhref=|@import|url\(|\bimport\b|fetch\(", page)
    assert "default-src 'none'" in page


def test_texts_cannot_become_markup_or_places_to_fill(tmp_path):
    first, _ = people()
    evil = Mesh(first.vertices, first.faces, first.colour, "</script><script>alert(1)</script>")
    write_viewer(str(tmp_path / "page.html"), [evil], "<b>%SCENE%", "%TITLE%<i>")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page and "<b>" not in page and "<i>" not in page
    assert scene_of(page)["meshes"][0]["name"] == evil.name
    assert page.count("&lt;b&gt;%SCENE%") == 2 and "%TITLE%&lt;i&gt;" in page


def test_nothing_to_show_is_an_error(tmp_path):
    first, _ = people()
    with pytest.raises(ValueError, match="at least one mesh"):
        write_viewer(str(tmp_path / "page.html"), [], "None")
    with pytest.raises(ValueError, match="vertices of mesh 0 are not finite"):
        write_viewer(str(tmp_path / "page.html"), [Mesh(first.vertices * np.nan, first.faces)], "None")
    assert list(tmp_path.iterdir()) == []


def photographed(tmp_path, script=""):
    """Screenshot of the page after `script` ran in it -> masks (H, W) of the red and of the blue ball."""
    write_viewer(str(tmp_path / "page.html"), people(), "Two")
    page, screenshot = tmp_path / "page.html", tmp_path / "page.png"
    page.write_text(page.read_text(encoding="utf-8").replace("</head>", FIXED)
                    .replace("</body>", f"<script>{script}</script></body>"))
    with tempfile.TemporaryDirectory(dir=tmp_path, ignore_cleanup_errors=True) as profile:
        subprocess.run([CHROMIUM, *FLAGS, *ONCE, f"--user-data-dir={profile}", f"--screenshot={screenshot}",
                        page.as_uri()], check=True, capture_output=True, timeout=60)
    blue, _, red = cv2.imread(str(screenshot)).astype(int)[:, 200:].transpose(2, 0, 1)  # without the panel
    return red > blue + 60, blue > red + 60


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_a_browser_draws_the_meshes_and_obeys_its_controls(tmp_path):
    red, blue = photographed(tmp_path)
    assert red.sum() > 5000 and blue.sum() > 5000
    assert np.nonzero(red)[1].mean() < np.nonzero(blue)[1].mean() - 200

    lines_red, _ = photographed(tmp_path, 'control("wireframe").click(); control("surface").click();')
    assert 0.1 * red.sum() < lines_red.sum() < 0.8 * red.sum()

    one_red, no_blue = photographed(tmp_path, 'document.querySelectorAll("#people input")[1].click();')
    assert abs(one_red.sum() - red.sum()) < 100 and no_blue.sum() == 0

    wheel = 'canvas.dispatchEvent(new WheelEvent("wheel", {deltaY: 500}));'
    _, small_blue = photographed(tmp_path, wheel)
    assert small_blue.sum() == pytest.approx(blue.sum() * np.exp(-1.0), rel=0.2)  # exp(0.5) times as far away


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_dragging_turns_the_bodies(tmp_path):
    # 450 pixels to the left are half a turn: blue and red change sides.
    drag = """
      const send = (name, x) => canvas.dispatchEvent(new PointerEvent(name, {pointerId: 1, clientX: x, clientY: 300}));
      try { send("pointerdown", 700); } finally { send("pointermove", 250); }"""
    red, blue = photographed(tmp_path, drag)
    assert red.sum() > 5000 and blue.sum() > 5000
    assert np.nonzero(blue)[1].mean() < np.nonzero(red)[1].mean() - 200


def before_a_camera():
    """The balls 10 m before a camera of 600 px, the image of 400 x 300 px red on the left and green on the right."""
    meshes = [Mesh(mesh.vertices + [0, 0, -10], mesh.faces, mesh.colour, mesh.name) for mesh in people()]
    photo = np.zeros((300, 400, 3), np.uint8)
    photo[:, :200, 0] = photo[:, 200:, 1] = 255
    joints = [(("left_knee", "head"), np.array([[x, 0, -10], [x, 0.45, -10.0]])) for x in (-0.8, 0.8)]
    return {"meshes": meshes, "joints": joints, "photo": photo, "camera": PerspectiveCamera(600.0, (200.0, 150.0))}


def test_the_photo_lies_behind_the_people_as_its_camera_saw_it():
    scene = scene_of(viewer_page(title="Camera", **before_a_camera()))
    corners = np.array(scene["photo"]["corners"]) @ Y_UP
    # The balls reach from 9.5 to 10.5 m, the photo stands half of that behind them.
    np.testing.assert_allclose(corners[:, 2], 11.0, atol=1e-6)
    np.testing.assert_allclose(600 * corners[:, :2] / corners[:, 2:] + [200, 150],
                               [[0, 0], [400, 0], [0, 300], [400, 300]], atol=1e-3)
    data = base64.b64decode(scene["photo"]["image"].removeprefix("data:image/jpeg;base64,"))
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (300, 400, 3) and image[150, 50, 2] > 240 and image[150, 350, 1] > 240
    large = viewer_page(title="Large", **{**before_a_camera(), "photo": np.zeros((3000, 4000, 3), np.uint8)})
    data = base64.b64decode(scene_of(large)["photo"]["image"].partition(",")[2])
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (750, 1000, 3)
    assert [mesh["joint_names"] for mesh in scene["meshes"]] == [["left_knee", "head"]] * 2
    np.testing.assert_allclose(decoded(scene["meshes"][1]["joints"], "<f4"), [0.8, 0, -10, 0.8, 0.45, -10], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_browser_looks_through_the_camera_and_names_what_the_pointer_is_at(tmp_path):
    # 300 rows of the photo fill the 600 of the canvas, and its middle is that of the canvas. A second ball's middle is
    # 48 columns of the photo beside it. Names: two of its surface, a joint within 10 px, and nothing.
    sync_api = pytest.importorskip("playwright.sync_api")
    write_viewer(str(tmp_path / "page.html"), title="Camera", **before_a_camera())
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=120e3)
        page = browser.new_page(viewport={"width": 900, "height": 600})
        page.set_default_timeout(120e3)
        page.goto((tmp_path / "page.html").as_uri())

        def name_at(x, y):
            page.mouse.move(x, y)
            return page.text_content("#label")

        for control in ("#floor", "#through"):
            page.click(control)
        page.evaluate("document.getElementById('panel').hidden = true")
        page.wait_for_selector("body[data-state=drawn]")
        names = [name_at(546, 300), name_at(546, 250)]
        page.screenshot(path=tmp_path / "shot.png")
        page.evaluate("document.getElementById('joints').click()")
        names += [name_at(360, 246), name_at(800, 300)]
        browser.close()
    assert re.fullmatch(r"second: left_knee, vertex \d+; second: head, vertex \d+; first: head; ?", "; ".join(names))
    blue, green, red = cv2.imread(str(tmp_path / "shot.png")).astype(int).transpose(2, 0, 1)
    # A ball of 0.5 m at 10 m: 30 px of the photo, 60 of the canvas, blue on green.
    rows, columns = (np.flatnonzero(line < 150) for line in (green[200:400, 546], green[300, 460:550]))
    assert (rows.min() + 200, rows.max() + 200, columns.min() + 460) == pytest.approx((240, 360, 486), abs=3)
    assert blue[300, 546] > 100 > red[300, 546]
    assert (green[320:400, 700:840] > 200).all() and (red[320:400, 60:200] > 200).all()


def swinging():
    """A ball on a bone that turns from +x to +y about the origin within three frames, and is away in the third."""
    ball = trimesh.creation.icosphere(subdivisions=2, radius=0.3)
    vertices = np.asarray(ball.vertices) + [1.0, 0, 0]
    count, half = len(vertices), np.sqrt(0.5)
    moving = Moving((-1, 0), np.array([[0, 0, 0], [1.0, 0, 0]]), np.tile([1, 0, 0, 0], (count, 1)),
                    np.tile([1.0, 0, 0, 0], (count, 1)),
                    np.array([[[1, 0, 0, 0], [1, 0, 0, 0]], [[half, 0, 0, half], [1, 0, 0, 0]]], float),
                    np.zeros((2, 3)), np.array([0, 1, -1]))
    return Mesh(vertices, np.asarray(ball.faces), (220, 30, 30), "ball"), moving


def test_a_scene_that_moves_holds_its_turns():
    mesh, moving = swinging()
    page = viewer_page([mesh], "Swing", motions=[moving], times=[0.0, 0.5, 1.0])
    scene = scene_of(page)
    assert scene["times"] == [0.0, 0.5, 1.0] and scene["meshes"][0]["motion"]["parents"] == [-1, 0]
    motion = scene["meshes"][0]["motion"]
    np.testing.assert_array_equal(decoded(motion["rows"], "<i4"), [0, 1, -1])
    np.testing.assert_allclose(decoded(motion["turns"], "<f4").reshape(2, 2, 4), moving.quaternions, atol=1e-6)


def red_pixels(tmp_path, page, script):
    """(H, W) bool: what is red of a page after `script` ran in it, without the panel."""
    script = f'<script>control("panel").hidden = true; {script}</script></body>'
    (tmp_path / "page.html").write_text(page.replace("</head>", FIXED).replace("</body>", script), encoding="utf-8")
    subprocess.run([CHROMIUM, *FLAGS, *ONCE, f"--user-data-dir={tmp_path / 'profile'}",
                    f"--screenshot={tmp_path / 'shot.png'}", f"file://{tmp_path / 'page.html'}"],
                   capture_output=True, timeout=120)
    blue, green, red = cv2.imread(str(tmp_path / "shot.png")).astype(int).transpose(2, 0, 1)
    return (red > 120) & (red > 2 * blue) & (red > 2 * green)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_somebody_seen_for_a_moment_does_not_make_the_others_small(tmp_path):
    """A red ball in eleven frames, alone or with one that is 30 m away in one frame or, a tenth of the time, in two."""
    ball, moving = swinging()
    still = dataclasses.replace(moving, quaternions=np.tile(moving.quaternions[:1], (11, 1, 1)), root=np.zeros((11, 3)),
                                rows=np.arange(11))
    seen = []
    for count in (0, 1, 2):
        rows, root = np.full(11, -1), np.tile([30.0, 0, 0], (count, 1))
        rows[11 - count:] = np.arange(count)
        far = dataclasses.replace(moving, quaternions=moving.quaternions[:count], root=root, rows=rows)
        meshes, motions = [ball, ball][:1 + min(count, 1)], [still, far][:1 + min(count, 1)]
        page = viewer_page(meshes, "Two", motions=motions, times=list(range(11)))
        seen.append(red_pixels(tmp_path, page, "").sum())
    alone, one_frame, two_frames = seen
    assert alone > 1000 and abs(one_frame - alone) < 0.02 * alone and two_frames < 0.1 * alone


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_browser_shows_the_frame_that_the_slider_names(tmp_path):
    mesh, moving = swinging()
    page = viewer_page([mesh], "Swing", motions=[moving], times=[0.0, 0.5, 1.0])
    centres = []
    for frame in range(3):
        # A visitor who moves the slider and looks from the front, without the panel.
        red = red_pixels(tmp_path, page, f'control("frame").value = {frame}; '
                         'control("frame").dispatchEvent(new Event("input")); '
                         'document.querySelector("[data-yaw=\\"0\\"]").click();')
        centres.append(np.argwhere(red).mean(0) if red.sum() > 200 else None)
    (first_y, first_x), (second_y, second_x), gone = centres
    assert second_x < first_x - 100 and second_y < first_y - 100  # from the right to above
    assert gone is None
