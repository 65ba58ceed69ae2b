"""Videos as they are stored: turned, damaged, of varying rate and shape, and what a stream says of itself."""
import fractions
import itertools
import logging
import os
from types import SimpleNamespace

import av
import numpy as np
import pytest
from video_samples import CORNERS, encode, grey, rgb

from common.errors import UserError
from common.inference import video_reader
from common.inference.sources import open_source
from common.inference.video_reader import Video, fit, upright

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
