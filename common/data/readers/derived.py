"""Human3.6M and MPI-INF-3DHP in whichever form lies in a folder: `annot.h5`, `annots.npz`, or as published."""
import os

from common.data.readers.annot_h5 import read_annot_h5
from common.data.readers.annots_npz import read_annots_npz
from common.data.readers.human36m_images import RAW_JOINTS
from common.data.readers.mpi_inf_3dhp import JOINTS as MPI_JOINTS
from common.data.readers.mpi_inf_3dhp import SUBJECTS as MPI_SUBJECTS
from common.data.readers.mpi_inf_3dhp import read_mpi_inf_3dhp
from common.data.records import Record
from common.errors import UserError

FILES = ("annot.h5", "annots.npz")


def find_derived(folder: str) -> str | None:
    """Path of `annot.h5` or else `annots.npz` in a folder; None where neither is there."""
    return next((path for path in (os.path.join(folder, name) for name in FILES) if os.path.exists(path)), None)


def read_derived(path: str, joints: tuple) -> list[Record]:
    """People of a file `annot.h5`, or of `annots.npz`, whose joints are `joints`."""
    return read_annots_npz(path, joints) if path.endswith(".npz") else read_annot_h5(path)


def read_human36m_people(folder: str) -> list[Record]:
    """Human3.6M from `annot.h5` or `annots.npz`; UserError where neither is there."""
    path = find_derived(folder)
    if path is None:
        raise UserError(f"{folder} has neither {' nor '.join(FILES)} of Human3.6M: put one there")
    return read_derived(path, RAW_JOINTS)


def read_mpi_inf_3dhp_people(folder: str, every: int = 1) -> list[Record]:
    """MPI-INF-3DHP in the first of its three forms that is there; UserError where none is.

    Args:
        folder: the data set.
        every: of which frames one is used, in the published form.
    """
    path = find_derived(folder)
    if path is not None:
        return read_derived(path, MPI_JOINTS)
    if any(os.path.isdir(os.path.join(folder, f"S{subject}")) for subject in MPI_SUBJECTS):
        return read_mpi_inf_3dhp(folder, every=every)
    raise UserError(f"{folder} has neither {' nor '.join(FILES)} nor S1 ... S8 of MPI-INF-3DHP: put one there")
