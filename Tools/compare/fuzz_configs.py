#!/usr/bin/env python3
"""Resolve random configs with MONAI's ConfigParser and with Martlet, and compare the arguments of a component.

Usage: fuzz_configs.py MARTLET WORKDIR [--count N] [--seed S] [--first NUMBER]      (needs monai, pyyaml)
Each case is a bundle of one or two config files (JSON or YAML) with nested entries, references, relative ids, macros, merges,
overrides and expressions. `martlet inspect` tells the arguments of a transform, MONAI's parser the same without making it. The exit
code is 1 when they differ; what only one of the two refuses is listed.
"""
import argparse
import collections
import json
import os
import random
import shutil
import subprocess
import sys
import warnings

import yaml

warnings.filterwarnings("ignore")
from monai.bundle import ConfigParser  # noqa: E402
from monai.bundle.config_item import ConfigItem  # noqa: E402

# Strings with a # are left out: MONAI makes :: of it even in text, Martlet keeps it.
SCALARS = [0, 1, -3, 7, 0.5, -2.25, 1e-5, True, False, None, "x", "", "a b", "1", "true", "None", "image", "a:b", "a@b", "it's"]


def scalar(r):
    return r.choice(SCALARS)


def literal(r, depth=0):
    kind = r.random()
    if kind < 0.6 or depth > 1:
        return scalar(r)
    if kind < 0.8:
        return [literal(r, depth + 1) for _ in range(r.randint(0, 3))]
    return {r.choice("pqrst"): literal(r, depth + 1) for _ in range(r.randint(1, 3))}


def places(tree, path=()):
    yield path
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from places(value, path + (str(key),))


def joined(r, path):
    return r.choice(["#", "::"]).join(path)


EXPRESSIONS = [
    "1 + 2 * {n}", "{a}", "[{a}, {b}]", "{a} if {b} else None", "not {a}", "{a} == {b}", "{a} is None", "({n} // 2, {n} % 3)", "-{n} / 4",
    "{{'k': {a}}}", "{a} and {b}", "{a} or {b}", "str({a})", "list(range({n}))", "[i * 2 for i in range({n})]", "len([{a}, {b}])",
    "os.path.join('a', 'b')", "sorted([3, 1, {n}])", "max(1, {n})", "min([{n}, 2])", "sum([1, {n}])",
    "{{'a': 1}}['a'] + {n}", "[1, 2, 3][{n} % 3]", "[1, 2, 3][-1:]", "'abc'[::-1]", "[{{'image': i}} for i in ['a', 'b']]", "abs(-{n})",
    "'a' in ['a', {b}]", "{n} in (1, 2)", "1 < {n} < 5", "{n} ** 2", "'x' * {n}", "[0] * {n} + [{a}]", "int('3') + {n}", "float({n})", "bool({a})",
    "tuple([{a}])", "dict(a={a})", "'a,b'.split(',')", "str({n}) + '.nii'", "round({n} / 3, 2)", "{a} != {b}",
    "[*range({n})]", "any([{a}, {b}])", "all([{a}])", "list(zip([1, 2], ['a', 'b']))", "list(enumerate('ab'))", "isinstance({a}, int)",
    "set([1, 1])", "os.path.basename('/a/b.c')", "os.path.dirname('/a/b')", "pathlib.Path('a') / 'b'", "'A'.lower()", 
    "np.float32", "torch.float32", "torch.device('cpu')", "[x for x in [1, 2, 3] if x > 1]", "True if {n} > 2 else False",
]


def expression(r, tree, own):
    candidates = [path for path in places(tree) if path and path[0] < own]
    def reference():
        if candidates and r.random() < 0.6:
            return "@" + joined(r, r.choice(candidates))
        return repr(scalar(r))
    return "$" + r.choice(EXPRESSIONS).format(a=reference(), b=reference(), n=r.randint(0, 4))


