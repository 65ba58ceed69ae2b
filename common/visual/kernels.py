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

# Columns of a triangle's row: corners (x, y), their nearness, the doubled area, the slopes of the nearness; then two
# edges that bound it from the left and two from the right (one twice where it is alone) as a point (x, y) and dx / dy.
X0, Y0, X1, Y1, X2, Y2, NEAR, AREA, SLOPE_X, SLOPE_Y, LEFT, RIGHT, COLUMNS = 0, 1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 18, 24


@helper
def _put_edge(row: np.ndarray, place: int, start: int, slope: float) -> int:
    """Write an edge at `place`; the place of the next one."""
    row[place], row[place + 1], row[place + 2] = row[start], row[start + 1], slope
    return place + 3


@helper
def _corner_weights(row: np.ndarray, x: float, y: float) -> tuple[float, float, float]:
    """Barycentric weights of the three corners, on the face of the triangle `row` at a point (x, y) of the image."""
    scale, x, y = 1.0 / row[AREA], x - row[X0], y - row[Y0]
    second = (x * (row[Y2] - row[Y0]) - y * (row[X2] - row[X0])) * scale
    third = (y * (row[X1] - row[X0]) - x * (row[Y1] - row[Y0])) * scale
    # What is linear on a face is so in the image only after division by the depth.
    first, second, third = (1.0 - second - third) * row[NEAR], second * row[NEAR + 1], third * row[NEAR + 2]
    scale = 1.0 / (first + second + third)
    return first * scale, second * scale, third * scale


@helper
def _byte(value: np.float32) -> np.uint8:
    """A number as the nearest one in 0..255."""
    return np.uint8(min(max(value + np.float32(0.5), np.float32(0.0)), np.float32(255.0)))


