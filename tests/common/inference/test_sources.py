"""What infer.py reads: images by their bytes, frames of videos upright, with their times and nothing lost silently."""
import io
import logging
import os
import signal

import cv2
import numpy as np
import pytest
from PIL import Image
from video_samples import CORNERS, encode, grey, rgb

from common.data.image import read_image
from common.errors import UserError
from common.inference import sources
from common.inference.sources import interrupt_noted, open_source

# Images.

def save(path, kind="PNG", image=CORNERS, **options):
    Image.fromarray(image).save(path, kind, **options)
    return str(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_all_eight_orientations(tmp_path, kind):
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        options = {"tiffinfo": {0x0112: orientation}} if kind == "TIFF" else {"exif": exif}
        path = save(tmp_path / "a", kind, quality=100, **options)
        expected = CORNERS.transpose(1, 0, 2) if orientation > 4 else CORNERS
        expected = expected[:, ::-1] if orientation in (2, 3, 6, 7) else expected
        expected = expected[::-1] if orientation in (3, 4, 7, 8) else expected
        image = read_image(path).astype(int)
        assert image.shape == expected.shape and np.abs(image - expected).mean() < 6, orientation


def test_the_first_bytes_decide(tmp_path):
    for name, kind in (("photo.jfif", "JPEG"), ("photo.jpe", "JPEG"), ("noending", "PNG"), ("wrong.mp4", "BMP"),
                       ("scan.dat", "TIFF"), ("still.gif", "GIF"), ("p.ppm", "PPM"), ("x.jp2", "JPEG2000")):
        source = open_source(save(tmp_path / name, kind))
        assert source.fps == 0 and np.abs(rgb(next(source.frames())) - CORNERS).mean() < 8, name
    # A video that is called an image is a video.
    os.rename(encode(tmp_path / "v.mp4", grey(3)), tmp_path / "v.jpg")
    assert open_source(str(tmp_path / "v.jpg")).count == 3


@pytest.mark.parametrize("name, data, kind", [
    ("IMG_1.HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic"),
    ("IMG_2.jpg", b"\0\0\0\x18ftypmif1\0\0\0\0heic", "heic"),
    ("a.dng", b"II*\0\x08\0\0\0", "camera raw"), ("a.cr3", b"\0\0\0\x18ftypcrx \0\0\0\1", "camera raw"),
    ("a.jxl", b"\xff\x0a\0\0", "jpeg xl")])
def test_kinds_that_cannot_be_read_are_named(tmp_path, name, data, kind):
    (tmp_path / name).write_bytes(data + bytes(100))
    with pytest.raises(UserError, match=f"{name} is a {kind} file, which is not read here; save it as JPEG or PNG"):
        list(open_source(str(tmp_path / name)).frames())


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_by_itself_is_a_video_and_in_a_folder_an_image(tmp_path, kind):
    images = [Image.fromarray(np.roll(CORNERS, 8 * number, 1)) for number in range(3)]
    path = tmp_path / f"a.{kind.lower()}"
    images[0].save(path, kind, save_all=True, append_images=images[1:], duration=[100, 300, 200])
    source = open_source(str(path))
    frames = list(source.frames())
    assert [frame.time_s for frame in frames] == pytest.approx([0, 0.1, 0.4]) and source.fps == pytest.approx(5)
    assert np.abs(rgb(frames[1]) - np.roll(CORNERS, 8, 1)).mean() < 8
    source = open_source(str(tmp_path))
    assert source.fps == 0 and source.count == 1 and len(list(source.frames())) == 1


def test_frames_of_an_animation_without_times_are_shown_as_browsers_do(tmp_path):
    images = [Image.fromarray(np.roll(CORNERS, 8 * number, 1)) for number in range(3)]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=0)
    source = open_source(str(tmp_path / "a.gif"))
    assert [frame.time_s for frame in source.frames()] == pytest.approx([0, 0.1, 0.2])
    assert source.fps == pytest.approx(10)
    assert source.count == 3 and open_source(str(tmp_path / "a.gif"), 2).count == 2
    assert len(list(open_source(str(tmp_path / "a.gif"), 2).frames())) == 2


