"""What infer.py reads: images by their bytes, frames of videos upright, with their times and nothing lost silently."""
import fractions
import io
import itertools
import logging
import os
import signal
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from common.data.image import read_image
from common.errors import UserError
from common.inference import sources, video_reader
from common.inference.sources import interrupt_noted, open_source
from common.inference.video_reader import Video, fit, upright

# Four corners of different colours: every turn and mirror image of it is another image.
CORNERS = np.zeros((48, 64, 3), np.uint8)
CORNERS[:24, :32], CORNERS[:24, 32:], CORNERS[24:, :32], CORNERS[24:, 32:] = (250, 0, 0), (0, 250, 0), (0, 0, 250), 250


def encode(path, images, times=None, rotation=None, codec="libx264", pix_fmt="yuv420p", aspect=None, **stream_options):
    """Write a test video; times in seconds, rotation as (degrees counter-clockwise, mirrored)."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, **stream_options)
        stream.height, stream.width, stream.pix_fmt = *images[0].shape[:2], pix_fmt
        stream.codec_context.time_base = fractions.Fraction(1, 1000)
        if codec == "libx264":
            stream.options = {"bf": "0", "crf": "10"}
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation[0], hflip=rotation[1])
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = round(1000 * (number / 10 if times is None else times[number]))
            frame.time_base = fractions.Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return str(path)


def grey(count, size=(48, 64)):
    """Frames that differ, so that the encoder cannot leave any out."""
    return [np.full((*size, 3), 5 * number, np.uint8) for number in range(count)]


def rgb(frame):
    return frame.image[..., ::-1].astype(int)


# Videos.

@pytest.mark.parametrize("degrees, mirrored", list(itertools.product((0, 90, 180, 270), (False, True))))
@pytest.mark.parametrize("ending", ["mp4", "mov"])
def test_frames_of_turned_videos_are_upright(tmp_path, degrees, mirrored, ending):
    path = encode(tmp_path / f"phone.{ending}", [CORNERS] * 2, rotation=(degrees, mirrored))
    expected = np.rot90(CORNERS, degrees // 90)
    expected = expected[:, ::-1] if mirrored else expected
    for frame in open_source(path).frames():
        assert frame.image.shape == expected.shape and np.abs(rgb(frame) - expected).mean() < 6


def test_a_display_matrix_by_hand():
    image = np.arange(6).reshape(2, 3, 1)
    # The x axis of the image points up on the screen, its y axis to the right: a quarter turn counter-clockwise.
    turned = upright(image, [[0, -65536, 0], [65536, 0, 0], [0, 0, 1 << 30]])
    assert turned[..., 0].tolist() == [[2, 5], [1, 4], [0, 3]] and turned.flags.c_contiguous
    assert upright(image, np.diag([65536, 65536, 1 << 30]))[..., 0].tolist() == image[..., 0].tolist()
    slanted = [[60000, 20000, 0], [-20000, 60000, 0], [0, 0, 1]]
    assert upright(image, slanted)[..., 0].tolist() == image[..., 0].tolist()


def test_a_cut_video_gives_what_it_has_and_says_both_counts(tmp_path, caplog):
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(30)]
    whole = tmp_path / "whole.mp4"
    with av.open(str(whole), "w", options={"movflags": "faststart"}) as container:  # the index comes first
        stream = container.add_stream("libx264", rate=10, options={"bf": "0"})
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        for image in noise:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    (tmp_path / "cut.mp4").write_bytes(whole.read_bytes()[:len(whole.read_bytes()) // 2])
    source = open_source(str(tmp_path / "cut.mp4"))
    frames = list(source.frames())
    assert source.count == 30 and 8 <= len(frames) <= 18
    assert f"cut.mp4: {len(frames)} frames came of 30 that the file promises" in caplog.text
    caplog.clear()
    assert len(list(open_source(str(whole)).frames())) == 30
    # Who asks for a part gets no warning.
    assert len(list(open_source(str(tmp_path / "cut.mp4"), frame_max=3).frames())) == 3
    assert not caplog.text


def test_damage_in_the_middle_costs_one_frame_only(tmp_path, caplog):
    path = encode(tmp_path / "a.mp4", grey(30))
    with av.open(path) as container:
        place = [packet.pos for packet in container.demux(video=0) if packet.size][10]
    data = bytearray((tmp_path / "a.mp4").read_bytes())
    data[place:place + 4] = b"\xff" * 4  # the length of a piece that is longer than the file
    (tmp_path / "a.mp4").write_bytes(bytes(data))
    frames = list(open_source(path).frames())
    assert len(frames) == 29 and "29 frames came of 30 that the file promises, 1 pieces of data are" in caplog.text
    assert frames[10].time_s == pytest.approx(1.1) and abs(int(frames[-1].image[0, 0, 0]) - 145) < 5


def test_an_avi_with_dropped_frames_is_whole(tmp_path, caplog):
    """AVI keeps its pace with empty frames, which are none."""
    times = [0.0, 0.1, 0.2, 0.5, 0.6]
    source = open_source(encode(tmp_path / "a.avi", grey(5), times, codec="mjpeg", pix_fmt="yuvj420p"))
    assert [frame.time_s for frame in source.frames()] == pytest.approx(times) and not caplog.text


def test_a_change_of_size_is_said_and_the_first_size_stays(tmp_path, caplog):
    parts = [encode(tmp_path / f"{height}.ts", grey(8, (height, 64))) for height in (48, 96)]
    (tmp_path / "change.ts").write_bytes(b"".join(open(part, "rb").read() for part in parts))
    frames = list(open_source(str(tmp_path / "change.ts")).frames())
    assert len(frames) == 16 and {frame.image.shape for frame in frames} == {(48, 64, 3)}
    assert "from frame 8 on frames have 64 x 96 px in place of 64 x 48" in caplog.text
    assert np.diff([frame.time_s for frame in frames]).min() > 0
    # Half as large, between black bars.
    assert frames[-1].image[:, :14].max() < 8 and frames[-1].image[24, 32].min() > 20


def test_fit_keeps_proportions():
    wide = fit(np.full((10, 40, 3), 9, np.uint8), (20, 20))
    assert wide.shape == (20, 20, 3) and wide[:, 0, 0].tolist() == [0] * 7 + [9] * 5 + [0] * 8
    assert fit(wide, (20, 20)) is wide


def test_times_of_a_video_with_a_varying_rate(tmp_path):
    times = [0.0, 0.1, 0.15, 0.9, 2.0]
    for ending in ("mp4", "mkv"):
        source = open_source(encode(tmp_path / f"vary.{ending}", grey(5), [1.5 + time for time in times]))
        assert [frame.time_s for frame in source.frames()] == pytest.approx(times)
        assert [frame.name for frame in source.frames()][-1] == "vary_000000000004"


def test_pixels_that_are_not_square_are_made_square(tmp_path):
    path = encode(tmp_path / "wide.mp4", grey(2), aspect=fractions.Fraction(3, 2))
    assert next(open_source(path).frames()).image.shape == (48, 96, 3)


@pytest.mark.parametrize("ending, codec, pix_fmt", [
    ("mp4", "libx264", "yuv420p10le"), ("webm", "libvpx-vp9", "yuva420p"), ("mov", "prores", "yuv422p10le"),
    ("avi", "mjpeg", "yuvj420p"), ("mkv", "ffv1", "bgr0"), ("mp4", "libx264", "yuv444p")])
def test_other_codecs_and_depths_keep_their_colours(tmp_path, ending, codec, pix_fmt):
    path = encode(tmp_path / f"a.{ending}", [CORNERS] * 3, codec=codec, pix_fmt=pix_fmt)
    frames = list(open_source(path).frames())
    assert len(frames) == 3 and np.abs(rgb(frames[0]) - CORNERS).mean() < 8


def test_odd_sides(tmp_path):
    path = encode(tmp_path / "odd.mkv", grey(2, (41, 63)), codec="ffv1", pix_fmt="bgr0")
    assert next(open_source(path).frames()).image.shape == (41, 63, 3)


def test_files_that_are_no_videos(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "notes.txt").write_text("not a video " * 100)
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/hosts\n")
    encode(tmp_path / "whole.mp4", grey(20))
    data = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "headless.mp4").write_bytes(data[:data.index(b"moov")])
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.float32), "fltp", "mono")
        sound.sample_rate = 44100
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    for name, words in (("empty.mp4", "is empty"), ("notes.txt", "neither an image nor a video"),
                        ("list.m3u8", "neither an image nor a video"), ("headless.mp4", "neither an image nor a video"),
                        ("sound.mp4", "holds no video, only sound")):
        with pytest.raises(UserError, match=f"{name}.* {words}"):
            open_source(str(tmp_path / name))


def test_names_that_ffmpeg_would_take_for_something_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("pipe:0.mp4", "clip %03d.mp4", "ünïcode 視頻.mp4", "-i.mp4"):
        os.rename(encode(tmp_path / "plain.mp4", grey(2)), name)
        assert open_source(name).fps == 10 and len(list(Video(name).frames())) == 2


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
    assert "1 files that are no images" in caplog.text and "2 links to nothing, pipes or devices" in caplog.text
    assert "1 folders; images in folders within are named by a pattern" in caplog.text
    assert "broken.jpg (0 bytes) is damaged or no image" in caplog.text and "hidden" not in caplog.text
    with pytest.raises(UserError, match="no images there, only 1 folders; .*within"):
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

def test_times_grow_whatever_the_file_says():
    clock = video_reader._Clock(10.0)
    assert [clock(time) for time in (7.0, 7.1, None, 7.3, 7.3, 7.05, 7.25)] == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7]
    clock = video_reader._Clock(3.0)
    assert [clock(None), clock(None)] == [0, 0.333333]


@pytest.mark.parametrize("mean, guessed, fps", [
    (fractions.Fraction(30000, 1001), 25, 30000 / 1001), (None, 24, 24.0), (0, 50, 50.0), (None, None, 25.0),
    (0, 0, 25.0), (-1, 0, 25.0), (1000, 0, 25.0), (999, 0, 999.0)])
def test_the_mean_rate_of_a_stream(mean, guessed, fps):
    assert video_reader._mean_rate(SimpleNamespace(average_rate=mean, guessed_rate=guessed)) == fps


@pytest.mark.parametrize("exact, number, last, discarded, damaged, said", [
    (True, 28, 9.0, 2, 0, ""), (True, 27, 9.0, 2, 0, "27 frames came of 28 that"), (True, 30, 0.0, 0, 0, ""),
    (True, 30, 9.0, 0, 3, "30 frames came of 30 that the file promises, 3 pieces of data are damaged"),
    # 100 s at 10 frames a second: the last one is to be seen at 99.9 s, less 2 % of all.
    (False, 5, 97.91, 0, 0, ""), (False, 5, 97.87, 0, 0, "5 frames came of about 30 that"),
    (False, 40, 97.87, 0, 0, "40 frames came of about 40 that")])
def test_missing_frames_by_number_or_by_time(caplog, exact, number, last, discarded, damaged, said):
    video = object.__new__(Video)
    video.path, video.count, video.exact, video.fps, video.seconds = "a.mp4", 30, exact, 10.0, 100.0
    video._report(number, last, SimpleNamespace(discarded=discarded, damaged=damaged))
    assert (said in caplog.text) if said else not caplog.text


def test_short_videos_may_lack_half_a_second(caplog):
    video = object.__new__(Video)
    video.path, video.count, video.exact, video.fps, video.seconds = "a.mkv", 50, False, 10.0, 5.0
    video._report(45, 4.42, SimpleNamespace(discarded=0, damaged=0))
    assert not caplog.text
    video._report(45, 4.38, SimpleNamespace(discarded=0, damaged=0))
    assert "a.mkv: 45 frames came of about 50" in caplog.text


def test_what_a_container_promises():
    def seconds(duration=None, said="", whole=None, streams=1):
        stream = SimpleNamespace(duration=duration, time_base=fractions.Fraction(1, 10), metadata={"DURATION": said})
        return video_reader._promised_seconds(SimpleNamespace(duration=whole, streams=[0] * streams), stream)

    assert seconds(50, "01:02:03.5") == 5.0 and seconds(None, "01:02:03.5") == 3723.5
    assert seconds(whole=7_000_000) == 7.0, "microseconds"
    assert seconds(whole=7_000_000, streams=2) == 0.0 and seconds() == 0.0, "the sound may be longer"


class Packet:
    """A packet with a frame, a damaged one (None), or one that is cut away (its number is negative)."""

    def __init__(self, number):
        self.number, self.is_discard = number, number is not None and number < 0

    def decode(self):
        if self.number is None:
            raise av.error.InvalidDataError(1, "damaged")
        return [self.number]


@pytest.mark.parametrize("numbers, decoded, damaged, discarded", [
    ([1, None, 2, -3, -4], [1, 2, -3, -4], 1, 2),
    ([None, None, 1, None, None, 2], [1, 2], 4, 0),  # never three in a row
    ([1, None, None, None, 2], [1], 3, 0),
])
def test_damaged_packets_are_counted_and_end_only_in_a_row(monkeypatch, numbers, decoded, damaged, discarded):
    monkeypatch.setattr(video_reader, "ENDLESS", 3)
    packets = SimpleNamespace(demux=lambda stream: iter([Packet(number) for number in numbers]))
    decoder = video_reader._Decoder(packets, None)
    assert list(decoder.frames()) == decoded and (decoder.damaged, decoder.discarded) == (damaged, discarded)


def shaped(image, aspect=None, **fields):
    frame = SimpleNamespace(to_ndarray=lambda format: image, side_data={},
                            **{"interlaced_frame": False, "color_trc": None, **fields})
    return video_reader._Shaper("a.mp4", SimpleNamespace(sample_aspect_ratio=aspect))(frame)


def test_pixels_that_are_not_square():
    widest = video_reader.WIDEST_PIXEL
    image = np.zeros((4, 32, 3), np.uint8)
    assert [shaped(image, aspect).shape[1] for aspect in (widest, 1 / widest, 1.01 * widest, None, 2, 0.5)] == [
        32 * widest, 32 / widest, 32, 32, 64, 16]
    assert shaped(np.zeros((4, 1, 3), np.uint8), 0.25).shape == (4, 1, 3)


def test_interlaced_and_hdr_videos_are_said_to_be(caplog):
    image = np.zeros((4, 4, 3), np.uint8)
    with caplog.at_level(logging.INFO, "mindhuman"):
        shaped(image, color_trc=1)
    assert not caplog.records
    with caplog.at_level(logging.INFO, "mindhuman"):
        shaped(image, interlaced_frame=True)
    assert "a.mp4 is interlaced" in caplog.text and "HDR" not in caplog.text
    for transfer in (16, 18):  # PQ and HLG, ITU-T H.273
        caplog.clear()
        with caplog.at_level(logging.INFO, "mindhuman"):
            shaped(image, color_trc=transfer)
        assert "a.mp4 is an HDR video" in caplog.text


def test_a_matrix_halfway_turns_nothing_and_zeros_mirror_nothing():
    for matrix in ([[1, 1], [-1, 1]], [[1, 0], [0, 0]], [[0, 0], [0, 1]]):
        np.testing.assert_array_equal(upright(CORNERS, matrix), CORNERS)


def test_shrinking_takes_the_mean_and_enlarging_goes_between():
    image = np.zeros((4, 4, 3), np.uint8)
    image[:, 3] = 200
    assert (fit(image, (1, 1)) == 50).all()
    image = np.zeros((2, 2, 3), np.uint8)
    image[:, 1] = 200
    assert fit(image, (4, 4))[0, :, 0].tolist() == [0, 50, 150, 200]


# Cameras.

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
