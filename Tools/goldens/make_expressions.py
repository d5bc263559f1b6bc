#!/usr/bin/env python3
"""Write the goldens of the config language: what MONAI's ConfigParser makes of expressions, merges and overrides.

Usage: make_expressions.py OUTDIR      (needs monai 1.6.1, torch, numpy, pyyaml)
OUTDIR/expressions.json   [{"expression", "value"}]: each evaluated beside the fixed entries of "context"
OUTDIR/failures.json      expressions that Python refuses too
OUTDIR/merges.json        [{"files": [config], "overrides": {id: value}, "result": config}]
OUTDIR/resolutions.json   [{"config", "id", "value"}]: nested references, relative ids, macros
OUTDIR/yaml.json          [{"text", "value"} or {"text", "fails"}]: scalars, anchors and merge keys as PyYAML's safe_load reads them
                          (MONAI's own loader, which warns of repeated keys, fails on merge keys)

Values are tagged, so that an int, a float and their text stay apart:
{"int": "3"}, {"float": "0.5"}, {"str": …}, {"bool": …}, null, {"list": […]}, {"dict": [[key, value]]}.
"""
import json
import os
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
import yaml
from monai.bundle import ConfigParser

OUT = sys.argv[1]
os.makedirs(OUT, exist_ok=True)


def tagged(value):
    if value is None:
        return None
    if isinstance(value, bool):
        return {"bool": value}
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, float):
        return {"float": repr(value)}
    if isinstance(value, str):
        return {"str": value}
    if isinstance(value, (list, tuple, set, range)):
        return {"list": [tagged(v) for v in value]}
    if isinstance(value, dict):
        return {"dict": [[str(k), tagged(v)] for k, v in value.items()]}
    if isinstance(value, os.PathLike):
        return {"str": str(value)}
    raise TypeError(type(value))


def write(name, content):
    with open(os.path.join(OUT, name), "w") as file:
        json.dump(content, file, indent=1, ensure_ascii=False)
        file.write("\n")


CONTEXT = {
    "imports": ["$import os", "$import pathlib", "$import math", "$import glob", "$import copy"],
    "root": "/data/bundle",
    "number": 7,
    "ratio": 0.25,
    "flag": True,
    "nothing": None,
    "names": ["c", "a", "b"],
    "sizes": [96, 96, 64],
    "nested": {"low": {"value": 3}, "list": [10, 20, {"deep": "x"}]},
    "text": "model.pt",
    "empty": [],
}