def relative(r, tree, own, depth):
    """An id that climbs `depth` levels from the entry at a path below `own`."""
    target = r.choice([path for path in places(tree) if path and path[0] < own])
    return "#" * depth + "#".join(target[: r.randint(1, len(target))])


def entry(r, tree, own, depth=0):
    kind = r.random()
    if kind < 0.3:
        return literal(r)
    candidates = [path for path in places(tree) if path and path[0] < own]
    if kind < 0.45 and candidates:
        return "@" + joined(r, r.choice(candidates))
    if kind < 0.55 and candidates:
        return "%" + joined(r, r.choice(candidates))
    if kind < 0.62 and candidates:
        return r.choice("@%") + relative(r, tree, own, depth + 1)
    if kind < 0.85 or depth > 4 or (depth > 1 and depth != 3):
        return expression(r, tree, own)
    if kind < 0.93:
        return {r.choice("pqrst"): entry(r, tree, own, depth + 1) for _ in range(r.randint(1, 3))}
    return [entry(r, tree, own, depth + 1) for _ in range(r.randint(1, 3))]


def case(r):
    tree = {}
    for own in "abcdef"[: r.randint(1, 6)]:
        tree[own] = entry(r, tree, own)
    probe = {"_target_": "LabelToMaskd", "keys": "image"}
    for name in ("u", "v", "w")[: r.randint(1, 3)]:
        probe[name] = entry(r, tree, "z", 3)
    if r.random() < 0.15:
        probe["_disabled_"] = r.choice([True, False, "true", "False", " True ", "$not 1", "$1 == 1", 0, 1, "yes"])
    if r.random() < 0.1:
        probe["_desc_"] = "for people: @nothing"
    if r.random() < 0.1:
        probe["_requires_"] = ["@a"]
    if r.random() < 0.1:
        probe["inner"] = {"_target_": "SimpleInferer", "_disabled_": r.choice([True, False])}
    base = {"imports": ["$import os", "$import pathlib", "$import numpy as np"], **tree,
            "preprocessing": {"_target_": "Compose", "transforms": [{"_target_": "LoadImaged", "keys": "image"}, probe]},
            "inferer": {"_target_": "SimpleInferer"}, "postprocessing": {"_target_": "Compose", "transforms": []}}
    files = [base]
    if r.random() < 0.4:
        second = {}
        for _ in range(r.randint(1, 3)):
            path = r.choice([path for path in places(tree) if path] or [("a",)])
            key = r.choice(["#", "#", "::"]).join(path)
            second[r.choice(["", "", "+"]) + key] = r.choice([literal(r), [1], {"p": 2}, entry(r, tree, "z")])
        files.append(second)
    overrides = {}
    if r.random() < 0.3:
        path = r.choice([path for path in places(tree) if path] or [("a",)])
        overrides["#".join(path)] = r.choice([3, 0.5, "text", [1, 2], "@a", "$1 + 1", {"p": 1}, True, None])
    return files, overrides


def rendered(value):
    if isinstance(value, ConfigItem):
        return "<component>"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{rendered(key)}: {rendered(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple, set, range)):
        return "[" + ", ".join(rendered(item) for item in value) + "]"
    if isinstance(value, (bool, int, float, str)) or value is None:
        return repr(value)
    if isinstance(value, os.PathLike):
        return repr(str(value))
    return "<object>"


def monai(folder, files, overrides):
    parser = ConfigParser()
    parser.read_config([f"{folder}/configs/{name}" for name in files])
    parser.update(overrides)
    found = parser.get_parsed_content("preprocessing#transforms#1", instantiate=False)
    if not isinstance(found, ConfigItem):
        return rendered(found)
    if found.is_disabled():
        return "disabled"
    arguments = found.resolve_args()
    disabled = {key for key, value in arguments.items() if isinstance(value, ConfigItem) and value.is_disabled()}
    return {key: rendered(value) for key, value in arguments.items() if key not in disabled}


