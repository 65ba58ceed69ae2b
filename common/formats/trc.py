"""TRC: joints as markers over time, as OpenSim and Pose2Sim read them; metres, x right, y up, z backward.

Source: the format's description in OpenSim's documentation ("Marker (.trc) Files").
"""
from common.formats.motion import Motion


def trc_bytes(motion: Motion) -> bytes:
    """The bytes of a TRC file of a `Motion` with frames of one length (`Motion.evenly`); tabs stand between columns."""
    count, markers = motion.j3d.shape[:2]
    rate = f"{motion.fps:.6g}"
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{motion.name}.trc",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"{rate}\t{rate}\t{count}\t{markers}\tm\t{rate}\t{motion.frames[0] + 1}\t{count}",
        "Frame#\tTime\t" + "\t\t\t".join(motion.joint_names) + "\t\t",
        "\t\t" + "\t".join(f"X{number}\tY{number}\tZ{number}" for number in range(1, markers + 1)),
        "",
    ]
    for frame, time_s, points in zip(motion.frames, motion.time_s, motion.j3d):
        lines.append("\t".join([str(frame + 1), f"{time_s:.6f}", *(f"{value + 0.0:.6f}" for value in points.ravel())]))
    return ("\n".join(lines) + "\n").encode()
