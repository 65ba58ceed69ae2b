"""Statistics of given poses."""
from pose_baseline.src.normalisation import WIDTH_2D, WIDTH_3D, ColumnMoments, Statistics


def statistics_of(poses_2d, poses_3d, predict_14=False):
    """`Statistics` of 2D poses (N, 64) and root-centred 3D poses (M, 96)."""
    moments_2d, moments_3d = ColumnMoments(WIDTH_2D), ColumnMoments(WIDTH_3D)
    moments_2d.update(poses_2d)
    moments_3d.update(poses_3d)
    return Statistics(*moments_2d.result(), *moments_3d.result(), predict_14)
