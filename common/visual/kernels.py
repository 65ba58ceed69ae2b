"""Compiled loops of the renderer (numba). Imported on demand by `renderer`: loading numba takes half a second.

All loops run on one core, without fast-math: the same numbers on every machine. They take triangles that `front_faces`
has prepared. Machine code is kept on disk (`common.compiled`).

Samples: a pixel row consists of S sub-rows (S = len(offsets)), each with one sample per pixel, `offsets[s]` pixels from
the pixel's left border. S = 1 with offset 0.5 is the pixel's centre. With S samples no two of which share a row or a
column, a slanted or upright or level edge passes over a pixel in S steps.
"""
import math

import numpy as np

from common.compiled import compiled, helper

MIN_AREA = 1e-7  # square pixels; thinner faces cover no pixel centre and have no usable gradient
ON_EDGE = 1e-9  # pixels; a sample this near to an edge counts as inside, so that neighbours leave no crack


@compiled("Tuple((i4[::1], f8[:,::1]))(f8[:,::1], f8[::1], i8[:,::1])")
def front_faces(points, nearness, faces):
    """Faces that look at the camera and have finite corners, in order.

    Args:
        points: (V, 2) pixels. nearness: (V,). faces: (F, 3).

    Returns:
        kept (T,) face numbers; table (T, 15): corners x0 y0 x1 y1 x2 y2, nearness 0 1 2, area, slope of the nearness in
        x and y, dx / dy of the three edges (from corner 0, 1, 2).
    """
    kept = np.empty(len(faces), np.int32)
    table = np.empty((len(faces), 15))
    count = 0
    for face in range(len(faces)):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        x0, y0, x1, y1, x2, y2 = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        n0, n1, n2 = nearness[a], nearness[b], nearness[c]
        area = (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)
        # x right, y down: the normal of a face with negative area points to the camera. NaN is left out here as well.
        if not (area < -MIN_AREA and math.isfinite(area) and math.isfinite(n0 + n1 + n2)):
            continue
        kept[count] = face
        row = table[count]
        row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8] = x0, y0, x1, y1, x2, y2, n0, n1, n2
        row[9] = area
        row[10] = ((n1 - n0) * (y2 - y0) - (n2 - n0) * (y1 - y0)) / area
        row[11] = ((n2 - n0) * (x1 - x0) - (n1 - n0) * (x2 - x0)) / area
        row[12] = 0.0 if y1 == y0 else (x1 - x0) / (y1 - y0)
        row[13] = 0.0 if y2 == y1 else (x2 - x1) / (y2 - y1)
        row[14] = 0.0 if y0 == y2 else (x0 - x2) / (y0 - y2)
        count += 1
    return kept[:count].copy(), table[:count].copy()


@compiled("void(f8[:,::1], f8[::1], i8, i8, f4[:,::1], i4[:,::1])")
def fill(table, offsets, top, left, nearest, seen):
    """The nearest triangle at every sample of a window, the first of equally near ones.

    Args:
        table: (T, 15) of `front_faces`. offsets: (S,) of the samples.
        top, left: the window's first pixel row and column.
        nearest: (rows * S, columns), filled with the nearness, minus infinity where there is no triangle.
        seen: (rows * S, columns), filled with the triangle's number, -1 where there is none.
    """
    samples = len(offsets)
    height, width = nearest.shape
    nearest[:] = -np.inf
    seen[:] = -1
    for triangle in range(len(table)):
        row = table[triangle]
        x0, y0, x1, y1, x2, y2 = row[0], row[1], row[2], row[3], row[4], row[5]
        low, high = min(y0, y1, y2) - top, max(y0, y1, y2) - top
        if high < 0.0 or low * samples > height or max(x0, x1, x2) < left or min(x0, x1, x2) > left + width:
            continue
        first = int(math.ceil(max(low * samples - 0.5, 0.0)))
        last = int(math.floor(min(high * samples - 0.5, height - 1.0)))
        slope_x, slope_y, n0 = row[10], row[11], row[6]
        for sub in range(first, last + 1):
            y = top + (sub + 0.5) / samples
            # Edges that run down the image bound a front face from the left, upward ones from the right.
            begin, end = 0.0 + left, 0.0 + left + width
            if y1 > y0:
                begin = max(begin, x0 + row[12] * (y - y0))
            elif y1 < y0:
                end = min(end, x0 + row[12] * (y - y0))
            if y2 > y1:
                begin = max(begin, x1 + row[13] * (y - y1))
            elif y2 < y1:
                end = min(end, x1 + row[13] * (y - y1))
            if y0 > y2:
                begin = max(begin, x2 + row[14] * (y - y2))
            elif y0 < y2:
                end = min(end, x2 + row[14] * (y - y2))
            shift = left + offsets[sub % samples]
            start = max(int(math.ceil(begin - shift - ON_EDGE)), 0)
            stop = min(int(math.floor(end - shift + ON_EDGE)), width - 1)
            for column in range(start, stop + 1):
                value = np.float32(n0 + slope_x * (column + shift - x0) + slope_y * (y - y0))
                if value > nearest[sub, column]:
                    nearest[sub, column] = value
                    seen[sub, column] = triangle


@helper
def _corner_weights(row, x, y, perspective):
    """Barycentric weights of the three corners, on the face of the triangle `row` at a point (x, y) of the image."""
    x, y = x - row[0], y - row[1]
    second = (x * (row[5] - row[1]) - y * (row[4] - row[0])) / row[9]
    third = (y * (row[2] - row[0]) - x * (row[3] - row[1])) / row[9]
    first = 1.0 - second - third
    if perspective:
        first, second, third = first * row[6], second * row[7], third * row[8]
        total = first + second + third
        first, second, third = first / total, second / total, third / total
    return first, second, third


