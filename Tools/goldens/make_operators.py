#!/usr/bin/env python3
"""Write Tests/Corpus/operators: for each family of operator_cases.py one traced and one exported program that calls
every operator of the family in all its forms, their inputs, and PyTorch's results by the names of the cases.

    make_operators.py OUT [FAMILY...]

PyTorch 2.15.0.
"""
import os, sys, warnings

import numpy
import torch
from torch import nn

from archives import slim
from operator_cases import FAMILIES, REFUSED

warnings.filterwarnings("ignore")


class Family(nn.Module):
    def __init__(self, cases):
        super().__init__()
        self.cases = nn.ModuleDict(cases)

    def forward(self, *inputs):
        results = []
        for case in self.cases.values():
            result = case(*inputs)
            results += [result] if torch.is_tensor(result) else [tensor for tensor in result if tensor is not None]
        return tuple(results)


def main(out, *names):
    for name in names or FAMILIES:
        torch.manual_seed(0)
        inputs, cases = FAMILIES[name]()
        cases = {"case_" + case: module for case, module in cases.items() if f"{name}/{case}" not in REFUSED}
        family = Family(cases).eval()
        folder = f"{out}/{name}"
        os.makedirs(folder, exist_ok=True)
        outputs = {}
        with torch.no_grad():
            for case, module in cases.items():
                result = module(*inputs)
                results = [result] if torch.is_tensor(result) else [tensor for tensor in result if tensor is not None]
                for index, tensor in enumerate(results):
                    outputs[f"{case[5:]}.{index}"] = tensor.contiguous().clone()
            torch.jit.trace(family, tuple(inputs), check_trace=False).save(f"{folder}/traced.ts")
            torch.export.save(torch.export.export(family, tuple(inputs)), f"{folder}/exported.pt2")
        for file in ["traced.ts", "exported.pt2"]:
            slim(f"{folder}/{file}")
        torch.save(outputs, f"{folder}/outputs.pt")
        for index, tensor in enumerate(inputs):
            numpy.save(f"{folder}/input_{index}.npy", tensor.numpy())
        print(name, len(cases), "cases,", len(outputs), "outputs")


if __name__ == "__main__":
    main(*sys.argv[1:])
