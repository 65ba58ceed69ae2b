"""Published weights: what there is, and one command to have it.

    python tools/get_weights.py                            # the table: model, name, size, licence, what it is good for
    python tools/get_weights.py hmr spin                   # download, check, convert; then: infer.py --ckpt_file spin
    python tools/get_weights.py hmr spin --file spin.pt    # a file that was fetched by hand

A download that breaks goes on where it stopped. Results lie in ~/.cache/mindhuman/weights (MINDHUMAN_CACHE names
another folder), and every model's --ckpt_file takes their names.
"""
import contextlib
import difflib
import importlib.util
import os
import shutil
import sys
import tarfile

# The repository root, so that `common` and the models are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.arguments import Arguments  # noqa: E402
from common.convert.download import Gone, download, sha256_of  # noqa: E402
from common.convert.named_weights import weights_folder, weights_path  # noqa: E402
from common.convert.published import PUBLISHED, REGISTERED, find_published  # noqa: E402
from common.errors import UserError, from_here, run  # noqa: E402
from common.files import atomic_path  # noqa: E402
from tools.pth2ckpt import convert_file, statistics_of  # noqa: E402

CONVERT = "bash scripts/setup.sh --convert"


def parse(argv):
    parser = Arguments(__doc__)
    parser.add_argument("model", nargs="?", default="", help="pose_baseline, openpose, hmr, cmr or hand4whole")
    parser.add_argument("name", nargs="?", default="", help="of the table")
    parser.add_argument("--accept", action="store_true", help="accept the licence that the table states, without a "
                                                              "question")
    parser.add_argument("--mirror", nargs="?", const="", metavar="URL", help="take the table's mirror first; with an "
                        "address: take URL/FILE, FILE being the published file's name")
    parser.add_argument("--file", default="", metavar="PATH", help="take this file instead of a download")
    parser.add_argument("--statistics", default="", help="pose_baseline: npz with the statistics of its inputs, see "
                                                         "tools/pth2ckpt.py")
    return parser.parse_args(argv)


def main(argv):
    arguments = parse(argv)
    models = sorted({entry.model for entry in PUBLISHED})
    if arguments.model and arguments.model not in models:
        raise UserError(f"{arguments.model}: no published weights of such a model are known; write one of "
                        f"{', '.join(models)}")
    if not arguments.name:
        print(table([entry for entry in PUBLISHED if arguments.model in ("", entry.model)]))
        return
    entry = find_published(arguments.model, arguments.name)
    if entry is None:
        names = [entry.name for entry in PUBLISHED if entry.model == arguments.model]
        close = difflib.get_close_matches(arguments.name, names, 1)
        raise UserError(f"{arguments.model} {arguments.name}: no such weights are known"
                        + (f"; did you mean {close[0]}?" if close else f"; there are {', '.join(names)}"))
    result = weights_path(entry)
    if os.path.exists(result):
        for flag, value in (("--file", arguments.file), ("--statistics", arguments.statistics)):
            if value:
                raise UserError(f"{flag} {value}: {result} is here already; delete it to have it made again")
        print(f"{result} is here already\n{usage(entry)}")
        return
    get(entry, result, arguments)
    print(f"{result}\n{usage(entry)}")


def table(entries):
    """The known weights as lines of text."""
    rows = [("model", "name", "size", "here", "what it is good for", "licence")]
    for entry in entries:
        state = "yes" if os.path.exists(weights_path(entry)) else "by hand" if entry.by_hand else ""
        rows.append((entry.model, entry.name, f"{entry.size / 1e6:.0f} MB" if entry.size else "?", state, entry.about,
                     entry.licence))
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]
    lines += ["", from_here("python tools/get_weights.py MODEL NAME fetches one. Sizes marked ? are stated nowhere."),
              "The small networks in weights/, trained on synthetic people, need no fetching: --ckpt_file small.", "",
              "Body models are given by their makers to people who register; they are never fetched:"]
    lines += [f"  --{flag}: {file} from {page}" for flag, (file, page) in REGISTERED.items()]
    return "\n".join([*lines, "  Without them a synthetic body stands in. docs/body_models.md says more."])


def usage(entry):
    """How the result is used."""
    value = entry.name if entry.checkpoint else weights_path(entry)
    command = "infer.py" if entry.checkpoint else "train.py"
    return from_here(f"use it: python {entry.model}/{command} --{entry.flag} {value}")


