"""Reading images: colours, orientations, damage, masks and sizes."""
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps
from smooth_image import smooth_image

from common.data.image import (
    AnnotatedImages,
    image_size,
    read_image,
)
from common.errors import UserError
from common.joints import SKELETONS
from common.stand_ins.body.anatomy import joint_tree

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
SEED = 1
SMPL_JOINTS = joint_tree("smpl")[0]
LSP_14, CMR_24 = SKELETONS["lsp_14"], SKELETONS["graphcmr_24"]


# Reading.

def test_colours_come_as_rgb(tmp_path):
    Image.fromarray(smooth_image()).save(tmp_path / "a.png")
    assert (read_image(tmp_path / "a.png") == smooth_image()).all()
    Image.fromarray(smooth_image()).save(tmp_path / "a.jpg", quality=100, subsampling=0)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - smooth_image()).max() < 8


def test_other_kinds_of_images_become_rgb(tmp_path):
    grey = smooth_image()[..., 1]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert (read_image(tmp_path / "grey.png") == grey[..., None]).all()
    Image.fromarray(np.dstack([smooth_image(), grey])).save(tmp_path / "rgba.png")
    assert (read_image(tmp_path / "rgba.png") == smooth_image()).all()
    Image.fromarray(grey).convert("P").save(tmp_path / "palette.png")
    assert (read_image(tmp_path / "palette.png") == grey[..., None]).all()
    cv2.imwrite(str(tmp_path / "deep.png"), smooth_image()[..., ::-1].astype(np.uint16) * 256 + 3)
    assert (read_image(tmp_path / "deep.png") == smooth_image()).all()


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    Image.fromarray(smooth_image()).save(tmp_path / "turned.jpg", quality=100, subsampling=0, exif=exif)
    difference = read_image(tmp_path / "turned.jpg").astype(int) - np.rot90(smooth_image(), -1)
    assert np.abs(difference).max() < 8