EXPRESSIONS = r"""
1 + 2 * 3
(1 + 2) * 3
7 / 2
7 // 2
-7 // 2
7 // -2
-7 % 3
7 % -3
7.5 // 2
-7.5 // 2
-7.5 % 2
7.5 % -2
0.0 // 3
-0.0 // 3
1e300 * 1e10
2 ** 10
2 ** -1
-2 ** 2
2 ** 3 ** 2
(-8) ** 2
2.0 ** 0.5
9007199254740993 + 0
9007199254740993 == 9007199254740992.0
True + True
+True
-True
not 0
not []
not ''
1 and 2
0 and 2
0 or 'x'
'' or [] or None
1 < 2 < 3
1 < 2 > 3
1 == 1.0 == True
1 != 2 != 1
'a' < 'b'
'ab' < 'abc'
[1, 2] < [1, 3]
(1, 2) == (1, 2)
[1] == (1,)
{'a': 1, 'b': 2} == {'b': 2, 'a': 1}
{1, 2} == {2, 1}
'a' in 'cab'
3 in [1, 2, 3]
'k' in {'k': 1}
4 not in (1, 2)
None is None
1 is not None
'yes' if @flag else 'no'
'yes' if @nothing else 'no'
1 if 0 else 2 if 0 else 3
[1, 2, 3][0]
[1, 2, 3][-1]
[1, 2, 3][1:]
[1, 2, 3][:-1]
[1, 2, 3][::-1]
[1, 2, 3, 4, 5][1:10:2]
[1, 2, 3][5:]
[1, 2, 3][-10:2]
[1, 2, 3][::-2]
'hello'[1:3]
'hello'[-1]
(1, 2, 3)[1]
{'a': {'b': 5}}['a']['b']
{1: 'x'}[1.0]
{True: 'x'}[1]
[i * 2 for i in [1, 2, 3]]
[i for i in range(10) if i % 2 if i > 3]
[a + b for a in [1, 2] for b in [10, 20]]
[(a, b) for a, b in zip([1, 2], ['x', 'y'])]
{k: len(k) for k in ['a', 'bb']}
[{'image': i} for i in @names]
[{'image': i, 'label': l} for i, l in zip(@names, @sizes)]
[x for x in [y for y in range(3)]]
sum(i for i in range(5))
list(range(5))
list(range(5, 0, -2))
list(range(33, 36)) + list(range(63, 65)) + [114]
sorted(@names)
sorted([3, 1, 2], reverse=True)
list(sorted(['b', 'a']))[:1]
len(@sizes)
len('héllo')
len({'a': 1})
int(3.9)
int(-3.9)
int(' 42 ')
int('1_000')
int(True)
float(3)
float('1e-5')
float(' .5 ')
float('5.')
str(1.0)
str(1e16)
str(1e15)
str(123456789012345680.0)
str(9007199254740994.0)
str(1e-5)
str(0.0001)
str(1e22)
str(1.5e300)
str(0.1 + 0.2)
str(-0.0)
str(100.0)
str(None)
str(True)
str([1, 'a', 2.5, None])
str((1,))
str({'a': [1]})
str("it's")
str(['it\'s'])
bool([])
bool('x')
tuple([1, 2])
list('abc')
list({'a': 1, 'b': 2})
dict(a=1, b=2)
{**{'a': 1}, 'b': 2}
[*[1, 2], 3]
(1,) * 4
((96 - 80) // 2,) * 4
[0] * 3
'ab' * 3
[1] + [2]
min(3, 1, 2)
max([1, 5, 3])
max('a', 'b')
abs(-3)
abs(-2.5)
round(2.5)
round(3.5)
round(-2.5)
round(2.675, 2)
round(0.5)
round(1234.5678, 1)
round(5, 2)
sum([1, 2.5])
sum([[1], [2]], [])
list(enumerate(['a', 'b']))
1.0 - float(80) / float(96)
@number + 1
@number / 2
@ratio * 4
@nested::low::value + 1
@nested#low#value + 1
@nested::list::2::deep
@nested['list'][1]
@nested::list[0]
@sizes[::-1]
[s // 2 for s in @sizes]
@root + '/models/' + @text
@root+'/models'
'model.pt' if @flag else 'other.pt'
os.path.join(@root, 'models', 'model.pt')
os.path.join('a', '/b', 'c')
os.path.join('a/', 'b')
os.path.join('', 'b')
os.path.basename('/a/b.nii.gz')
os.path.basename('/a/')
os.path.dirname('/a/b/c')
os.path.dirname('c')
os.path.dirname('/c')
os.path.dirname('a//b')
os.path.exists('/surely/not/here')
str(pathlib.Path('a//b/./c'))
str(pathlib.Path('/a') / 'b')
str(pathlib.Path('.'))
pathlib.Path('/a', 'b')
np.pi / 8
math.pi
monai.utils.CommonKeys.IMAGE + ''
'a' 'b'
"tab\tquote\"\x41\u00e9\101"
r'raw\n'
'''three
lines'''
0x1F + 0b101 + 0o17
1_000_000
1e3
.5
5.
'abc'.upper()
'a,b'.split(',')
' a  b '.split()
'model.pt'.replace('.pt', '.ts')
'x.nii.gz'.endswith('.gz')
{'a': 1}.get('b', 3)
[k for k, v in {'a': 1}.items()]
copy.deepcopy(@sizes)
@empty or 'none'
(lambda_ := 0) if False else 1
not @flag
(not @flag)
@flag and not @nothing
-@number
@number % 4 == 3
@sizes[0] if len(@sizes) > 2 else 1
isinstance(@names, list)
isinstance(True, (int, str)) and not isinstance('a', (list, dict))
isinstance(pathlib.Path('a'), pathlib.Path)
list(reversed(@names))
math.ceil(7 / 2) + math.floor(-0.5)
[math.log(8, 2), math.log2(10), math.log10(50), math.exp(0.5), math.sqrt(2), math.pow(2, 0.5)]
[math.prod([2, 3.0]), math.prod([]), math.trunc(-2.7), math.ceil(3), math.fabs(-2), math.e]
[math.isnan(math.nan), math.isinf(1.0), math.isfinite(1)]
5 & 3 | 8 ^ 1
True & False | True
True & 3
~5
~True
1 << 10
-17 >> 2
5 >> 100
list(set([5, 1, 3]) - {3})
list({3, 1} | {2})
list({3, 1} & {1, 7} ^ {4})
list(set([i + 1 for i in range(132)]) - set([2, 16, 18, 20, 21, 23, 24, 25, 26]))
{'a': 1} | {'b': 2, 'a': 3}
' a b '.strip() + 'xxaxyx'.strip('xy')
'  x'.lstrip() + 'y  '.rstrip() + 'xxa'.lstrip('x') + 'axx'.rstrip('x')
', '.join(['a', 'b'])
'-'.join('abc')
'a.b.c'.rsplit('.', 1)
'a.b.c'.split('.', 1)
'a.b.c'.split('.', -1)
'a.b.c'.rsplit('.')
'7'.zfill(3) + '-7'.zfill(4) + 'abcd'.zfill(2)
'model.pt'.removesuffix('.pt').removeprefix('mo')
os.path.splitext('/a/b.nii.gz')
os.path.splitext('/a/.hidden')
os.path.splitext('/a.b/c')
[pathlib.Path('/a/b.nii.gz').name, pathlib.Path('/a/b.nii.gz').stem, pathlib.Path('a/b.nii.gz').suffix, pathlib.Path('.x').suffix]
[str(pathlib.Path('/a/b.txt').parent), str(pathlib.Path('a').parent), str(pathlib.Path('/').parent), str(pathlib.Path('.').parent)]
pathlib.Path('/a').joinpath('b', 'c').as_posix()
os.path.isfile('/') or not os.path.isdir('/')
""".strip("\n")