def get(entry, result, arguments):
    """Bring one entry to `result`.

    Raises:
        UserError: the licence is not accepted, the file cannot be had or is not the published one, or PyTorch is
            missing.
    """
    ask_licence(entry, arguments.accept)
    if entry.convert and not arguments.file.endswith((".npz", ".ckpt")) and not importlib.util.find_spec("torch"):
        raise UserError(f"{entry.file} is a file of PyTorch, which is not installed: {CONVERT}")
    if arguments.statistics:  # before a long download
        statistics_of(entry.model, arguments.statistics)
    folder = weights_folder()
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made: {error.strerror}; set MINDHUMAN_CACHE to another folder") from None
    if arguments.file:
        if not os.path.isfile(arguments.file):
            raise UserError(f"--file {arguments.file} does not exist")
        source = arguments.file
    elif entry.by_hand:
        raise UserError(f"{entry.model} {entry.name} cannot be fetched: {entry.by_hand}")
    else:
        source = fetch(entry, folder, arguments.mirror)
    check(entry, source, fetched=not arguments.file)
    with taken_out(entry, source) as file:
        if entry.convert:
            conversion, _ = convert_file(entry.model, file, result, "" if file.endswith(".npz") else entry.variant,
                                         arguments.statistics)
            print(f"{len(conversion.mapped)} arrays converted, {len(conversion.dropped)} left out")
            if entry.model == "pose_baseline" and not arguments.statistics:
                print("it holds no statistics of its inputs: eval.py computes them from Human3.6M, infer.py needs them "
                      f"in the file (delete it, then: get_weights.py {entry.model} {entry.name} --statistics FILE)")
        else:
            with atomic_path(result) as temporary:
                shutil.copyfile(file, temporary)
    if not arguments.file:
        os.remove(source)


def ask_licence(entry, accepted):
    print(f"{entry.model} {entry.name}: {entry.about}\nlicence: {entry.licence}")
    if accepted:
        return
    if not sys.stdin or not sys.stdin.isatty():
        raise UserError("its licence has to be accepted: add --accept")
    if input("Do you accept it? [y/N] ").strip().lower() not in ("y", "yes"):
        raise UserError("the licence was not accepted; nothing was fetched")


def fetch(entry, folder, mirror):
    """Download an entry -> path of the published file.

    Raises:
        UserError: no address gives it.
    """
    path = os.path.join(folder, f"{entry.model}-{entry.name}-{entry.file}")
    if os.path.exists(path):
        return path
    if mirror:
        addresses = [f"{mirror.rstrip('/')}/{entry.file}"]
    else:
        addresses = [entry.url, *entry.mirrors] if mirror is None else [*entry.mirrors, entry.url]
    problems = []
    if entry.drive and not mirror:
        addresses = []
        try:
            fetch_drive(entry, path)
            return path
        except Gone as error:
            problems.append(str(error))
    for address in addresses:
        try:
            download(address, path, entry.size)
            return path
        except Gone as error:
            problems.append(str(error))
    page = f"https://drive.google.com/file/d/{entry.drive}/view" if entry.drive else entry.url
    facts = [f"{entry.size:,} bytes"] * bool(entry.size) + [f"sha256 {entry.sha256}"] * bool(entry.sha256)
    raise UserError(f"{entry.file} could not be fetched ({'; '.join(problems)}). By hand: get it from {page}"
                    f"{' (' + ', '.join(facts) + ')' if facts else ''} or from elsewhere and run: python "
                    f"tools/get_weights.py {entry.model} {entry.name} --file PATH")


def fetch_drive(entry, path):
    """Download from Google Drive, whose page of confirmation gdown knows.

    Raises:
        UserError: gdown is not installed. Gone: Drive does not give the file.
    """
    try:
        import gdown
        from requests import ConnectionError as NoConnection
    except ImportError:
        raise UserError(f"{entry.file} lies on Google Drive, which needs the package gdown: {CONVERT}") from None
    try:
        # A part of a broken download that gdown left beside `path` is continued.
        gdown.download(id=entry.drive, output=path, quiet=False, resume=True)
    except NoConnection:  # its text says all that was tried, in four lines
        raise Gone("drive.google.com: no connection") from None
    # gdown passes on what requests and the socket raise, and has errors of its own.
    except Exception as error:
        raise Gone(f"Google Drive does not give {entry.drive}: {' '.join(str(error).split())[:300]}") from None
    if not os.path.isfile(path):
        raise Gone(f"Google Drive does not give {entry.drive}")


def check(entry, path, fetched):
    """Compare size and digest with the published ones; an unknown digest is printed.

    Raises:
        UserError: another file; a fetched one is removed.
    """
    size = os.path.getsize(path)
    digest = sha256_of(path)
    problem = ""
    if path.endswith(".npz"):  # variables written from the published file
        return
    if entry.size and size != entry.size:
        problem = f"has {size:,} bytes, the published file {entry.size:,}"
    elif not digest.startswith(entry.sha256):
        problem = f"has the sha256 {digest}, the published file {entry.sha256}"
    if problem:
        if fetched:
            os.remove(path)
        raise UserError(f"{path} {problem}: it is damaged or another file"
                        f"{'; it was removed, try again or take --mirror' if fetched else ''}")
    print(f"sha256 {digest}" + (" as published" if entry.sha256 else " (the published one is not known)"))


@contextlib.contextmanager
def taken_out(entry, path):
    """Yield the file that is wanted: the published one, or a member of it, which is removed at the end."""
    if not entry.member or not tarfile.is_tarfile(path):
        yield path
        return
    target = f"{path}.{entry.member}"
    try:
        with tarfile.open(path) as archive, open(target, "wb") as stream:
            member = next((member for member in archive
                           if member.isfile() and os.path.basename(member.name) == entry.member), None)
            if member is None:
                raise UserError(f"{path} holds no {entry.member}; is it the published file?")
            shutil.copyfileobj(archive.extractfile(member), stream)
        yield target
    except (tarfile.TarError, EOFError, OSError) as error:
        raise UserError(f"{path} cannot be unpacked: {error}") from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(target)


if __name__ == "__main__":
    run(main)