def test_damaged_images_are_named(tmp_path):
    for ending in ("jpg", "png"):
        whole = tmp_path / f"whole.{ending}"
        Image.fromarray(smooth_image(200, 300)).save(whole)
        for size in (0, 30, len(whole.read_bytes()) // 2):
            (tmp_path / f"part.{ending}").write_bytes(whole.read_bytes()[:size])
            with pytest.raises(UserError, match=f"part.{ending}"):
                read_image(tmp_path / f"part.{ending}")
    with pytest.raises(UserError, match="none.jpg does not exist"):
        read_image(tmp_path / "none.jpg")
    (tmp_path / "a.hdr").write_bytes(cv2.imencode(".hdr", np.ones((4, 4, 3), np.float32))[1].tobytes())
    with pytest.raises(UserError, match="a.hdr .* is damaged or no image"):  # only the kinds that are listed
        read_image(str(tmp_path / "a.hdr"))


# One rule for annotated images.

def turned(path, orientation, kind="JPEG", height=48, width=64):
    """An image as a phone stores it: the pixels of `smooth_image`, and how they are to be turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    quality = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    Image.fromarray(smooth_image(height, width)).save(path, kind, exif=exif, **quality)
    return str(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_annotations_belong_to_stored_pixels_unless_the_size_fits_the_turned_ones_only(tmp_path, orientation, kind):
    path, reader = turned(tmp_path / "a", orientation, kind), AnnotatedImages()
    for size in (None, (64, 48)):
        assert np.abs(reader.read(path, size).astype(int) - smooth_image(48, 64)).max() < 8
    upright = reader.read(path, (48, 64))
    if orientation < 5:
        assert upright is None and list(reader.left_out) == [path]
    else:
        expected = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB")).astype(int)
        assert expected.shape == (64, 48, 3) and np.abs(upright - expected).max() < 8 and not reader.left_out


def test_a_square_image_is_taken_as_stored(tmp_path):
    path = turned(tmp_path / "a.jpg", 6, height=40, width=40)
    assert np.abs(AnnotatedImages().read(path, (40, 40)).astype(int) - smooth_image(40, 40)).max() < 8


@pytest.mark.parametrize("reduce", [2, 4, 8])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_reduced_images_keep_to_the_rule(tmp_path, reduce, kind):
    path, reader = turned(tmp_path / "a", 8, kind, 51, 67), AnnotatedImages()
    for size in ((67, 51), (51, 67)):
        image = reader.read(path, size, reduce)
        assert all(abs(have - side / reduce) < 1 for have, side in zip(image.shape[1::-1], size))
        assert (image == reader.read(path, size, reduce, bgr=True)[..., ::-1]).all()
    assert reader.read(path, (67 + 2 * reduce, 51), reduce) is None


def test_sizes_that_do_not_fit_are_told_and_turned_images_once(tmp_path, caplog):
    reader = AnnotatedImages()
    reader.read(turned(tmp_path / "a.png", 1, "PNG"), (60, 50))
    assert list(reader.left_out.values()) == [
        f"{tmp_path / 'a.png'} is 64 x 48 pixels, its annotations are for 60 x 50"]
    reader = AnnotatedImages()
    with caplog.at_level("INFO", "mindhuman"):
        reader.read(turned(tmp_path / "b.png", 1, "PNG"), (64, 48))
        assert "is turned" not in caplog.text
        for name in "cd":
            assert reader.read(turned(tmp_path / f"{name}.png", 6, "PNG"), (48, 64)) is not None
    assert caplog.text.count("is turned as its EXIF data says") == caplog.text.count("c.png") == 1


def test_colours_come_as_asked(tmp_path):
    Image.fromarray(smooth_image()).save(tmp_path / "a.png")
    reader = AnnotatedImages()
    assert (reader.read(str(tmp_path / "a.png")) == smooth_image()).all()
    assert (reader.read(str(tmp_path / "a.png"), bgr=True) == smooth_image()[..., ::-1]).all()


@pytest.mark.parametrize("make", [
    lambda grey: Image.fromarray(grey), lambda grey: Image.fromarray(grey).convert("P"),
    lambda grey: Image.fromarray(grey).convert("1"), lambda grey: Image.fromarray(grey.astype(np.uint16) * 256),
    lambda grey: Image.fromarray(np.dstack([grey] * 4)), lambda grey: Image.fromarray(grey).convert("LA")])
def test_all_kinds_of_pixels_become_three_colours_of_eight_bits(tmp_path, make):
    grey = smooth_image()[..., 1]
    make(grey).save(tmp_path / "a.png")
    image = AnnotatedImages().read(str(tmp_path / "a.png"), grey.shape[::-1])
    assert image.dtype == np.uint8 and image.shape == (*grey.shape, 3)
    assert make(grey).mode == "1" or np.abs(image[..., 0].astype(int) - grey).max() < 2


def test_cmyk_and_tiny_images(tmp_path):
    Image.new("CMYK", (9, 7), (0, 255, 255, 0)).save(tmp_path / "red.jpg", quality=100)
    red = AnnotatedImages().read(str(tmp_path / "red.jpg"), (9, 7))
    assert (red[..., 0] > 200).all() and (red[..., 1:] < 60).all()
    Image.new("RGB", (1, 1), (1, 2, 3)).save(tmp_path / "tiny.png")
    assert AnnotatedImages().read(str(tmp_path / "tiny.png"), (1, 1)).tolist() == [[[1, 2, 3]]]


@pytest.mark.parametrize("mode, text", [("LAB", "CIELAB colours"), ("F", "32 bits"), ("I", "32 bits")])
def test_tiffs_whose_values_would_be_mistaken_are_refused(tmp_path, mode, text):
    Image.new(mode, (9, 7)).save(tmp_path / "a.tif")
    with pytest.raises(UserError, match=f"a.tif is a TIFF of {text}, which is not read here; save it as JPEG or PNG"):
        read_image(str(tmp_path / "a.tif"))
    Image.new("CMYK", (9, 7), (0, 255, 255, 0)).save(tmp_path / "red.tif")
    assert read_image(str(tmp_path / "red.tif"))[3, 4].tolist() == [255, 0, 0]
    Image.fromarray(np.full((7, 9), 0x4321, np.uint16)).save(tmp_path / "deep.tif")
    assert read_image(str(tmp_path / "deep.tif"))[3, 4].tolist() == [0x43] * 3


def bomb(width, height):
    """A png of a hundred bytes that claims a size."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b""))


@pytest.mark.parametrize("content", [b"", b"\xff\xd8 no image", b"\x89PNG cut", bomb(60000, 60000), bomb(20000, 20000),
                                     bomb(2 ** 31 - 1, 1), b"GIF89a" + bytes(20)])
def test_damaged_images_are_said_once_counted_and_left_out(tmp_path, caplog, content):
    (tmp_path / "good.png").write_bytes(cv2.imencode(".png", smooth_image())[1].tobytes())
    (tmp_path / "bad.png").write_bytes(content)
    reader = AnnotatedImages(2)
    for _ in range(3):
        assert reader.read(str(tmp_path / "bad.png"), (60000, 60000)) is None
    assert reader.read(str(tmp_path / "good.png")) is not None
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / 'bad.png'} ({len(content)} bytes) is damaged or no image; copy or download it again; it is left "
        "out (1 so far)"]
    with pytest.raises(UserError, match="bad.png.*damaged or no image"):
        read_image(str(tmp_path / "bad.png"))
    with pytest.raises(UserError, match="gone.png does not exist"):
        reader.read(str(tmp_path / "gone.png"))


