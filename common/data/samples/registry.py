"""Which module makes the sample data of which dataset.

A module offers `add_arguments(parser)` for the options that only it has and `make(args)`, which writes below
`args.output_dir`, shows its progress and returns one line that says what was written. `args` has `output_dir`, `seed`
and `num` (None for the module's default) from `tools/make_sample_data.py`.
"""
import importlib

DATASETS = {
    "human36m": "common.data.samples.human36m",
    "pose_baseline": "common.data.samples.human36m",
    "coco": "common.data.samples.coco",
    "lsp": "common.data.samples.lsp",
    "lsp_extended": "common.data.samples.lsp_extended",
    "mpii": "common.data.samples.mpii",
    "up3d": "common.data.samples.up3d",
    "mpi_inf_3dhp": "common.data.samples.mpi_inf_3dhp",
    "human36m_images": "common.data.samples.human36m_images",
    "mosh": "common.data.samples.mosh",
    "3dpw": "common.data.samples.threedpw",
    "ehf": "common.data.samples.ehf",
    "coco_wholebody": "common.data.samples.coco_wholebody",
    "freihand": "common.data.samples.freihand",
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
