"""Programs without what only debuggers read, their texts deflated: a tenth of the size, the same program."""
import os, zipfile

STAMP = (2020, 1, 1, 0, 0, 0)


def slim(path):
    part = path + ".part"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(part, "w") as new:
        for name in old.namelist():
            if name.endswith(".debug_pkl") or "traced_inputs" in name or "sample_inputs" in name or "example_inputs" in name:
                continue
            is_text = name.endswith((".json", ".py", ".pkl"))
            new.writestr(zipfile.ZipInfo(name, STAMP), old.read(name),
                         zipfile.ZIP_DEFLATED if is_text else zipfile.ZIP_STORED)
    os.replace(part, path)