def martlet(program, folder, files, overrides):
    command = [program, "inspect", folder, "--json"]
    for name in files:
        command += ["--config-file", f"configs/{name}"]
    for key, value in overrides.items():
        command += ["--set", f"{key}={json.dumps(value) if not isinstance(value, str) else value}"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if run.returncode not in (0, 64, 65, 66):
        return None, f"TRAPPED {run.returncode} {run.stderr[:200]}"
    if run.returncode:
        return None, run.stderr.strip()
    sections = {section["title"]: section for section in json.loads(run.stdout)["sections"]}
    facts = sections["preprocessing"]["facts"]
    found = [fact["value"] for fact in facts if fact["name"].startswith("LabelToMask")]
    if found:
        return found[0], None
    texts = [fact["value"] for fact in facts if "refused" in fact["value"] or "transforms#1" in fact["name"] + fact["value"]]
    return None, texts[0] if texts else "no such step"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("martlet")
    parser.add_argument("work")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    program = os.path.abspath(options.martlet)
    counts, lists = collections.Counter(), collections.defaultdict(collections.Counter)
    for number in range(options.first, options.first + options.count):
        r = random.Random(f"{options.seed} {number}")
        folder = f"{os.path.abspath(options.work)}/{number}"
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder + "/configs")
        contents, overrides = case(r)
        names = []
        for index, content in enumerate(contents):
            name = f"part{index}.{r.choice(['json', 'yaml'])}"
            with open(f"{folder}/configs/{name}", "w") as file:
                (json.dump if name.endswith("json") else yaml.dump)(content, file)
            names.append(name)
        with open(folder + "/configs/metadata.json", "w") as file:
            json.dump({"version": "0.1.0"}, file)
        text = json.dumps([contents, overrides])
        try:
            expected, failure = monai(folder, names, overrides), None
        except Exception as error:
            cause = error
            while cause.__cause__ is not None:
                cause = cause.__cause__
            expected, failure = None, f"{type(cause).__name__}: {str(cause)[:100]}"
        found, refusal = martlet(program, folder, names, overrides)
        if refusal and refusal.startswith("TRAPPED"):
            counts["TRAPPED"] += 1
            print(f"{number}: {refusal}\n   {text}")
        elif failure and refusal:
            counts["refused by both"] += 1
        elif failure:
            counts["refused by MONAI alone"] += 1
            lists["refused by MONAI alone"][f"{failure}   e.g. {number}: {found}"] += 1
        elif refusal:
            counts["refused by Martlet alone"] += 1
            lists["refused by Martlet alone"][f"{refusal[:200]}   e.g. {number}"] += 1
        else:
            wanted = "disabled" if expected == "disabled" else ", ".join(f"{key}={value}" for key, value in expected.items())
            got = arguments(found)
            if same(wanted, got):
                counts["the same"] += 1
                shutil.rmtree(folder)
            else:
                counts["different"] += 1
                print(f"{number}: {got}\n   instead of {wanted}\n   {text}", flush=True)
    print(dict(counts))
    for title, found in lists.items():
        for reason, count in found.most_common(60):
            print(f"{title}: {count} × {reason}")
    return 1 if counts["different"] or counts["TRAPPED"] else 0


def arguments(found):
    """The arguments of a step, as they stand in brackets behind what is wrong with it."""
    return found.split("#1  [", 1)[1][:-1] if "#1  [" in found else found


def same(wanted, got):
    import re

    got = re.sub(r"\ba (SimpleInferer)\b", "<component>", got).replace("a device", "<object>")
    got = re.sub(r"(?<=[=\[ ])(np|numpy|torch)\.[a-z0-9_.]+", "<object>", got)
    wanted, got = (sorted(text.replace('"', "'").split(", ")) for text in (wanted, got))
    return wanted == got


if __name__ == "__main__":
    sys.exit(main())