def test_a_damaged_animation_gives_what_it_has_and_says_both_counts(tmp_path, monkeypatch, caplog):
    images = [Image.fromarray(np.roll(CORNERS, 8 * number, 1)) for number in range(4)]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=40)
    source, shown = open_source(str(tmp_path / "a.gif")), sources._shown_s

    def damaged(file, number):
        if number == 2:
            raise OSError("broken")
        return shown(file, number)

    monkeypatch.setattr(sources, "_shown_s", damaged)
    assert [frame.time_s for frame in source.frames()] == pytest.approx([0, 0.04])
    assert "a.gif: 2 frames came of 4 that the file promises; it is damaged" in caplog.text


def test_two_photos_in_a_file_are_an_image(tmp_path):
    """As cameras write them with a preview or a second view behind the photo."""
    save(tmp_path / "one.jpg", "JPEG")
    (tmp_path / "two.jpg").write_bytes(2 * (tmp_path / "one.jpg").read_bytes())
    source = open_source(str(tmp_path / "two.jpg"))
    assert source.fps == 0 and source.count == 1 and len(list(source.frames())) == 1


def test_a_file_that_cannot_be_opened_is_named(tmp_path, monkeypatch):
    def refused(path, *_):
        raise PermissionError(13, "Permission denied", path)

    path = save(tmp_path / "a.png")
    monkeypatch.setattr("builtins.open", refused)
    with pytest.raises(UserError, match="a.png cannot be read .Permission denied"):
        list(open_source(path).frames())


def names(path):
    return [frame.name for frame in open_source(str(path)).frames()]


def test_equal_stems_keep_their_names_apart(tmp_path):
    for name in ("a.jpg", "a.png", "b.png"):
        save(tmp_path / name)
    assert names(tmp_path) == ["a.jpg", "a.png", "b"] and names(tmp_path / "*.png") == ["a", "b"]
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        save(tmp_path / folder / "same.png")
    (tmp_path / "x" / "B.png").write_bytes((tmp_path / "b.png").read_bytes())
    (tmp_path / "b.png").rename(tmp_path / "y" / "b.png")
    assert names(tmp_path / "[xy]" / "*") == ["000000_B.png", "000001_same.png", "000002_b.png", "000003_same.png"]


