"""Put the hand-only stage's ResNet into a whole network: the snapshot that fine-tuning begins with.

    python tool/merge_hand_to_all.py
    python tool/merge_hand_to_all.py --whole snapshot_6.pth.tar --hand snapshot_12.pth.tar --merged snapshot_0.ckpt

The networks behind the hand's ResNet are left out, they begin anew: the hand-only stage has other joints. Checkpoints
of this project and published `.pth.tar` files are both read.
"""
import os
import sys
from collections import Counter

# The repository root, so that `common` and `hand4whole` are found from any folder.
MODEL_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(MODEL_FOLDER))

from common.arguments import Arguments  # noqa: E402
from common.errors import UserError, run  # noqa: E402
from common.files import set_aside  # noqa: E402
from common.log import set_up_logging  # noqa: E402

PREFIX = "hand_roi_net.backbone."
ASIDE = "before_merge"


def parse(argv):
    parser = Arguments(__doc__)
    parser.add_argument("--whole", default="", help="whole network; empty: the newest snapshot of output_dir")
    parser.add_argument("--hand", default="", help="hand-only network; empty: the newest hand snapshot of output_dir")
    parser.add_argument("--merged", default="", help="checkpoint to write; empty: snapshot_0.ckpt of output_dir, whose "
                                                     f"other snapshots move to the folder {ASIDE}")
    parser.add_argument("--output_dir", default="", help="folder of the two runs (default: output, here or else "
                                                         "beside train.py)")
    return parser.parse_args(argv)


def newest(store, flag):
    """Path of the newest snapshot."""
    checkpoint = store.newest()
    if checkpoint is None:
        raise UserError(f"there is no snapshot in {store.folder} for --{flag}: name a file")
    return checkpoint.path


def merge(whole, backbone, hand_path):
    """The whole network's weights with the hand's ResNet exchanged, and a count by part and origin.

    Args:
        whole (Checkpoint): whole network.
        backbone (dict): name within the ResNet -> array.
        hand_path (str): where it comes from, for messages.

    Returns:
        tuple: dict name -> array; Counter of (part, "whole", "hand" or "dropped").

    Raises:
        UserError: nothing can be transferred, or arrays do not fit.
    """
    wanted = {name.removeprefix(PREFIX) for name in whole.weights if name.startswith(PREFIX)}
    if not wanted:
        raise UserError(f"{whole.path} is no whole network: it has no {PREFIX}*")
    fitting = {name for name in wanted if name in backbone
               and backbone[name].shape == whole.weights[PREFIX + name].shape}
    if fitting != wanted:
        raise UserError(f"{hand_path}: {len(fitting)} of the {len(wanted)} arrays of the hand's ResNet in {whole.path} "
                        "can be transferred; give the snapshot of a hand-only run (--parts hand) with the same ResNet")
    from hand4whole.src.weights import FRESH

    merged, counts = {}, Counter()
    for name, array in whole.weights.items():
        part = name.partition(".")[0]
        if name.startswith(FRESH):
            counts[part, "dropped"] += 1
            continue
        taken = name.startswith(PREFIX)
        merged[name] = backbone[name.removeprefix(PREFIX)] if taken else array
        counts[part, "hand" if taken else "whole"] += 1
    return merged, counts


def move_aside(store):
    """Snapshots that --continue would take for newer ones go to a folder of their own: how many, and which folder."""
    paths = list(store.paths().values())
    return len(paths), set_aside(paths, os.path.join(store.folder, ASIDE))


def main(argv):
    arguments = parse(argv)
    set_up_logging()

    from common.engine.checkpoint import write_checkpoint
    from hand4whole.src.checkpoints import Snapshots
    from hand4whole.src.weights import hand_backbone, read_trained

    # The original is called in the folder `tool`, its runs lie beside that.
    places = [arguments.output_dir] if arguments.output_dir else ["output", os.path.join(MODEL_FOLDER, "output")]
    folders = [os.path.join(place, "model_dump") for place in places]
    folder = next((folder for folder in folders if os.path.isdir(folder)), folders[-1])
    store = Snapshots(folder, "whole")
    whole_path = arguments.whole or newest(store, "whole")
    hand_path = arguments.hand or newest(Snapshots(folder, "hand"), "hand")
    target = arguments.merged or store.path(0)
    if not target.endswith(".ckpt"):
        raise UserError(f"--merged {target}: the name must end with .ckpt")
    whole = read_trained(whole_path, "--whole")
    weights, counts = merge(whole, hand_backbone(hand_path), hand_path)
    moved, aside = (0, "") if arguments.merged else move_aside(store)
    config = {**whole.meta.get("config", {}), "merged": True}
    write_checkpoint(target, weights, meta={"model": "hand4whole", "config": config, "step": 0})
    for (part, origin), count in sorted(counts.items()):
        print(f"{part}: {count} arrays {'left out' if origin == 'dropped' else f'from {origin}'}")
    print(f"{sum(count for (_, origin), count in counts.items() if origin == 'hand')} arrays of {hand_path} put into "
          f"{whole_path} -> {target}")
    if moved:
        print(f"{moved} earlier snapshots are in {aside} now")


if __name__ == "__main__":
    run(main)
