"""The page of tools/infer.py: what is shown lies in the page itself, all else in folders beside it."""
import base64
import html
import os
import re

import cv2

from common.errors import UserError, counted, printable
from common.files import atomic_write

TEMPLATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "infer_page.html")
LONGEST_PX = 1000  # longer side of images in the page; the files beside it keep their size
MOST_IMAGES = 12  # images with a section of their own; of the others the files are listed
LARGEST_VIDEO = 40_000_000  # bytes of a video that is put into the page; a larger one is shown from its file
PLAYED = (".mp4", ".m4v", ".webm")  # by every browser
TITLES = {"openpose": "Skeletons (openpose)", "pose_baseline": "3D joints (pose_baseline)", "hmr": "Body (hmr)",
          "cmr": "Body (cmr)", "hand4whole": "Body, hands and face (hand4whole)"}


def write_page(folder, source, work, missing) -> str:
    """Write index.html -> its path.

    Args:
        folder (str): of all results.
        source (Source): what was worked through.
        work (tools.infer.Work): results of the models.
        missing (dict): model -> why it is left out.
    """
    with open(TEMPLATE, encoding="utf-8") as stream:
        page = stream.read()
    body = _video(folder, source, work) if source.fps else _images(folder, source, work)
    body += [f'<p class="missing">{_text(name)} is not shown: {_text(reason)}</p>' for name, reason in missing.items()]
    kind = f"video, {source.fps:.3g} frames per second" if source.fps else counted(source.count, "image")
    people = "people are where --bbox says" if work.bbox else "people are found by openpose" if work.detections \
        else "each image is one person"
    note = f"{kind}; {people}. Nothing is fetched from a network."
    texts = {"TITLE": _text(f"MindHuman: {source.name}"), "NOTE": _text(note), "BODY": "\n".join(body)}
    path = os.path.join(folder, "index.html")
    atomic_write(path, re.sub("%(TITLE|NOTE|BODY)%", lambda place: texts[place[1]], page).encode())
    return path


def _images(folder, source, work):
    from common.data.image import read_image

    sections, names = [], list(source.files)
    for name in names[:MOST_IMAGES]:
        try:
            photo = cv2.cvtColor(read_image(source.files[name]), cv2.COLOR_RGB2BGR)
        except UserError:
            continue  # said when it was read
        cards = [_card("Input", f"{photo.shape[1]} x {photo.shape[0]} px", [_image(photo, name)])]
        for result in work.results:
            images = [_image(cv2.imread(path), f"{result.name} {os.path.basename(path)}")
                      for path in result.images.get(name, ()) if os.path.isfile(path)]
            shown = images[:1] + ([f'<div class="views">{"".join(images[1:])}</div>'] if images[1:] else [])
            if name in result.pages:
                shown.append(_viewer(result.pages[name], result.name))
            cards.append(_result(folder, result, shown, name, name == names[0]))
        heading = _text(os.path.basename(source.files[name]))
        sections.append(f'<h2>{heading}</h2><div class="grid">{"".join(cards)}</div>')
    if len(names) > MOST_IMAGES:
        sections.append(f"<p>{len(names) - MOST_IMAGES} more images: their files lie in the folders of the models.</p>")
    return sections


def _video(folder, source, work):
    cards = []
    if work.input.lower().endswith(PLAYED) and os.path.getsize(work.input) <= LARGEST_VIDEO:
        cards.append(_card("Input", "", [_playing(folder, work.input)]))
    for result in work.results:
        shown = [_playing(folder, path) for path in result.videos if os.path.isfile(path)]
        shown += [_viewer(page, result.name) for page in result.pages.values()]
        cards.append(_result(folder, result, shown, "", True))
    return [f'<div class="grid">{"".join(cards)}</div>']


def _result(folder, result, shown, image, with_files):
    """The card of a model: what it saw, facts, notes and files."""
    facts = [(name, value) for name, value in result.facts if "person" not in name or not image or image in name]
    facts = [("weights", result.weights), *facts, ("time", f"{result.seconds:.1f} s")]
    rows = "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in facts)
    card = [*shown, f"<dl>{rows}</dl>", *(f"<p>{_text(note)}</p>" for note in result.notes)]
    if with_files:
        files = sorted(name for name in os.listdir(result.folder) if not name.startswith("."))
        links = "".join(f'<li><a href="{_link(result.name, name)}" download>{_text(name)}</a></li>' for name in files)
        card.append(f"<details><summary>{len(files)} files</summary><ul>{links}</ul></details>")
    return _card(TITLES.get(result.name, result.name), "", card)


def _card(title, note, parts):
    return f"<article><h3>{_text(title)}</h3>{f'<p>{_text(note)}</p>' if note else ''}{''.join(parts)}</article>"


def _image(image, text):
    scale = min(1.0, LONGEST_PX / max(image.shape[:2]))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
    data = base64.b64encode(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()).decode()
    return f'<img alt="{_text(text)}" src="data:image/jpeg;base64,{data}">'


def _playing(folder, path):
    if os.path.getsize(path) > LARGEST_VIDEO:
        address = _link(*os.path.relpath(path, folder).split(os.sep))
    else:
        with open(path, "rb") as stream:
            address = f"data:video/mp4;base64,{base64.b64encode(stream.read()).decode()}"
    return f'<video controls loop muted playsinline src="{address}"></video>'


def _viewer(page, name):
    # A page within the page: its scripts see nothing of this one.
    return f'<iframe title="3D view of {_text(name)}" sandbox="allow-scripts" srcdoc="{html.escape(page)}"></iframe>'


def _link(*parts):
    from urllib.parse import quote

    return "/".join(quote(part) for part in parts)


def _text(value):
    return html.escape(printable(str(value)))