def expressions():
    lines, pending = [], ""
    for line in EXPRESSIONS.split("\n"):
        pending = pending + "\n" + line if pending else line
        if pending.count("'''") % 2 == 0:
            lines.append(pending)
            pending = ""
    return [line for line in lines if ":=" not in line]


def evaluate(expression):
    config = json.loads(json.dumps(CONTEXT))
    config["result"] = "$" + expression
    return ConfigParser(config).get_parsed_content("result")


golden = {"context": CONTEXT, "cases": []}
for expression in expressions():
    golden["cases"].append({"expression": expression, "value": tagged(evaluate(expression))})
write("expressions.json", golden)

FAILURES = [
    "1 / 0", "1 // 0", "1 % 0", "1.0 % 0", "[1][1]", "[1][-2]", "{'a': 1}['b']", "'a' + 1", "[1] + (2,)", "1 < 'a'",
    "len(3)", "int('x')", "int('')", "int('1__0')", "float('')", "float('1e')", "float('abc')", "[1]['a']", "{[1]: 2}",
    "undefined_name", "max([])", "0 ** -1", "0.0 ** -1", "range(1, 2, 0)", "[1, 2][::0]", "int(1e400)", "1 in 2",
    "a, b", "1 +", "(1", "[1, 2", "'abc", "1 2", "for", "lambda", "x if", "**2", "f(", "{1: }", "01", "1__0", "@missing",
    "math.sqrt(-1)", "math.log(0)", "math.log(2, 1)", "math.ceil(math.inf)", "math.exp(1000)", "'a'.join([1])", "1 << -1", "~1.5",
    "~'a'", "1.5 & 1", "{1} - [1]", "isinstance(1, 2)", "reversed({1})", "'a'.zfill('b')", "-'a'", "'a'.split('')",
    "@nested::absent", "@names::7", "10.0 ** 400", "dict([1])", "[x for x in 3]", "[a for a, b in [(1, 2, 3)]]",
]
refused = []
for expression in FAILURES:
    try:
        evaluate(expression)
    except Exception:
        refused.append(expression)
    else:
        raise SystemExit(f"{expression!r} does not fail")
