"""Which data sets there are, where they lie, and how training sets are mixed.

Half of the training samples come from the sets with 3D joints, half from those with 2D joints, whatever their sizes; in
each half every sample of every set has the same share. Differs from the original in the smaller half: it is repeated
evenly, where the original repeats it as often as it fits and draws the rest at random.
"""
import functools
import logging
import os
from typing import NamedTuple

from common.body_models.files import load_body_model
from common.data import catalogue
from common.data.augment import HAND4WHOLE
from common.data.catalogue import DataSet, by_name, choose
from common.data.findings import ERROR, NOTE, Finding, check_set, spread
from common.data.mixture import Mixture
from common.data.readers.coco_wholebody import JOINTS
from common.data.readers.smplx_params import MANOFit
from common.errors import UserError
from common.joints import index_map
from hand4whole.src import joint_sets
from hand4whole.src.body import BodyFits, HandFits
from hand4whole.src.dataset import Hand, HandSource, PersonSource
from hand4whole.src.targets import Space

LOGGER = logging.getLogger("mindhuman")


class TrainingSet(NamedTuple):
    """The set in the catalogue; Record -> Annotated; whether its joints are 3D; whether its fits know nothing about
    feet and hands."""

    data_set: DataSet
    annotated: object
    is_3d: bool
    unsure: bool


WHOLE_SETS = {training.data_set.name: training for training in (
    TrainingSet(catalogue.HUMAN36M_SMPLX, joint_sets.of_human36m, True, True),
    TrainingSet(catalogue.MPI_INF_3DHP_FITS, joint_sets.of_mpi_inf_3dhp, True, True),
    TrainingSet(catalogue.COCO_WHOLEBODY, joint_sets.of_wholebody, False, False),
    TrainingSet(catalogue.MPII_FITS, joint_sets.of_mpii, False, False))}
HAND_SETS = {"FreiHAND": True, "COCOWB": False}  # whether a set counts as one with 3D truth
TRAIN_SETS = {"whole": {name: training.data_set for name, training in WHOLE_SETS.items()},
              "hand": by_name(catalogue.FREIHAND, catalogue.COCO_WHOLEBODY)}
TEST_SETS = {"whole": {**by_name(catalogue.EHF, catalogue.HUMAN36M_SMPLX), "PW3D": catalogue.THREEDPW},
             "hand": by_name(catalogue.FREIHAND)}
TEST_SPLITS = {"Human36M": ("test",), "FreiHAND": ("eval",)}  # where the reader's default is another
LOOKED_FOR = 200  # images of each split, evenly spread, that `check_folder` looks for


def space_of(config):
    """The `Space` of targets that the settings describe."""
    if config.parts == "hand":
        image, maps = config.input_hand_shape, config.output_hand_hm_shape
    else:
        image, maps = config.input_img_shape, config.output_hm_shape
    return Space((image[1], image[0]), (maps[2], maps[1], maps[0]), config.body_3d_size, config.hand_3d_size,
                 config.face_3d_size)


def build_training_set(config, model):
    """The training samples of the settings, for `Pipeline`.

    Args:
        model (BodyModel): what the network poses: SMPL-X, with --parts hand the right MANO hand.

    Returns:
        source with the columns `targets.COLUMNS`, with --parts hand `targets.HAND_COLUMNS`.

    Raises:
        UserError: a set that does not exist or is not for this, missing files, or no set at all.
    """
    build = _hand_builder(config, model) if config.parts == "hand" else _person_builder(config, model)
    halves = {}
    for key in ("trainset_3d", "trainset_2d"):
        sources = {}
        for given in config[key]:
            name, source = build(given, key)
            sources[name] = source
            LOGGER.info("%s: %d samples of %s", key, len(source), name)
        if sources:
            halves[key] = Mixture(sources)
    if not halves:
        raise UserError("--trainset_3d and --trainset_2d are both empty: name a data set to train on")
    return Mixture(halves, dict.fromkeys(halves, 1.0), len(halves) * max(map(len, halves.values())))


def _person_builder(config, model):
    fits, space = BodyFits(model), space_of(config)

    def build(given, flag):
        name = choose(given, TRAIN_SETS["whole"], flag)
        chosen = WHOLE_SETS[name]
        _check_half(name, chosen.is_3d, flag)
        records = chosen.data_set.read(chosen.data_set.folder(config.dataset_root, "dataset_root"))
        missing = sum(record.extras["fit"] is None for record in records)
        if missing:
            LOGGER.warning("%s: %d of %d people have no fitted body; of them only annotated joints teach", name,
                           missing, len(records))
        return name, PersonSource(name, records, chosen.annotated, fits, space, HAND4WHOLE, chosen.unsure)

    return build


