"""glb with a skeleton, a skin and an animation: one person, whom any glTF 2.0 program shows, moves and retargets.

trimesh writes no skins, so the container is made here: a JSON text and one block of numbers. Lengths are in metres,
y up. A skin bends by its joints alone: of the body model's pose-dependent corrections the rest mesh holds their mean
over the frames, which is exact for an image.

Source: the glTF 2.0 specification (Khronos Group), sections on skins, animations and the binary container.
"""
import json
import struct

import numpy as np

from common.formats.motion import Motion, strongest
from common.visual.renderer import vertex_normals

WEIGHTS = 4  # joints that may pull at a vertex: all that every program reads
FLOAT, UINT8, UINT32 = 5126, 5121, 5125
ARRAY, ELEMENTS = 34962, 34963  # kinds of buffer views
KINDS = {(): "SCALAR", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}


class _Block:
    """The numbers of the file and the tables that say where they are."""

    def __init__(self):
        self.data, self.views, self.accessors = bytearray(), [], []

    def add(self, values: np.ndarray, component: int, target: int | None = None, bounds: bool = False) -> int:
        """Append an array (N, ...) -> number of its accessor."""
        values = np.ascontiguousarray(values, {FLOAT: "<f4", UINT8: "u1", UINT32: "<u4"}[component])
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": values.nbytes}
        self.views.append(view | ({"target": target} if target else {}))
        accessor = {"bufferView": len(self.views) - 1, "componentType": component, "count": len(values),
                    "type": KINDS[values.shape[1:]]}
        if bounds:
            accessor |= {"min": np.atleast_1d(values.min(0)).tolist(), "max": np.atleast_1d(values.max(0)).tolist()}
        self.accessors.append(accessor)
        self.data += values.tobytes()
        self.data += b"\0" * (-len(self.data) % 4)
        return len(self.accessors) - 1


def glb_bytes(motion: Motion) -> bytes:
    """The bytes of a glb file of a `Motion` with a skin. Times are those of the frames in which the person is seen."""
    block, skeleton, skin = _Block(), motion.skeleton, motion.skin
    count = len(skeleton.names)
    quaternions = motion.quaternions()[..., [1, 2, 3, 0]]  # glTF has w last
    inverse = np.tile(np.eye(4), (count, 1, 1))
    inverse[:, 3, :3] = -motion.skeleton.rest()  # columns follow each other in glTF, so this is the last column
    joints, weights = strongest(skin.weights, WEIGHTS)
    primitive = {
        "attributes": {
            "POSITION": block.add(skin.vertices, FLOAT, ARRAY, bounds=True),
            "NORMAL": block.add(vertex_normals(skin.vertices, skin.faces), FLOAT, ARRAY),
            "JOINTS_0": block.add(joints, UINT8, ARRAY), "WEIGHTS_0": block.add(weights, FLOAT, ARRAY)},
        "indices": block.add(skin.faces.ravel(), UINT32, ELEMENTS), "material": 0}
    times = block.add(motion.time_s - motion.time_s[0], FLOAT, bounds=True)
    nodes, samplers, channels = [], [], []

    def animate(node: int, path: str, values: np.ndarray) -> None:
        channels.append({"sampler": len(samplers), "target": {"node": node, "path": path}})
        samplers.append({"input": times, "output": block.add(values, FLOAT), "interpolation": "LINEAR"})

    for joint, parent in enumerate(skeleton.parents):
        place = skeleton.root[0] if parent < 0 else skeleton.offsets[joint]
        children = [child for child, of in enumerate(skeleton.parents) if of == joint]
        nodes.append({"name": skeleton.names[joint], "translation": np.float64(place).tolist(),
                      "rotation": quaternions[0, joint].tolist()} | ({"children": children} if children else {}))
        animate(joint, "rotation", quaternions[:, joint])
        if parent < 0:
            animate(joint, "translation", skeleton.root)
    root = skeleton.parents.index(-1)
    nodes.append({"name": motion.name, "mesh": 0, "skin": 0})
    colour = ((np.asarray(skin.colour) / 255.0) ** 2.2).round(4).tolist()  # glTF's colours are linear
    document = {
        "asset": {"version": "2.0", "generator": "MindHuman", "extras": {
            "source": motion.source, "model": motion.model, "person": str(motion.person),
            "body_model": motion.body.source if motion.body else None,
            "axes": "x right, y up, z backward; metres; the camera of the image is the origin"}},
        "scene": 0, "scenes": [{"nodes": [root, count]}], "nodes": nodes,
        "meshes": [{"name": motion.name, "primitives": [primitive]}],
        "skins": [{"joints": list(range(count)), "skeleton": root,
                   "inverseBindMatrices": block.add(inverse, FLOAT)}],
        "materials": [{"name": "body", "pbrMetallicRoughness": {
            "baseColorFactor": [*colour, 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.8}}],
        "animations": [{"name": motion.name, "samplers": samplers, "channels": channels}],
        "accessors": block.accessors, "bufferViews": block.views, "buffers": [{"byteLength": len(block.data)}],
    }
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    chunks = [struct.pack("<I4s", len(data), kind) + data for kind, data in ((b"JSON", text), (b"BIN\0", block.data))]
    return struct.pack("<4sII", b"glTF", 2, 12 + sum(map(len, chunks))) + b"".join(chunks)
