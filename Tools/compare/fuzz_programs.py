#!/usr/bin/env python3
"""Damage programs in ways that keep the archive whole, and see that Martlet refuses them or takes them, but never traps.

    fuzz_programs.py MARTLET WORKDIR COUNT PROGRAM...

Numbers, names and operators of the code or the JSON are changed, lines removed or repeated, entries cut off. A command
that is killed by a signal, takes more than 30 s or 2 GB is printed with its seed, and its archive kept.
"""
import os, random, re, resource, shutil, subprocess, sys, zipfile


def damaged_text(text, chance):
    lines = text.split("\n")
    kind = chance.randrange(6) if len(lines) > 3 else chance.randrange(2, 6)
    if kind == 0:
        del lines[chance.randrange(len(lines))]
    elif kind == 1:
        lines.insert(chance.randrange(len(lines)), chance.choice(lines))
    else:
        text = "\n".join(lines)
        pattern = [r"-?\b\d+\b", r"\b[a-z_]{3,}\b", r"[\(\)\[\]\{\},:=]", r"\"[^\"]*\""][kind - 2]
        places = list(re.finditer(pattern, text))
        for _ in range(chance.randrange(1, 4)):
            if not places:
                break
            place = chance.choice(places)
            values = {2: ["0", "-1", "1", "2", "3", "7", "9223372036854775807", "-9223372036854775808", "1000000", "65536"],
                      3: [chance.choice(places).group(), "None", "relu", "view"], 4: ["", "(", "]", ","],
                      5: [chance.choice(places).group(), '""', "0", "null", "[]", "{}"]}[kind]
            text = text[:place.start()] + chance.choice(values) + text[place.end():]
            places = list(re.finditer(pattern, text))
        return text
    return "\n".join(lines)


def damage(source, target, chance):
    with zipfile.ZipFile(source) as old:
        names = old.namelist()
        texts = [name for name in names if name.endswith((".py", ".json"))] or names
        chosen = chance.choice(texts) if chance.random() < 0.85 else chance.choice(names)
        with zipfile.ZipFile(target, "w") as new:
            for name in names:
                data = old.read(name)
                if name == chosen:
                    if name in texts:
                        data = damaged_text(data.decode("utf-8", "replace"), chance).encode()
                    elif data:
                        data = bytearray(data)
                        for _ in range(3):
                            data[chance.randrange(len(data))] = chance.randrange(256)
                        data = bytes(data[:chance.randrange(len(data))] if chance.random() < 0.2 else data)
                new.writestr(zipfile.ZipInfo(name), data)


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (1 << 35, 1 << 35))


def main(martlet, work, count, *programs):
    os.makedirs(work, exist_ok=True)
    outcomes = {}
    for seed in range(int(count)):
        chance = random.Random(seed)
        program, shape = (chance.choice(programs).split("@") + [""])[:2]
        path = f"{work}/program{os.path.splitext(program)[1]}"
        damage(program, path, chance)
        try:
            run = subprocess.run(
                [martlet, "export", path, "--target", "onnx", "-o", f"{work}/network.onnx", "--force", "--quiet"]
                + (["--input-shape", shape] if shape else []), capture_output=True, text=True, timeout=30, preexec_fn=limit)
            code = run.returncode
        except subprocess.TimeoutExpired:
            code = "timeout"
        used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        outcomes[code] = outcomes.get(code, 0) + 1
        if code not in (0, 64, 65, 66) or used > 2000:
            kept = f"{work}/seed{seed}{os.path.splitext(program)[1]}"
            shutil.copy(path, kept)
            print(f"seed {seed}: {code}, {used} MB, from {program}: {kept}", flush=True)
            if used > 2000:
                break
    print(outcomes)


if __name__ == "__main__":
    main(*sys.argv[1:])
