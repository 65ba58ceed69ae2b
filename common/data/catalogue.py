"""The data sets, in one table: names, folders, files, reader, where to get them, and what makes sample data of them.

A row is a data set in one layout of files; a data set that two projects publish differently has two rows. Folders are
called as in the originals' READMEs and in their programs, which do not agree. docs/datasets.md shows this table.
"""
import importlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.errors import UserError


@dataclass(frozen=True)
class DataSet:
    """One data set in one layout.

    Attributes:
        name (str): the spelling that messages and results have.
        title (str): what it is.
        folders (tuple): where it may lie below the folder of all data sets; the first that exists counts.
        files (str): what lies there.
        reader (str): module:function below `common.data.readers`; reads the training split by default.
        source (str): where to get it.
        sample (str): name of its sample data (`common.stand_ins.datasets.registry`), or empty.
        spellings (tuple): other names that are taken for it, beside name and folders.
    """

    name: str
    title: str
    folders: tuple
    files: str
    reader: str
    source: str
    sample: str = ""
    spellings: tuple = ()

    def find(self, root: str) -> str | None:
        """Its folder below `root`, the folder of all data sets; None where it is not there."""
        places = (os.path.join(root, folder) for folder in self.folders)
        return next((place for place in places if os.path.exists(place)), None)

    def folder(self, root: str, flag: str) -> str:
        """As `find`; UserError, which names the flag of `root`, where it is not there."""
        found = self.find(root)
        if found is None:
            raise UserError(f"--{flag} {root} holds none of {', '.join(self.folders)}: put or link the data set "
                            f"{self.name} there; it comes from {self.source}")
        return found

    def read(self, folder: str, *arguments: Any, **options: Any) -> list:
        """What the reader makes of the folder: list of Record. The reader's module is imported here."""
        module, _, function = self.reader.partition(":")
        return getattr(importlib.import_module(f"common.data.readers.{module}"), function)(
            folder, *arguments, **options)

    def called(self, name: str) -> bool:
        """Whether somebody who writes `name` means this data set; letters and digits alone count."""
        return _plain(name) in map(_plain, (self.name, *self.spellings, *self.folders))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def by_name(*data_sets: DataSet) -> dict[str, DataSet]:
    """The data sets by their names, as `choose` takes them."""
    return {data_set.name: data_set for data_set in data_sets}


def choose(given: str, sets: Mapping[str, DataSet], flag: str) -> str:
    """The name of a data set of the command line in its one spelling.

    Args:
        given: as typed.
        sets: what can be chosen, name -> DataSet; a name of its own, such as an evaluation protocol's, goes first.
        flag: that it was given for.

    Raises:
        UserError: it is none of them.
    """
    names = [name for name in sets if _plain(name) == _plain(given)]
    names += [name for name, data_set in sets.items() if data_set.called(given)]
    if not names:
        raise UserError(f"--{flag} {given}: choose from {', '.join(sets)}")
    return names[0]


_GRAPHCMR = "github.com/nkolot/GraphCMR"
_HAND4WHOLE = "the page of Hand4Whole (github.com/mks0601/Hand4Whole_RELEASE)"
_HUMAN36M = "vision.imar.ro/human3.6m"
_MPII = "human-pose.mpi-inf.mpg.de"
_MPI_INF_3DHP = "vcai.mpi-inf.mpg.de/3dhp-dataset"
_UP = "files.is.tuebingen.mpg.de/classner/up"
_LSP = "sam.johnson.io/research/lsp.html"

HUMAN36M_POSES = DataSet(
    "human36m", "Human3.6M, 3D poses", ("h36m",),
    "`S1/MyPoseFeatures/D3_Positions/*.cdf` ... `S11`, `metadata.xml`; or `data_3d_h36m.npz` of VideoPose3D",
    "human36m:read_cdf_poses", _HUMAN36M, "human36m", ("pose_baseline",))
HUMAN36M = DataSet(
    "hum3.6m", "Human3.6M, images",
    ("human3.6m", "human3.6", "hum3.6m", "human36m", "h36m", "H36M"),
    "`annot.h5` of pytorch_HMR or `annots.npz`, `images`; for protocols 1 and 2: `S9`, `S11` with `D3_Positions_mono`",
    "derived:read_human36m_people", f"{_HUMAN36M}, and annot.h5 or annots.npz with SMPL labels", "human36m_images")
HUMAN36M_SMPLX = DataSet(
    "Human36M", "Human3.6M, images with SMPL-X fits", ("Human36M",),
    "`images`, `annotations/Human36M_subject<n>_{data,camera,joint_3d,SMPLX_NeuralAnnot}.json`",
    "human36m_images:read_human36m", _HAND4WHOLE, "human36m_images")
COCO = DataSet(
    "coco", "COCO keypoints 2017, 2014", ("coco2017", "coco", "coco2014"),
    "`annotations/person_keypoints_train2017.json` (or `train2014`), `train2017`", "coco:read_coco_training",
    "cocodataset.org", "coco")
COCO_WHOLEBODY = DataSet(
    "COCOWB", "COCO-WholeBody with SMPL-X and MANO fits", ("COCOWB", "MSCOCO"),
    "`annotations/coco_wholebody_train_v1.0.json`, `MSCOCO_train_{SMPLX,MANO}_*_NeuralAnnot.json`, `images`",
    "coco_wholebody:read_coco_wholebody", _HAND4WHOLE, "coco_wholebody", ("coco", "coco_wholebody"))
