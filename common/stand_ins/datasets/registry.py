"""Which module makes the sample data of which dataset: a name of the catalogue's last column, or `inputs` for infer.py.

A module offers `add_arguments(parser)` for the options that only it has and `make(args)`, which writes below
`args.output_dir`, shows its progress and returns one line that says what was written. `args` has `output_dir`, `seed`
and `num` (None for the module's default) from `tools/make_sample_data.py`.
"""
import importlib

from common.data.catalogue import CATALOGUE

NAMES = tuple(dict.fromkeys(row.sample for row in CATALOGUE if row.sample))
# Other names of the command line, and modules whose names are no words of Python's.
_MODULES = {"pose_baseline": "human36m", "3dpw": "threedpw"}
DATASETS = tuple(dict.fromkeys((*NAMES, *_MODULES, "inputs")))


def find(dataset):
    """The module that makes `dataset`, one of `DATASETS`."""
    return importlib.import_module(f"common.stand_ins.datasets.{_MODULES.get(dataset, dataset)}")
