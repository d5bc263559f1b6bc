"""What stands behind the labels: the values that both programs choose them from.

A label map can differ in a voxel although both programs compute the same to the last digits that float32 keeps: where two
classes are as good as each other. So the bundle is run once more by both, without the steps that make labels, and the
values of every class are compared: how far they are apart, and whether each voxel whose label differs is such a tie.
"""

TIE = 1e-4  # the two best values, relative to the best one
MOVING = ("Invertd", "SaveImaged", "Activationsd", "EnsureTyped")


def class_name(step):
    name = step.get("_target_", "").split(".")[-1]
    for suffix in ("Dict", "D"):
        if name.endswith(suffix):
            return name[: -len(suffix)] + "d"
    return name


def entries(config):
    """Entries that turn the post-processing into one that keeps the values of the classes, and how labels come of them;
    None where the post-processing isn't a list of steps with an AsDiscreted."""
    post = config.get("postprocessing")
    steps = post.get("transforms") if isinstance(post, dict) else None
    names = [class_name(step) if isinstance(step, dict) else "" for step in steps or []]
    if "AsDiscreted" not in names:
        return None
    first = names.index("AsDiscreted")
    # Labels that are interpolated belong to no voxel of the scan: then the network's own grid is compared.
    interpolated = any(name == "Invertd" and not steps[place].get("nearest_interp", True)
                       for place, name in enumerate(names) if place > first)
    changes = []
    for place, name in enumerate(names):
        path = f"postprocessing#transforms#{place}"
        if name not in MOVING or (name == "Invertd" and place > first and interpolated):
            changes.append((path + "#_disabled_", "true"))
        if name == "SaveImaged":
            changes.append((path + "#output_dtype", "$np.float32"))
    step = steps[first]
    return changes, ("argmax" if step.get("argmax") else float(step.get("threshold", 0.5)))


def classes(path):
    """The values of a file as [K, X, Y, Z]."""
    import nibabel
    import numpy

    values = numpy.asanyarray(nibabel.load(path).dataobj)
    return numpy.moveaxis(values, -1, 0) if values.ndim > 3 else values[None]


def labels(values, rule):
    import numpy

    return values.argmax(0) if rule == "argmax" else (values >= rule).astype(numpy.uint8)


def margins(values, rule):
    """How far each voxel is from another label, relative to the value that decides."""
    import numpy

    if rule == "argmax":
        second, best = numpy.partition(values, values.shape[0] - 2, axis=0)[-2:]
        return (best - second) / numpy.maximum(numpy.maximum(abs(best), abs(second)), 1e-30)
    return (abs(values - rule) / max(abs(rule), 1e-30)).min(0)


def compare(ours, theirs, rule, left, right):
    """How the values differ; ties are counted among the voxels where the label maps `left` and `right` differ, when they
    lie on the values' grid, else among those where the values themselves give different labels."""
    import numpy

    a, b = classes(ours), classes(theirs)
    if a.shape != b.shape:
        return {"shapes": [list(a.shape), list(b.shape)], "ties": False}
    scale = max(float(abs(b).max()), 1e-30)
    differing = labels(a, rule) != labels(b, rule)
    if rule != "argmax":
        differing = differing.any(0)
    result = {"value_difference": float(abs(a - b).max()) / scale,
              "value_agreement": 1 - float(numpy.count_nonzero(differing)) / differing.size}
    if left is not None and left.shape == differing.shape:
        differing = differing | (left != right)
    margin = margins(b, rule)
    result["differing"] = int(numpy.count_nonzero(differing))
    result["near_ties"] = int(numpy.count_nonzero(margin <= TIE))
    result["largest_margin"] = float(margin[differing].max()) if result["differing"] else 0.0
    result["ties"] = result["largest_margin"] <= TIE
    return result


def text(result):
    if "shapes" in result:
        return f"  the classes' values have other shapes: {result['shapes']}"
    return (f"  the classes' values differ by {result['value_difference']:.1e} of the largest one; {result['differing']} voxels"
            f" differ, at a margin of at most {result['largest_margin']:.1e} ({result['near_ties']} voxels are within {TIE:.0e}):"
            f" {'all ties' if result['ties'] else 'NOT ALL TIES'}")
