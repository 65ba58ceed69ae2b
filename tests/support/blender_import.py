"""What Blender makes of files: python blender_import.py -- FILE... OUT.json, with the package bpy.

OUT.json has an entry for each file: vertices of the meshes as they are at its first frame, and of an armature its
bones, and where their heads are at each key of its animation. Points are Blender's: metres, z up.
"""
import json
import sys

import bpy


def load(path):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    if path.endswith(".glb"):
        bpy.ops.import_scene.gltf(filepath=path)
    elif path.endswith(".bvh"):
        bpy.ops.import_anim.bvh(filepath=path, global_scale=0.01, update_scene_fps=True, update_scene_duration=True)
    else:
        bpy.ops.wm.obj_import(filepath=path)


def keys_of(action):
    """Frames with a key. Blender 4.4 and later keep the curves of an action in layers."""
    curves = action.fcurves if hasattr(action, "fcurves") else [
        curve for layer in action.layers for strip in layer.strips for bag in strip.channelbags
        for curve in bag.fcurves]
    return sorted({round(key.co[0], 4) for curve in curves for key in curve.keyframe_points})


def content():
    scene = bpy.context.scene
    armatures = [one for one in scene.objects if one.type == "ARMATURE"]
    found = {"armatures": len(armatures)}
    for armature in armatures:
        bones, keys = armature.pose.bones, keys_of(armature.animation_data.action)
        found["parents"] = {bone.name: bone.parent.name if bone.parent else None for bone in bones}
        found["fps"] = scene.render.fps / scene.render.fps_base
        found["times"] = [(key - keys[0]) / found["fps"] for key in keys]
        found["heads"] = []
        for key in reversed(keys):
            scene.frame_set(int(key), subframe=key - int(key))
            found["heads"].insert(0, {bone.name: list(armature.matrix_world @ bone.head) for bone in bones})
    graph = bpy.context.evaluated_depsgraph_get()
    found["meshes"] = {}
    for one in scene.objects:
        if one.type == "MESH" and one.visible_get():
            bent = one.evaluated_get(graph)
            found["meshes"][one.name] = [list(bent.matrix_world @ vertex.co) for vertex in bent.data.vertices]
    return found


*files, out = sys.argv[sys.argv.index("--") + 1:]
results = []
for name in files:
    load(name)
    results.append(content())
with open(out, "w") as stream:
    json.dump(results, stream)
