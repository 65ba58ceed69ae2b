"""What a folder of HMR's data sets holds and lacks, for `tools/check_data.py`."""
import os

from common.data.findings import ERROR, NOTE, OK, Finding
from common.errors import UserError
from hmr.src.config import HMR_MEAN, HMR_SMPL, read_settings
from hmr.src.people import Limits
from hmr.src.protocols import PROTOCOLS
from hmr.src.sources import PRIORS, SETS_2D, SETS_3D, read_people, read_prior


def check(data_path):
    """Look through a data folder, reading the annotations of every data set.

    Args:
        data_path (str): HMR_DATA.

    Returns:
        list of Finding: with an ERROR where training on this folder would stop.
    """
    if not os.path.isdir(data_path):
        return [Finding(ERROR, "folder", f"{data_path} does not exist or is no folder", "name the folder HMR_DATA")]
    config = read_settings([])
    limits = Limits(config.min_keypoints, config.min_size, config.max_overlap)
    findings = [_check_file(data_path, HMR_SMPL, "the synthetic body stands in"),
                _check_file(data_path, HMR_MEAN, "training starts from the rest pose")]
    sets = []
    for dimensions, group in (("2D", SETS_2D), ("3D", SETS_3D)):
        sets += [_check_set(data_path, data_set, dimensions, limits, config.mpi_every) for data_set in group.values()]
    findings += sets
    if not any(finding.level == OK for finding in sets):
        findings.append(Finding(ERROR, "training", "no data set can be used",
                                f"unpack one of {', '.join((*SETS_2D, *SETS_3D))} here"))
    findings += _check_priors(data_path)
    there = [name for name, data_set in PROTOCOLS.items() if data_set.find(data_path)]
    return [*findings, Finding(OK if there else NOTE, "evaluation", f"folders of {', '.join(there)}" if there else
                               "no folder of an evaluation set")]


def _check_file(data_path, name, instead):
    if os.path.isfile(os.path.join(data_path, name)):
        return Finding(OK, name, "there")
    return Finding(NOTE, name, f"not there: {instead}")


def _check_set(data_path, data_set, dimensions, limits, every):
    name, item, folder = data_set.name, f"{data_set.name} ({dimensions})", data_set.find(data_path)
    if folder is None:
        return Finding(NOTE, item, f"no folder {' or '.join(data_set.folders[:2])}", f"get it from {data_set.source}")
    try:
        people = read_people(name, folder, limits, every)
    except UserError as error:
        flag = f"--train_{dimensions.lower()}_set"
        return Finding(ERROR, item, str(error), f"mend it, or leave {name} out of {flag}")
    return Finding(OK, item, f"{len(people):,} people in {folder}")


def _check_priors(data_path):
    """A row for the real poses that the critic learns from."""
    findings = []
    for name in ("mosh", "amass"):
        path = PRIORS[name].find(data_path)
        if path is None:
            continue
        try:
            findings.append(Finding(OK, f"{name} (poses)", f"{len(read_prior(name, path).pose):,} in {path}"))
        except UserError as error:
            findings.append(Finding(ERROR, f"{name} (poses)", str(error), f"mend it, or leave {name} out of "
                                    "--train_adv_set"))
    return findings or [Finding(NOTE, "poses", "neither mosh nor amass: training goes on without a critic",
                                "unpack mosh_annot.h5 into mosh, or AMASS into amass (--train_adv_set amass)")]