write("failures.json", {"context": CONTEXT, "expressions": refused})

MERGES = [
    ([{"a": 1, "b": {"c": 2}}, {"a": 5}], {}),
    ([{"a": 1, "b": {"c": 2}}, {"b": {"d": 3}}], {}),
    ([{"a": 1, "b": {"c": 2}}, {"+b": {"d": 3}}], {}),
    ([{"b": {"c": {"x": 1}}}, {"+b": {"c": {"y": 2}}}], {}),
    ([{"l": [1, 2]}, {"+l": [3]}], {}),
    ([{"l": [1, 2]}, {"l": [3]}], {}),
    ([{"a": 1}, {"+new": [1]}], {}),
    ([{"a": {"b": [1, 2, 3]}}, {"a#b#1": 9}], {}),
    ([{"a": {"b": [1, 2, 3]}}, {"a::b::-1": 9}], {}),
    ([{"a": {"b": [1]}}, {"+a::b": [2]}], {}),
    ([{"a": {}}, {"a#new": 1}], {}),
    ([{"a": 1}, {"b": 2}, {"a": 3}, {"+c": {"x": 1}}, {"+c": {"y": 2}}], {}),
    ([{"a": {"b": 1}}], {"a#b": 2}),
    ([{"a": {"b": 1}}], {"a::c": 2}),
    ([{"a": [1, {"b": 2}]}], {"a#1#b": "x"}),
    ([{"a": 1}], {"z": [1, 2]}),
]
merges = []
for files, overrides in MERGES:
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for index, content in enumerate(files):
            names.append(f"{folder}/{index}.json")
            with open(names[-1], "w") as file:
                json.dump(content, file)
        parser = ConfigParser(ConfigParser.load_config_files(names))
        parser.update(overrides)
        merges.append({"files": files, "overrides": overrides, "result": tagged(parser.get())})
write("merges.json", merges)

RESOLUTIONS = [
    ({"A": 1, "B": {"key": "@##A", "value1": 2, "value2": "%#value1", "value3": [3, 4, "@#1"]}}, "B"),
    ({"A": 1, "B": {"C": {"key": "$@###A + @##D"}, "D": 5}}, "B"),
    ({"A": {"x": [1, 2]}, "B": "%A"}, "B"),
    ({"A": {"x": [1, 2]}, "B": {"c": "%A#x"}}, "B"),
    ({"A": {"x": [1, 2]}, "B": "%A::x::1"}, "B"),
    ({"A": {"x": "$@B + 1"}, "B": 4, "C": "@A"}, "C"),
    ({"A": ["@B", "text @B", "a@B"], "B": 2}, "A"),
    ({"A": "@B#0", "B": [[1, 2], 3]}, "A"),
    ({"A": "$[@B, @B::0]", "B": [5, 6]}, "A"),
    ({"net": {"x": 1, "y": "@net::x", "z": "$@net#y * 2"}}, "net"),
    ({"A": {"@k": "v", "n": None, "t": True, "f": 1.0}}, "A"),
    ({"A": "$@B if @C else None", "B": "b", "C": "$not False"}, "A"),
    ({"A": "@_meta_::version", "_meta_": {"version": "1.2"}}, "A"),
    ({"A": "%B", "B": {"r": "@C"}, "C": 3}, "A"),
    ({"A": {"b::c": 5, "d": {"e::f": [1, {"g": 2}]}}, "B": ["@A::b::c", "@A#d#e#f#1", "$@A::d::e::f::1::g + 1"]}, "B"),
    ({"A": [1, {"_target_": "T", "_disabled_": " True "}, {"_target_": "T", "_disabled_": "tRUE\n"}, {"_target_": "T", "_disabled_": 1}]}, "A"),
]
resolutions = []
for config, id in RESOLUTIONS:
    value = ConfigParser(json.loads(json.dumps(config))).get_parsed_content(id)
    resolutions.append({"config": config, "id": id, "value": tagged(value)})
