"""Prepare an evaluation set for an exported network: images and labels as files of plain numbers.

    python preprocess.py --file_name hmr.mindir --data_path HMR_DATA --dataset human3.6m

Files go to `--output_path`; src/bins.py says what is in them. The description beside the exported file says how its
images are prepared.
"""
import dataclasses
import logging
import os
import sys

# The repository root, so that `common` and `hmr` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.errors import UserError, run  # noqa: E402
from common.log import set_up_logging  # noqa: E402
from hmr.src.config import read_settings  # noqa: E402

LOGGER = logging.getLogger("mindhuman")


def main(argv):
    config = read_settings(argv, {"batch_size": 1, "batch_3d_size": 0})
    set_up_logging()

    from hmr.src.bins import read_view, write_bins
    from hmr.src.body import load_body, load_eval_bodies
    from hmr.src.protocols import read_subjects

    view, batch_size = read_view(config.file_name), config.batch_size + config.batch_3d_size
    if view.batch_size and "batch_size" in config.given and batch_size != view.batch_size:
        raise UserError(f"--batch_size {batch_size}: {config.file_name} takes {view.batch_size} images per call; "
                        "leave the flag out")
    view = dataclasses.replace(view, batch_size=view.batch_size or max(1, batch_size))
    subjects = read_subjects(config.dataset.lower(), config.data_path, view.margin, config.eval_num)
    bodies = load_eval_bodies(config, load_body(config)) if subjects[0].pose is not None else {}
    count = write_bins(config.output_path, view, subjects, bodies)
    LOGGER.info("%d people in %d files of %d in %s", len(subjects), count, view.batch_size, config.output_path)


if __name__ == "__main__":
    run(main)
