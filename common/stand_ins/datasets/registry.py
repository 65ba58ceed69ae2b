"""Which module makes the sample data of which dataset.

A module offers `add_arguments(parser)` for the options that only it has and `make(args)`, which writes below
`args.output_dir`, shows its progress and returns one line that says what was written. `args` has `output_dir`, `seed`
and `num` (None for the module's default) from `tools/make_sample_data.py`.
"""
import importlib

DATASETS = {
    "human36m": "common.stand_ins.datasets.human36m",
    "pose_baseline": "common.stand_ins.datasets.human36m",
    "coco": "common.stand_ins.datasets.coco",
    "lsp": "common.stand_ins.datasets.lsp",
    "lsp_extended": "common.stand_ins.datasets.lsp_extended",
    "mpii": "common.stand_ins.datasets.mpii",
    "up3d": "common.stand_ins.datasets.up3d",
    "mpi_inf_3dhp": "common.stand_ins.datasets.mpi_inf_3dhp",
    "human36m_images": "common.stand_ins.datasets.human36m_images",
    "mosh": "common.stand_ins.datasets.mosh",
    "3dpw": "common.stand_ins.datasets.threedpw",
    "ehf": "common.stand_ins.datasets.ehf",
    "coco_wholebody": "common.stand_ins.datasets.coco_wholebody",
    "freihand": "common.stand_ins.datasets.freihand",
}


def find(dataset):
    """The module that makes `dataset`, a key of `DATASETS`."""
    return importlib.import_module(DATASETS[dataset])


def every_dataset():
    """One name for each module, the first in `DATASETS`."""
    names = {}
    for name, module in DATASETS.items():
        names.setdefault(module, name)
    return list(names.values())