MASK = np.arange(12, dtype=np.uint8).reshape(3, 4)


def save_mask(path, mask):
    if isinstance(mask, bytes):
        path.write_bytes(mask)
    else:
        cv2.imwrite(str(path), mask)
    return str(path)


def test_a_mask_keeps_its_values(tmp_path):
    reader = AnnotatedImages()
    assert reader.read_mask(save_mask(tmp_path / "m.png", MASK), "a.jpg", (4, 3)).tolist() == MASK.tolist()
    assert reader.read_mask(save_mask(tmp_path / "m.png", 0 * MASK), "a.jpg", (4, 3)).tolist() == (0 * MASK).tolist()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(MASK).save(tmp_path / "turned.png", exif=exif)  # masks belong to stored pixels
    assert reader.read_mask(str(tmp_path / "turned.png"), "a.jpg", (4, 3)).tolist() == MASK.tolist()
    assert not reader.left_out
    with pytest.raises(UserError, match="none.png does not exist"):
        reader.read_mask(str(tmp_path / "none.png"), "a.jpg", (4, 3))


@pytest.mark.parametrize("mask, text", [(b"", "0 bytes"), (b"no image", "is damaged"), (MASK.T, "is 3 x 4 pixels"),
                                        (MASK[:2], "is 4 x 2 pixels, the image a.jpg is 4 x 3"),
                                        (0 * MASK, "is empty")])
def test_an_image_whose_mask_cannot_be_used_is_left_out_and_said_once(tmp_path, caplog, mask, text):
    reader = AnnotatedImages(2)
    reader.read_mask(save_mask(tmp_path / "good.png", MASK), "good.jpg", (4, 3))
    path = save_mask(tmp_path / "bad.png", mask)
    for _ in range(3):
        assert reader.read_mask(path, "a.jpg", (4, 3), needed=True) is None
    assert list(reader.left_out) == ["a.jpg"] and text in reader.left_out["a.jpg"]
    assert caplog.text.count("bad.png") == 1


def test_a_set_without_a_usable_mask_is_refused_although_its_images_are_good(tmp_path):
    reader = AnnotatedImages(2)
    image = save_mask(tmp_path / "a.png", MASK)
    for name in ("a", "b"):
        assert reader.read(image) is not None
        path = save_mask(tmp_path / f"{name}_mask.png", b"cut")
        if name == "a":
            assert reader.read_mask(path, name, (4, 3)) is None
    with pytest.raises(UserError, match="none of the first 2 masks can be used"):
        reader.read_mask(path, "b", (4, 3))


def test_only_the_first_damaged_images_are_named_and_all_are_counted(tmp_path, caplog):
    reader = AnnotatedImages(200)
    (tmp_path / "good.png").write_bytes(cv2.imencode(".png", smooth_image())[1].tobytes())
    reader.read(str(tmp_path / "good.png"))
    for number in range(120):
        (tmp_path / f"{number}.png").write_bytes(b"no image")
        reader.read(str(tmp_path / f"{number}.png"))
    told = [int(record.getMessage().rsplit("(", 1)[1].split()[0]) for record in caplog.records]
    assert told == [1, 2, 3, 4, 5, 10, 100] and len(reader.left_out) == 120


@pytest.mark.parametrize("count, tried", [(0, 20), (3, 3), (500, 20)])
def test_a_set_without_a_usable_image_is_refused(tmp_path, count, tried):
    reader = AnnotatedImages(count)
    for number in range(tried):
        path = tmp_path / f"{number}.png"
        path.write_bytes(cv2.imencode(".png", smooth_image())[1].tobytes())
        assert number == tried - 1 or reader.read(str(path), (5, 5)) is None
    with pytest.raises(UserError, match=f"none of the first {tried} images can be used: .* annotations are for 5 x 5"):
        reader.read(str(path), (5, 5))


def test_the_size_of_an_image_is_read_from_its_first_bytes(tmp_path):
    assert image_size(turned(tmp_path / "a.jpg", 6)) == (64, 48)
    (tmp_path / "bomb.png").write_bytes(bomb(60000, 50000))
    for path in ("bomb.png", "none.png"):
        with pytest.raises(UserError, match=path):
            image_size(str(tmp_path / path))


# Affine crops.
