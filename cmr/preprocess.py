"""Prepare data sets: annotations of each become one npz file that training and evaluation read.

    python preprocess.py --train_files --eval_files
"""
import os
import sys

# The repository root, so that `common` and `cmr` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from cmr.src.config import read_settings  # noqa: E402
from common.engine.modelarts import on_modelarts  # noqa: E402
from common.errors import UserError, run  # noqa: E402
from common.log import set_up_logging  # noqa: E402


def main(argv):
    config = read_settings(argv)
    set_up_logging()
    wanted = [training for training, flag in ((True, config.train_files), (False, config.eval_files)) if flag]
    if not wanted:
        raise UserError("nothing to prepare: give --train_files, --eval_files or both")

    from cmr.src.preprocess.sets import EVALUATION, TRAINING, prepare

    known = {name for training in wanted for name in (TRAINING if training else EVALUATION)}
    unknown = [name for name in config.only if name not in known]
    if unknown:
        raise UserError(f"--only {unknown[0]}: choose from {', '.join(sorted(known))}")
    with on_modelarts(config, config.data_path, config.dataset_npz_path):
        missing, failed = [], {}
        for training in wanted:
            absent, wrong = prepare(config, training)
            missing += absent
            failed.update(wrong)
    if failed:
        name, *others = failed
        raise UserError(f"{name}: {failed[name]}{f'; {len(others)} more see above' if others else ''}; the other "
                        "sets that are there are prepared")
    if len(missing) == sum(len(TRAINING if training else EVALUATION) for training in wanted) or \
            set(missing) & set(config.only):
        raise UserError(f"no data of {', '.join(dict.fromkeys(missing))}: see the lines above for where to get it")


if __name__ == "__main__":
    run(main)