@compiled("Tuple((i4[::1], f8[:,::1], f8[::1]))(f8[:,::1], f8[::1], i8[:,::1])")
def front_faces(points: np.ndarray, nearness: np.ndarray,
                faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces that look at the camera and have finite corners, in order.

    Args:
        points: (V, 2) pixels. nearness: (V,). faces: (F, 3).

    Returns:
        kept (T,) face numbers; table (T, COLUMNS); box (4,), least x and y, largest x and y of the corners.
    """
    box = np.array([np.inf, np.inf, -np.inf, -np.inf])
    kept = np.empty(len(faces), np.int32)
    table = np.empty((len(faces), COLUMNS))
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
        box[0], box[1] = min(box[0], x0, x1, x2), min(box[1], y0, y1, y2)
        box[2], box[3] = max(box[2], x0, x1, x2), max(box[3], y0, y1, y2)
        row[AREA] = area
        row[SLOPE_X] = ((n1 - n0) * (y2 - y0) - (n2 - n0) * (y1 - y0)) / area
        row[SLOPE_Y] = ((n2 - n0) * (x1 - x0) - (n1 - n0) * (x2 - x0)) / area
        # Edges that run down the image bound a front face from the left, upward ones from the right, level ones not.
        left, right = LEFT, RIGHT
        for start in range(0, 6, 2):
            end = (start + 2) % 6
            rise = row[end + 1] - row[start + 1]
            if rise > 0.0:
                left = _put_edge(row, left, start, (row[end] - row[start]) / rise)
            elif rise < 0.0:
                right = _put_edge(row, right, start, (row[end] - row[start]) / rise)
        for value in range(3):
            if left == LEFT + 3:
                row[left + value] = row[LEFT + value]
            if right == RIGHT + 3:
                row[right + value] = row[RIGHT + value]
        count += 1
    return kept[:count], table[:count], box


@compiled("void(f8[:,::1], f8[::1], i8, i8, f4[:,::1], i4[:,::1])")
def fill(table: np.ndarray, offsets: np.ndarray, top: int, left: int, nearest: np.ndarray, seen: np.ndarray) -> None:
    """The nearest triangle at every sample of a window, the first of equally near ones.

    Args:
        table: of `front_faces`. offsets: (S,) of the samples.
        top, left: the window's first pixel row and column.
        nearest: (rows * S, columns), filled with the nearness, minus infinity where there is no triangle.
        seen: (rows * S, columns), filled with the triangle's number, -1 where there is none.
    """
    samples = len(offsets)
    step = 1.0 / samples  # a power of two: exact
    height, width = nearest.shape
    nearest[:] = -np.inf
    seen[:] = -1
    for triangle in range(len(table)):
        row = table[triangle]
        x0, y0, y1, y2 = row[X0], row[Y0], row[Y1], row[Y2]
        low, high = min(y0, y1, y2) - top, max(y0, y1, y2) - top
        if high < 0.0 or low * samples > height:
            continue
        first = int(math.ceil(max(low * samples - 0.5, 0.0)))
        last = int(math.floor(min(high * samples - 0.5, height - 1.0)))
        n0, slope_x, slope_y = row[NEAR], row[SLOPE_X], row[SLOPE_Y]
        lx, ly, ls, mx, my, ms = row[12], row[13], row[14], row[15], row[16], row[17]
        rx, ry, rs, sx, sy, ss = row[18], row[19], row[20], row[21], row[22], row[23]
        phase = first % samples
        for sub in range(first, last + 1):
            y = top + (sub + 0.5) * step
            shift = left + offsets[phase]
            phase = phase + 1 if phase + 1 < samples else 0
            begin = max(lx + ls * (y - ly), mx + ms * (y - my)) - shift - ON_EDGE
            end = min(rx + rs * (y - ry), sx + ss * (y - sy)) - shift + ON_EDGE
            begin, end = max(begin, 0.0), min(end, width - 1.0)
            if begin > end:
                continue
            start, stop = int(math.ceil(begin)), int(end)
            base = slope_y * (y - y0)
            near_row, seen_row = nearest[sub], seen[sub]
            for column in range(start, stop + 1):
                value = np.float32(n0 + slope_x * (column + shift - x0) + base)
                if value > near_row[column]:
                    near_row[column] = value
                    seen_row[column] = triangle


@compiled("void(f8[:,::1], i4[::1], f4[:,::1], i4[:,::1])")
def name_faces(table: np.ndarray, kept: np.ndarray, nearest: np.ndarray, seen: np.ndarray) -> None:
    """Turn the nearness at pixels, in place, into metres (infinite where nothing is), the triangles seen into faces."""
    for row in range(len(seen)):
        for column in range(seen.shape[1]):
            if seen[row, column] >= 0:
                seen[row, column] = kept[seen[row, column]]
                nearest[row, column] = np.float32(1.0) / nearest[row, column]
            else:
                nearest[row, column] = np.inf


@compiled("f4[:,::1](f8[:,::1], i4[:,::1], i8[::1])")
def weights_at(table: np.ndarray, seen: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Barycentric weights (K, 3) at the centres of the pixels (flat numbers) of a whole image, one sample each."""
    weights = np.empty((len(pixels), 3), np.float32)
    width = seen.shape[1]
    for index in range(len(pixels)):
        row, column = pixels[index] // width, pixels[index] % width
        weights[index, 0], weights[index, 1], weights[index, 2] = _corner_weights(
            table[seen[row, column]], column + 0.5, row + 0.5)
    return weights


@compiled("void(f8[:,::1], i4[::1], i4[::1], i8[:,::1], f4[:,::1], f8[::1], i8, i8, f4[:,::1], i4[:,::1], f4[::1],"
          " f4[:,::1], f4, u1[:,:,::1], f4[:,::1], f4[:,::1], i4[:,::1])")
def shade(table: np.ndarray, kept: np.ndarray, face_mesh: np.ndarray, faces: np.ndarray, attributes: np.ndarray,
          offsets: np.ndarray, top: int, left: int, nearest: np.ndarray, seen: np.ndarray,
          light: np.ndarray, lamps: np.ndarray, opacity: float, canvas: np.ndarray, alpha: np.ndarray,
          depth: np.ndarray, mesh: np.ndarray) -> None:
    """Light what the samples of a window see and mix it into the image.

    Each triangle that a pixel sees is shaded once, at the mean of its samples there.

    Args:
        table, kept: of `front_faces`. face_mesh: (F,). faces: (F, 3).
        attributes: (V, 6) normal in camera axes and colour, 0..255.
        offsets, top, left, nearest, seen: of `fill`.
        light: (2,) from everywhere, from above. lamps: (L, 4) direction and strength.
        opacity: of the meshes, 0..1.
        canvas: (H, W, 3), changed where meshes are.
        alpha, depth, mesh: (H, W), set there: share covered, metres and mesh of the nearest sample.
    """
    samples = len(offsets)
    rows, columns = nearest.shape[0] // samples, nearest.shape[1]
    pending = np.empty(samples, np.int32)
    for row in range(rows):
        for column in range(columns):
            covered = 0
            for sub in range(samples):
                pending[sub] = seen[row * samples + sub, column]
                covered += pending[sub] >= 0
            if covered == 0:
                continue
            best, best_near = 0, np.float32(-np.inf)
            for sub in range(samples):
                if nearest[row * samples + sub, column] > best_near:
                    best, best_near = pending[sub], nearest[row * samples + sub, column]
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
                first, second, third = _corner_weights(table[triangle], x, y)
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
            depth[line, place] = np.float32(1.0) / best_near
            mesh[line, place] = face_mesh[kept[best]]


@compiled("f8[:,::1](f8[:,::1], i8[:,::1])")
def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals (V, 3): the area-weighted mean of the faces around each vertex, 0 without one.

    Faces with numbers that are not finite are left out.
    """
    normals = np.zeros(vertices.shape)
    for face in range(len(faces)):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        if not math.isfinite(x + y + z):
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
