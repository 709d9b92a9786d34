"""ONNX files as PyTorch's own exporters write them, of models beside their fixtures: packages/models/test/onnx-exports/<fixture>-<how>.onnx.

`dynamo` is torch.onnx.export(dynamo=True) with dynamic axes, its stack traces and inferred shapes left out for size; `legacy` is the older
exporter over a module that wraps the model, as the arguments of its forward ask for. Needs onnx and onnxscript beside torch and transformers.
"""

import warnings

import onnx
import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForQuestionAnswering

from golden import FOLDER

TARGET = FOLDER.parent / "onnx-exports"
IDS = torch.tensor([[1, 5, 6, 2], [1, 7, 2, 3]])
MASK = torch.ones_like(IDS)
CASES = {
    "bert-masked-token": (AutoModelForMaskedLM, ["dynamo", "legacy"]),
    "roberta-masked-token": (AutoModelForMaskedLM, ["dynamo"]),
    "distilbert-question-answering": (AutoModelForQuestionAnswering, ["dynamo"]),
    "gpt2": (AutoModelForCausalLM, ["dynamo", "legacy"]),
    "llama": (AutoModelForCausalLM, ["dynamo", "legacy"]),
}


class Wrapped(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask, return_dict=False)[0]


def dynamo(model, path):
    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("seq", max=16)}
    kwargs = dict(input_ids=IDS, attention_mask=MASK)
    shapes = dict(input_ids=axes, attention_mask=axes)
    torch.onnx.export(model, (), kwargs=kwargs, f=str(path), dynamo=True, external_data=False, dynamic_shapes=shapes)
    exported = onnx.load(path)
    for node in exported.graph.node:
        kept = [entry for entry in node.metadata_props if entry.key == "pkg.torch.onnx.name_scopes"]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    del exported.graph.value_info[:]
    onnx.save(exported, path)


def legacy(model, path):
    names = ["input_ids", "attention_mask"]
    axes = {name: {0: "batch", 1: "seq"} for name in names}
    torch.onnx.export(Wrapped(model), (IDS, MASK), str(path), dynamo=False, input_names=names, dynamic_axes=axes, opset_version=17)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    TARGET.mkdir(exist_ok=True)
    for name, (model_class, ways) in CASES.items():
        model = model_class.from_pretrained(FOLDER / name).eval()
        model.config.use_cache = False
        for way in ways:
            {"dynamo": dynamo, "legacy": legacy}[way](model, TARGET / f"{name}-{way}.onnx")
