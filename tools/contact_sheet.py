"""Put images side by side into one JPEG of bounded size, as the README shows what the networks do.

    python tools/contact_sheet.py --output sheet.jpg --columns 6 people/*_overlay.png

Every row is as wide as the sheet, whatever the proportions of its images.
"""
import os
import sys

# The repository root, so that `common` is found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.arguments import Arguments  # noqa: E402
from common.errors import UserError, run  # noqa: E402

GAP_PX = 4
QUALITIES = range(92, 34, -4)


def main(argv):
    parser = Arguments(__doc__)
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="in reading order")
    parser.add_argument("--output", required=True, help="file to write, .jpg")
    parser.add_argument("--columns", type=int, default=6, help="images in a row (default: 6)")
    parser.add_argument("--width", type=int, default=1200, help="of the sheet, px (default: 1200)")
    parser.add_argument("--max_kb", type=int, default=150, help="largest size of the file (default: 150)")
    arguments = parser.parse_args(argv)
    for flag in ("columns", "width", "max_kb"):
        if getattr(arguments, flag) < 1:
            raise UserError(f"--{flag} {getattr(arguments, flag)}: write a positive number")
    if not arguments.output.lower().endswith((".jpg", ".jpeg")):
        raise UserError(f"--output {arguments.output}: the sheet is a JPEG, so its name ends in .jpg")

    from common.data.image import read_image
    from common.files import atomic_write

    sheet = arrange([read_image(path) for path in arguments.images], arguments.columns, arguments.width)
    data = compress(sheet, 1000 * arguments.max_kb)
    if data is None:
        raise UserError(f"--max_kb {arguments.max_kb} is too little for {len(arguments.images)} images on "
                        f"{arguments.width} px: take fewer, or a smaller --width")
    atomic_write(arguments.output, data)
    print(f"{arguments.output}: {len(arguments.images)} images, {sheet.shape[1]} x {sheet.shape[0]} px, "
          f"{len(data) / 1000:.0f} kB")


def arrange(images, columns, width):
    """The sheet: rows of so many images, scaled to one height so that they fill the width; a short last row is no
    higher than the one before it.

    Args:
        images (list): of (H, W, 3) uint8 RGB.
        columns (int): images in a row.
        width (int): of the sheet, px.

    Returns:
        numpy.ndarray: (H, width, 3) uint8 RGB, white where no image is.
    """
    import cv2
    import numpy as np

    rows, highest = [], width
    for start in range(0, len(images), columns):
        row = images[start:start + columns]
        room = width - GAP_PX * (len(row) - 1)
        height = max(1, min(highest, round(room / sum(image.shape[1] / image.shape[0] for image in row))))
        strip, left = np.full((height, width, 3), 255, np.uint8), 0
        for image in row:
            scaled = (max(1, min(width - left, round(image.shape[1] * height / image.shape[0]))), height)
            strip[:, left:left + scaled[0]] = cv2.resize(image, scaled, interpolation=cv2.INTER_AREA)
            left += scaled[0] + GAP_PX
        rows += [strip, np.full((GAP_PX, width, 3), 255, np.uint8)]
        highest = height
    return np.concatenate(rows[:-1])


def compress(sheet, limit):
    """The sheet as JPEG of the best quality that fits into `limit` bytes; None where none does."""
    import cv2

    for quality in QUALITIES:
        data = cv2.imencode(".jpg", sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(data) <= limit:
            return data
    return None


if __name__ == "__main__":
    run(main)
