"""Tiny random models of the transformers library with what they compute, as fixtures for packages/models/test/goldens.

A fixture is a transformers folder (config.json, model.safetensors) with expected.safetensors beside it:

  input/<name>      i32, what a session of Pare is given: tokens [batch, seq], lengths [batch], extra rows by their names
  output            f32, what the head gives; the rows past a length mean nothing
  probe             f32, shaped as output, 0 where output means nothing; the loss is the sum of output * probe
  gradient/<name>   f32, of that loss for every parameter, under its name in model.safetensors
  hidden/<i>        f32 [batch, seq, hidden], what the first layer reads (0) and what layer i gives (i + 1)
  attention/<i>     f32 [batch, heads, seq, seq]; hidden states and attention of an encoder-decoder are its decoder's
  generated/<name>  i32: prompt [batch, …] and the tokens [batch, steps] that greedy decoding adds to it

Run `python tools/goldens/<family>.py` with torch, transformers and safetensors installed; the same versions give the same bytes.
"""

import json
import pathlib
import zlib

import torch
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).parents[2] / "packages/models/test/goldens"


def randomise(model, name):
    """Weights large enough that every branch matters; norms around 1. From the fixture's name alone."""
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    with torch.no_grad():
        for _, parameter in sorted(model.named_parameters()):
            ones = bool((parameter == 1).all())
            parameter.normal_(0, 0.1 if parameter.dim() == 1 else parameter.shape[-1] ** -0.5, generator=generator)
            if ones:
                parameter.add_(1)
    model.eval()
    return generator


def tokens(generator, lengths, vocabulary, first=0):
    """Rows of random ids of these lengths, padded with zeros, and the mask that transformers asks for."""
    width = max(lengths)
    ids = torch.randint(first, vocabulary, (len(lengths), width), generator=generator)
    mask = (torch.arange(width)[None] < torch.tensor(lengths)[:, None]).long()
    return ids * mask, mask


def generated(model, prompt, steps=12, **inputs):
    """What greedy decoding adds to rows of equal length, which nothing ends."""
    with torch.no_grad():
        found = model.generate(prompt, max_new_tokens=steps, min_new_tokens=steps, do_sample=False, pad_token_id=0, eos_token_id=None, **inputs)
    return {"prompt": prompt, "tokens": found[:, -steps:]}


def write(name, model, inputs, call, *, valid, generator, generation=None):
    """`call()` gives (output, hidden states or None, attentions or None); `valid` is 0 where the output means nothing, broadcast to it."""
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    model.zero_grad()
    output, states, maps = call()
    probe = torch.randn(output.shape, generator=generator) * valid
    (output * probe).sum().backward()
    tensors = {f"input/{key}": torch.as_tensor(value).to(torch.int32) for key, value in inputs.items()}
    tensors |= {"output": output.detach(), "probe": probe}
    tensors |= {f"generated/{key}": value.to(torch.int32) for key, value in (generation or {}).items()}
    saved = model.state_dict()
    for parameter_name, parameter in model.named_parameters():
        if parameter_name in saved and parameter.grad is not None:
            tensors[f"gradient/{parameter_name}"] = parameter.grad
    for index, state in enumerate(states or []):
        tensors[f"hidden/{index}"] = state.detach()
    for index, one in enumerate(maps or []):
        tensors[f"attention/{index}"] = one.detach()
    model.save_pretrained(folder)
    for extra in ("generation_config.json",):
        (folder / extra).unlink(missing_ok=True)
    save_file({key: value.contiguous().clone() for key, value in tensors.items()}, folder / "expected.safetensors")
    config = json.loads((folder / "config.json").read_text())
    config.pop("transformers_version", None)
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    print(name, sum(file.stat().st_size for file in folder.iterdir()), "bytes")