def _hand_builder(config, model):
    space = space_of(config)

    def build(given, flag):
        name = choose(given, TRAIN_SETS["hand"], flag)
        _check_half(name, HAND_SETS[name], flag)
        folder = TRAIN_SETS["hand"][name].folder(config.dataset_root, "dataset_root")
        if name == "FreiHAND":
            hands, fits = freihand_hands(folder), HandFits(model)
        else:
            hands, fits = wholebody_hands(folder), HandFits(model, _left_hand(config, model))
        if not hands:
            raise UserError(f"{folder} holds no hands to train on")
        return name, HandSource(name, hands, fits, space, HAND4WHOLE, HAND_SETS[name])

    return build


def _left_hand(config, right):
    if not (config.mano_left_path or right.synthetic):
        raise UserError("--mano_left_path is empty: COCOWB has left hands, name their MANO model (MANO_LEFT.pkl)")
    return load_body_model("mano_left", config.mano_left_path)


def _check_half(name, is_3d, flag):
    if is_3d != (flag == "trainset_3d"):
        other = "trainset_3d" if is_3d else "trainset_2d"
        raise UserError(f"--{flag} {name}: it has {'3D' if is_3d else '2D'} joints, name it with --{other}")


def freihand_hands(folder):
    """The training hands of FreiHAND; without a fit there is nothing to learn from an image of it."""
    return [Hand(record.image_path, record.extras["size"], record.box, "right", None, None,
                 MANOFit(record.pose, record.beta, record.translation), record.focal, record.principal)
            for record in catalogue.FREIHAND.read(folder) if record.pose is not None]


def wholebody_hands(folder):
    """The hands of COCO-WholeBody that have a box; with MANO fits where there are."""
    hands = []
    for record in catalogue.COCO_WHOLEBODY.read(folder):
        for side in ("left", "right"):
            box = record.extras[f"{side}hand_box"]
            if box is None:
                continue
            names = [f"{side}_hand_{joint.removeprefix('right_')}" for joint in joint_sets.HAND_JOINTS]
            rows = index_map(JOINTS, names)
            fit, focal, principal = record.extras["hands"][side] or (None, None, None)
            hands.append(Hand(record.image_path, record.extras["size"], box, side, record.j2d[rows],
                              record.visibility[rows] > 0, fit, focal, principal))
    return hands


def read_test_records(config):
    """The test set of the settings: its name and list[Record].

    Raises:
        UserError: a set that does not exist or is not for --parts, or missing files.
    """
    sets = TEST_SETS[config.parts]
    name = choose(config.testset, sets, "testset")
    return name, sets[name].read(sets[name].folder(config.dataset_root, "dataset_root"), *TEST_SPLITS.get(name, ()))


def check_folder(data_path):
    """What a data root holds and lacks, for `tools/check_data.py`; every annotation file is read.

    Returns:
        list of Finding: with an ERROR where training on a set that is there would stop, and where there is none.
    """
    train, test = (sets["whole"] | sets["hand"] for sets in (TRAIN_SETS, TEST_SETS))
    findings = []
    for split, sets, failed in (("train", train, ERROR), ("test", test, NOTE)):
        for name, data_set in sets.items():
            item = f"{name} {split}"
            findings.append(check_set(item, data_set, data_set.find(data_path),
                                      functools.partial(_look_through, item, data_set, split), failed))
    if not any(row.level != ERROR and data_set.find(data_path) for row, data_set in zip(findings, train.values())):
        findings.append(Finding(ERROR, "training", "no set to train on", f"put one of {', '.join(train)} there"))
    return findings


def _look_through(item, data_set, split, folder):
    """How many people there are, and what they lack: words, or a row of its own."""
    trains = split == "train"
    failed, hands = ERROR if trains else NOTE, data_set is catalogue.FREIHAND
    records = data_set.read(folder, *(() if trains else TEST_SPLITS.get(data_set.name, ())))
    if not records:
        return Finding(failed, item, f"{folder} lists nobody")
    found = f"{len(records):,} {'hands' if hands else 'people'}"
    paths = [records[row].image_path for row in spread(len(records), LOOKED_FOR)]
    missing = [path for path in paths if not os.path.isfile(path)]
    if missing:
        return Finding(failed, item, f"{found}, but {missing[0]} does not exist (of {len(paths)} images {len(missing)} "
                       "are missing)", "unpack the images of the data set")
    meshes = [record.extras["mesh_path"] for record in records if "mesh_path" in record.extras]
    meshes = [path for path in meshes if not os.path.isfile(path)]
    if meshes:
        return Finding(NOTE, item, f"{found}, but {len(meshes)} meshes are missing: {meshes[0]}",
                       "unpack the data set's *_align.ply there")
    without = sum(record.pose is None and "mesh_path" not in record.extras for record in records)
    if without == len(records) and hands and trains:
        return Finding(ERROR, item, f"{found}, but none has a fit", "get freihand_train_data.json with mano_param")
    if without:
        return Finding(NOTE, item, f"{found}, {without:,} of them without {'fit' if trains else 'truth'}",
                       "of them only annotated joints teach" if trains else "")
    return found
