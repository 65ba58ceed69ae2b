"""Measure what an exported network predicted for the files of preprocess.py.

    python postprocess.py --label_file preprocess_Result/label --result_path result_Files
"""
import logging
import os
import sys
import time

# The repository root, so that `common` and `hmr` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.errors import run  # noqa: E402
from common.log import set_up_logging  # noqa: E402
from hmr.src.config import read_settings  # noqa: E402

LOGGER = logging.getLogger("mindhuman")


def main(argv):
    config = read_settings(argv)
    set_up_logging()

    from hmr.src.bins import measure_bins

    start = time.perf_counter()
    figures = measure_bins(config.label_file, config.result_path)
    if "pa_mpjpe" in figures:
        LOGGER.info("PA-MPJPE is :  %.4f", figures["pa_mpjpe"]["mean"])
    LOGGER.info("time: %.2f s", time.perf_counter() - start)


if __name__ == "__main__":
    run(main)