write("resolutions.json", resolutions)

SCALARS = """1 +1 -1 0 0b101 0o17 017 08 0x1F 1_000 1:30 -1:30:15 1.5 +1.5 -1.5 .5 -.5 5. 1e5 1e-5 1.0e5 1.0e+5 1.0e-5
 1.e+3 .5e-3 1_0.5 1:30.5 .inf -.Inf +.INF .nan .NaN nan inf yes Yes YES yEs no NO on Off true True TRUE tRUE false
 y n null Null NULL ~ None text 12abc 1.2.3 - -- + . .. 0x 0b 1,000 1__0 _1 0.0 -0.0 00 -0 0_7 12:99 0:30 1.5e+300
 2024 2024-1-1x 1-2 $@a @b 'quoted' "1" "yes" '~' 1.0e+400""".split()
DOCUMENTS = [
    "a: {b: [1, two, 3.0], c: }\n",
    "base: &b {x: 1, y: 2}\nderived:\n  <<: *b\n  y: 3\n",
    "one: &1 {x: 1, y: 1}\ntwo: &2 {y: 2, z: 2}\nboth:\n  <<: [*1, *2]\n  w: 0\n",
    "base: &b {x: 1}\nd:\n  x: 5\n  <<: *b\n",
    "l: &l [1, 2]\nm: [*l, *l]\n",
    "text: |\n  two\n  lines\nfold: >-\n  two\n  lines\n",
    "- 1\n- [a, b]\n- {c: d}\n",
    "2: int key\ntrue: bool key\n~: null key\n",
    "a: !!str 5\nb: !!float 5\nc: !!int 5\n",
    "# only a comment\n",
    "key: '$@a + ''x'''\n",
    "a: \"esc\\n\\x41\\u00e9\"\n",
    "x:\n- 1\n- 2\n",
    "---\na: 1\n",
    "a: 1\nb: 2\na: 3\n",
    "x: {k: 1, \"k\": 2, 'k': [k, k]}\n",
    "x:\n  k: 1\n  k:\n    k: 2\n    m: &x 5\n    k: *x\r\n  k k: 7\n",
    "é b: 1\r\n'é b': {é b: 2, 3: 4, 3: 5}\n",
    "image_only: false\nimage_only: true\nimage_only: null\n",
    "1.5: x\n1e3: y\n.inf: z\n",
    "note: R&D of 2*x\na: &a [1]\nb: [*a, *a]\n",
]
documents = [{"text": f"v: {s}\n", "value": None} for s in SCALARS if s not in ("-", "~x")]
documents += [{"text": text, "value": None} for text in DOCUMENTS]
for document in documents:
    try:
        document["value"] = tagged(yaml.safe_load(document["text"]))
    except (yaml.YAMLError, ValueError):
        document["fails"] = True
write("yaml.json", documents)
print(len(golden["cases"]), "expressions,", len(refused), "failures,", len(merges), "merges,", len(documents), "documents")