@helper
def _byte(value):
    """A number as the nearest one in 0..255."""
    return np.uint8(min(max(np.rint(value), np.float32(0.0)), np.float32(255.0)))


@compiled("f4[:,::1](f8[:,::1], i4[:,::1], i8[::1], b1)")
def weights_at(table, seen, pixels, perspective):
    """Barycentric weights (K, 3) at the centres of the pixels (flat numbers) of a whole image, one sample each."""
    weights = np.empty((len(pixels), 3), np.float32)
    width = seen.shape[1]
    for index in range(len(pixels)):
        row, column = pixels[index] // width, pixels[index] % width
        weights[index, 0], weights[index, 1], weights[index, 2] = _corner_weights(
            table[seen[row, column]], column + 0.5, row + 0.5, perspective)
    return weights


@compiled("void(f8[:,::1], i4[::1], i8[:,::1], f4[:,::1], b1, f8[::1], i8, i8, f4[:,::1], i4[:,::1], f4[::1],"
          " f4[:,::1], f4, u1[:,:,::1], f4[:,::1], f4[:,::1], i4[:,::1])")
def shade(table, kept, faces, attributes, perspective, offsets, top, left, nearest, seen, light, lamps, opacity, canvas,
          alpha, near, face_seen):
    """Light what the samples of a window see and mix it into the image.

    Each triangle that a pixel sees is shaded once, at the mean of its samples there.

    Args:
        table, kept: of `front_faces`. faces: (F, 3). attributes: (V, 6) normal in camera axes and colour, 0..255.
        perspective: whether nearness is 1 / z. offsets, top, left, nearest, seen: of `fill`.
        light: (2,) from everywhere, from above. lamps: (L, 4) direction and strength.
        opacity: of the meshes, 0..1.
        canvas: (H, W, 3), changed where meshes are.
        alpha, near, face_seen: (H, W), set there: share covered, nearness and face of the nearest sample.
    """
    samples = len(offsets)
    rows, columns = nearest.shape[0] // samples, nearest.shape[1]
    pending = np.empty(samples, np.int32)
    for row in range(rows):
        for column in range(columns):
            covered, best, best_near = 0, -1, np.float32(-np.inf)
            for sub in range(samples):
                triangle = seen[row * samples + sub, column]
                pending[sub] = triangle
                if triangle >= 0:
                    covered += 1
                    if nearest[row * samples + sub, column] > best_near:
                        best, best_near = triangle, nearest[row * samples + sub, column]
            if covered == 0:
                continue
            red, green, blue = np.float32(0.0), np.float32(0.0), np.float32(0.0)
            for sub in range(samples):
                triangle = pending[sub]
                if triangle < 0:
                    continue
                count, x, y = 0, 0.0, 0.0
                for other in range(sub, samples):
                    if pending[other] == triangle:
                        pending[other] = -1
                        count += 1
                        x += offsets[other]
                        y += other + 0.5
                x, y = left + column + x / count, top + row + y / (count * samples)
                first, second, third = _corner_weights(table[triangle], x, y, perspective)
                u, v, w = np.float32(first), np.float32(second), np.float32(third)
                face = kept[triangle]
                a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
                nx = u * attributes[a, 0] + v * attributes[b, 0] + w * attributes[c, 0]
                ny = u * attributes[a, 1] + v * attributes[b, 1] + w * attributes[c, 1]
                nz = u * attributes[a, 2] + v * attributes[b, 2] + w * attributes[c, 2]
                scale = np.float32(1.0) / max(math.sqrt(nx * nx + ny * ny + nz * nz), np.float32(1e-12))
                bright = light[0] + light[1] * (np.float32(0.5) - np.float32(0.5) * ny * scale)
                for lamp in range(len(lamps)):
                    shine = nx * lamps[lamp, 0] + ny * lamps[lamp, 1] + nz * lamps[lamp, 2]
                    bright += max(shine, np.float32(0.0)) * scale * lamps[lamp, 3]
                bright *= np.float32(count)
                red += bright * (u * attributes[a, 3] + v * attributes[b, 3] + w * attributes[c, 3])
                green += bright * (u * attributes[a, 4] + v * attributes[b, 4] + w * attributes[c, 4])
                blue += bright * (u * attributes[a, 5] + v * attributes[b, 5] + w * attributes[c, 5])
            share = opacity / np.float32(samples)
            rest = np.float32(1.0) - share * np.float32(covered)
            line, place = top + row, left + column
            canvas[line, place, 0] = _byte(red * share + rest * np.float32(canvas[line, place, 0]))
            canvas[line, place, 1] = _byte(green * share + rest * np.float32(canvas[line, place, 1]))
            canvas[line, place, 2] = _byte(blue * share + rest * np.float32(canvas[line, place, 2]))
            alpha[line, place] = np.float32(covered) / np.float32(samples)
            near[line, place] = best_near
            face_seen[line, place] = kept[best]


@compiled("f8[:,::1](f8[:,::1], i8[:,::1])")
def vertex_normals(vertices, faces):
    """Unit normals (V, 3): the area-weighted mean of the faces around each vertex, 0 without one.

    Faces with NaN are left out.
    """
    normals = np.zeros(vertices.shape)
    for face in range(len(faces)):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        if math.isnan(x + y + z):
            continue
        for corner in range(3):
            normals[faces[face, corner], 0] += x
            normals[faces[face, corner], 1] += y
            normals[faces[face, corner], 2] += z
    for vertex in range(len(normals)):
        x, y, z = normals[vertex, 0], normals[vertex, 1], normals[vertex, 2]
        length = max(math.sqrt(x * x + y * y + z * z), 1e-20)
        normals[vertex, 0], normals[vertex, 1], normals[vertex, 2] = x / length, y / length, z / length
    return normals