LSP = DataSet(
    "lsp", "Leeds Sports Pose, original size",
    ("lsp", "lsp_dataset_original", "LSP/lsp_dataset_original", "lsp_dataset", "LSP/lsp_dataset"),
    "`joints.mat`, `images`", "lsp:read_lsp", _LSP, "lsp", ("lsp-orig",))
LSP_SMALL = DataSet(
    "lsp-small", "Leeds Sports Pose, people of 150 px", ("LSP/lsp_dataset", "lsp_dataset"),
    "`joints.mat`, `images`; masks: `UP_3D/upi-s1h`", "lsp:read_lsp", f"{_LSP}, and upi-s1h.zip from {_UP}", "lsp")
LSP_EXTENDED = DataSet(
    "lsp_ext", "Leeds Sports Pose, extended", ("lsp_ext", "lsp_exd", "lsp_extended", "lspet", "hr-lspet"),
    "`joints.mat`, `images`", "lsp_extended:read_lsp_extended", _LSP, "lsp_extended")
MPII = DataSet(
    "mpii", "MPII Human Pose", ("mpii", "MPII"),
    "`mpii_human_pose_v1_u12_1.mat`, or `train.h5` of Stacked Hourglass; `images`", "mpii:read_mpii_people",
    f"{_MPII}, and train.h5 from data/ of {_GRAPHCMR}", "mpii")
MPII_FITS = DataSet(
    "MPII", "MPII Human Pose with SMPL-X fits", ("MPII",),
    "`data/annotations/train.json`, `MPII_train_SMPLX_NeuralAnnot.json`, `images`", "neural_annot:read_mpii_fits",
    _HAND4WHOLE)
AI_CHALLENGER = DataSet(
    "ai-ch", "AI Challenger 2017, skeletons", ("ai_challenger", "ai-ch", "ai_ch"),
    "`ai_challenger_keypoint_train_20170909`", "ai_challenger:read_ai_challenger",
    "github.com/AIChallenger/AI_Challenger_2017")
MPI_INF_3DHP = DataSet(
    "mpi-inf-3dhp", "MPI-INF-3DHP", ("mpii_3d", "mpi_inf_3dhp", "mpi-inf-3dhp"),
    "`S1/Seq1/annot.mat`, `imageFrames` ..., `mpi_inf_3dhp_test_set`; or `annot.h5`, or `annots.npz`",
    "derived:read_mpi_inf_3dhp_people", _MPI_INF_3DHP, "mpi_inf_3dhp")
MPI_INF_3DHP_FITS = DataSet(
    "MPI_INF_3DHP", "MPI-INF-3DHP with SMPL-X fits", ("MPI_INF_3DHP",),
    "`data/MPI-INF-3DHP_{1k,camera,joint_3d,SMPLX_NeuralAnnot}.json`, `images_1k`",
    "neural_annot:read_mpi_inf_3dhp_fits", _HAND4WHOLE)
UP_3D = DataSet(
    "up-3d", "UP-3D, SMPL fits", ("up-3d", "up3d", "UP_3D/up-3d"),
    "`00042_{image.png,joints.npy,body.pkl,render_light.png}`, `train.txt`, `val.txt`, `test.txt`", "up3d:read_up3d",
    f"{_UP}, and namesUPlsp.txt from data/ of {_GRAPHCMR}", "up3d")
THREEDPW = DataSet(
    "3dpw", "3DPW", ("3dpw", "3DPW", "PW3D"), "`data/3DPW_{train,validation,test}.json`, `imageFiles`",
    "threedpw:read_3dpw", f"virtualhumans.mpi-inf.mpg.de/3DPW, and 3DPW_test.json from {_HAND4WHOLE}", "3dpw")
EHF = DataSet(
    "EHF", "EHF, SMPL-X meshes", ("EHF",), "`EHF.json`, `01_img.png`, `01_align.ply` ...", "ehf:read_ehf",
    f"smpl-x.is.tue.mpg.de, and EHF.json from {_HAND4WHOLE}", "ehf")
FREIHAND = DataSet(
    "FreiHAND", "FreiHAND, MANO hands", ("FreiHAND", "FreiHand"),
    "`data/freihand_{train,eval}_{coco,data}.json`, `data/training`, `data/evaluation`", "freihand:read_freihand",
    f"lmb.informatik.uni-freiburg.de, and the JSON files from {_HAND4WHOLE}", "freihand")
MOSH = DataSet(
    "mosh", "MoSh, poses and shapes", ("mosh", "mocap", "mosh_annot.h5"), "`mosh_annot.h5`, npz or pkl files",
    "mosh:read_mosh", "the data of pytorch_HMR or of akanazawa/hmr", "mosh")
AMASS = DataSet(
    "amass", "AMASS, poses and shapes", ("amass",), "`<data set>/<subject>/*_poses.npz`", "mosh:read_mosh",
    "amass.is.tue.mpg.de")
CATALOGUE = (HUMAN36M_POSES, HUMAN36M, HUMAN36M_SMPLX, COCO, COCO_WHOLEBODY, LSP, LSP_SMALL, LSP_EXTENDED, MPII,
             MPII_FITS, AI_CHALLENGER, MPI_INF_3DHP, MPI_INF_3DHP_FITS, UP_3D, THREEDPW, EHF, FREIHAND, MOSH, AMASS)


def table() -> str:
    """The catalogue as a Markdown table."""
    rows = [("name", "data set", "folders", "files", "reader", "from", "sample data"), ["---"] * 7]
    rows += [(f"`{row.name}`", row.title, ", ".join(f"`{folder}`" for folder in row.folders), row.files,
              f"`{row.reader}`", row.source, f"`{row.sample}`" if row.sample else "") for row in CATALOGUE]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"
