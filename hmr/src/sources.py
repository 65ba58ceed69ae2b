"""The data sets of the catalogue that HMR trains with: who of them, how their keypoints count, and real poses."""
import contextlib
import logging
import os
import re

import numpy as np

from common.data import catalogue
from common.data.catalogue import by_name
from common.data.readers.derived import find_derived
from common.data.readers.mosh import PosePrior
from common.errors import UserError
from hmr.src.people import gather

LOGGER = logging.getLogger("mindhuman")
# Subjects that are kept for evaluation.
HELD_OUT = {"hum3.6m": ("S9", "S11"), "mpi-inf-3dhp": ("S8",)}
SUBJECT = re.compile(r"(?:^|[/\\_])(S\d+)(?=[/\\_])")


class Incomplete(UserError):
    """Files of a data set are missing or damaged."""


@contextlib.contextmanager
def _files_of_a_set():
    """What is wrong with files within the block is `Incomplete`."""
    try:
        yield
    except UserError as error:
        raise Incomplete(str(error)) from None


SETS_2D = by_name(catalogue.COCO, catalogue.LSP, catalogue.LSP_EXTENDED, catalogue.MPII, catalogue.AI_CHALLENGER)
SETS_3D = by_name(catalogue.MPI_INF_3DHP, catalogue.HUMAN36M, catalogue.UP_3D)
PRIORS = by_name(catalogue.MOSH, catalogue.AMASS, catalogue.HUMAN36M)
# Weight of keypoints that are labelled but hidden, elsewhere 0; sets whose boxes are not those around the keypoints.
HIDDEN_WEIGHTS = {"coco": 0.5, "mpii": 1.0, "ai-ch": 0.5}
OWN_BOXES = ("coco", "ai-ch")


def read_people(name, folder, limits, every=1):
    """People of a set to train on.

    Args:
        name (str): key of `SETS_2D` or `SETS_3D`.
        folder (str): where it lies.
        limits (Limits): of the filters.
        every (int): of which frames one is used, for MPI-INF-3DHP as published.

    Returns:
        People

    Raises:
        Incomplete: files missing or damaged.
        UserError: nobody passes the filters.
    """
    data_set = SETS_2D.get(name) or SETS_3D[name]
    with _files_of_a_set():
        records = data_set.read(folder, **({"every": every} if data_set is catalogue.MPI_INF_3DHP else {}))
    records = [record for record in records if subject_of(record.image_path, folder) not in HELD_OUT.get(name, ())]
    people, dropped = gather(records, HIDDEN_WEIGHTS.get(name, 0.0), name in OWN_BOXES, limits, name)
    reasons = ", ".join(f"{number} by {setting}" for setting, number in dropped.items() if number)
    LOGGER.info("%s: %d of %d people in %s%s", name, len(people), len(records), folder,
                f" (left out: {reasons})" if reasons else "")
    if not os.path.isfile(people.images[0]):
        raise Incomplete(f"image {people.images[0]} of {name} does not exist: unpack the images there")
    return people


def subject_of(path, folder):
    """The subject (S1, ...) that an image's name or its folders below `folder` tell, or None."""
    found = SUBJECT.search(os.sep + os.path.relpath(path, folder))
    return found.group(1) if found else None


def read_prior(name, path):
    """Real poses and shapes of one source for the critic, without the people kept for evaluation.

    Returns:
        PosePrior: None for a Human3.6M without SMPL parameters.

    Raises:
        Incomplete: files missing or damaged.
    """
    with _files_of_a_set():
        if name != catalogue.HUMAN36M.name:
            return catalogue.MOSH.read(path)
        if find_derived(path) is None:
            return None
        records = [record for record in catalogue.HUMAN36M.read(path) if record.pose is not None
                   and subject_of(record.image_path, path) not in HELD_OUT[name]]
    if not records:
        return None
    return PosePrior(np.array([record.pose for record in records], np.float32),
                     np.array([record.beta for record in records], np.float32))


def join_priors(priors):
    """Several `PosePrior` as one."""
    return PosePrior(*(np.concatenate(columns) for columns in zip(*priors)))