def test_folders_say_what_they_leave_out(tmp_path, caplog):
    save(tmp_path / "a.png")
    (tmp_path / "._a.png").write_bytes(b"Mac OS X")
    (tmp_path / ".hidden.png").write_bytes((tmp_path / "a.png").read_bytes())
    (tmp_path / "notes.txt").write_text("text")
    (tmp_path / "broken.jpg").write_bytes(b"")
    os.symlink("nowhere.png", tmp_path / "link.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "within").mkdir()
    with caplog.at_level(logging.INFO, "mindhuman"):
        assert names(tmp_path) == ["a"]
    assert "1 file that is no image" in caplog.text and "2 links to nothing, pipes or devices" in caplog.text
    assert "1 folder; images in folders within are named by a pattern" in caplog.text
    assert "broken.jpg (0 bytes) is damaged or no image" in caplog.text and "hidden" not in caplog.text
    with pytest.raises(UserError, match="no images there, only 1 folder; .*within"):
        (tmp_path / "outer" / "inner").mkdir(parents=True)
        open_source(str(tmp_path / "outer"))
    with pytest.raises(UserError, match="no images there; a video is named by itself"):
        open_source(str(tmp_path / "within"))
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(UserError, match="none of the 2 images can be read"):
        names(tmp_path)


def test_what_exists_comes_before_patterns_and_numbers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("2024", "photos [2024]", "photos 2"):
        os.mkdir(folder)
        save(f"{folder}/a.png")
    save("7")
    save("img[1].png")
    assert names("2024") == names("photos [2024]") == names("photos [2024]/*.png") == ["a"]
    assert names("7") == ["7"] and names("img[1].png") == ["img[1]"]
    assert names("photos [0-9]/*.png") == ["a"] and names("**/*.png")[1] == "img[1]"
    os.mkfifo("pipe")
    os.symlink("nowhere", "link")
    for text, words in (("41", "no file or folder of this name and no camera"), ("none.jpg", "does not exist"),
                        ("pipe", "is a pipe or device"), ("link", "is a link to a file that does not exist"),
                        ("https://host/a.jpg", "is an address, only files"), ("file:///a.jpg", "download it"),
                        ("", "--input is missing"), ("*.mp4", "no images there"), ("/dev/null", "pipe or device")):
        with pytest.raises(UserError, match=words):
            open_source(text)


def test_a_pattern_of_one_video_is_a_video(tmp_path):
    encode(tmp_path / "a.mp4", grey(2))
    assert open_source(str(tmp_path / "*.mp4")).count == 2
    encode(tmp_path / "b.mp4", grey(2))
    with pytest.raises(UserError, match="no images there, only 2 files that are no images; a video is named by itself"):
        open_source(str(tmp_path / "*.mp4"))


def test_read_image_of_an_open_file_is_bounded(tmp_path):
    """A truncated animation still has its first frame; an empty one is named."""
    stream = io.BytesIO()
    images = [Image.fromarray(np.roll(CORNERS, 8 * number, 1)) for number in range(3)]
    images[0].save(stream, "GIF", save_all=True, append_images=images[1:])
    (tmp_path / "cut.gif").write_bytes(stream.getvalue()[:-200])
    assert read_image(str(tmp_path / "cut.gif")).shape == (48, 64, 3)
    (tmp_path / "none.gif").write_bytes(b"GIF89a")
    with pytest.raises(UserError, match="none.gif"):
        read_image(str(tmp_path / "none.gif"))


def test_cv2_agrees_on_plain_images(tmp_path):
    path = save(tmp_path / "a.png")
    assert (cv2.imread(path) == next(open_source(path).frames()).image).all()


# Parts of the reader that no small file reaches; numbers by hand.


class Capture:
    """In place of a camera: so many frames, frames per second."""

    def __init__(self, frames, fps):
        self.left, self.fps, self.released = frames, fps, 0

    def isOpened(self):
        return self.left > 0

    def read(self):
        self.left -= 1
        return (True, CORNERS) if self.left >= 0 else (False, None)

    def get(self, _):
        return self.fps

    def release(self):
        self.released += 1


@pytest.mark.parametrize("said, fps", [(30.0, 30.0), (0.0, 25.0), (-1.0, 25.0), (1000.0, 25.0), (999.0, 999.0),
                                       (0.5, 0.5)])
def test_a_camera_gives_frames_until_it_ends(monkeypatch, said, fps):
    capture, asked = Capture(3, said), []
    monkeypatch.setattr(cv2, "VideoCapture", lambda number: asked.append(number) or capture)
    source = open_source("41")
    assert (asked, source.name, source.fps, source.count) == ([41], "camera_41", fps, 0)
    frames = list(source.frames())
    assert [frame.name for frame in frames] == [f"camera_41_{number:012d}" for number in range(3)]
    times = [frame.time_s for frame in frames]
    assert times == sorted(times) and 0 <= times[0] and times[-1] < 60 and capture.released == 1


@pytest.mark.parametrize("is_open", [False, True])
def test_a_camera_that_is_not_there_is_released(monkeypatch, is_open):
    capture = Capture(0, 30.0)
    monkeypatch.setattr(capture, "isOpened", lambda: is_open)
    monkeypatch.setattr(cv2, "VideoCapture", lambda number: capture)
    with pytest.raises(UserError, match="no camera of this number"):
        open_source("41")
    assert capture.released == 1


def test_a_number_is_a_camera_s_up_to_nine_digits(monkeypatch):
    asked = []
    monkeypatch.setattr(cv2, "VideoCapture", lambda number: asked.append(number) or Capture(1, 30.0))
    assert open_source("123456789").name == "camera_123456789" and asked == [123456789]
    for text in ("1234567890", "\u0664", "-1", "1.5"):
        with pytest.raises(UserError, match="does not exist"):
            open_source(text)


def test_the_device_of_a_camera_is_that_camera(monkeypatch):
    """As /dev/video7 a device that is always there: /dev/null."""
    look, asked = os.stat, []
    monkeypatch.setattr(os, "stat", lambda path, *rest, **named: look(
        os.devnull if path == "/dev/video7" else path, *rest, **named))
    monkeypatch.setattr(cv2, "VideoCapture", lambda number: asked.append(number) or Capture(2, 30.0))
    source = open_source("/dev/video7")
    assert (asked, source.name, len(list(source.frames()))) == ([7], "camera_7", 2)


def test_a_negative_number_of_frames_is_refused(tmp_path):
    with pytest.raises(UserError, match="--frame_max -1: it cannot be negative"):
        open_source(str(tmp_path), -1)


def test_the_first_interruption_is_noted_and_the_second_ends():
    before = signal.getsignal(signal.SIGINT)
    with interrupt_noted() as noted:
        assert not noted
        os.kill(os.getpid(), signal.SIGINT)
        assert noted
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
