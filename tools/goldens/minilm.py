"""What all-MiniLM-L6-v2 makes of 100 sentences: python tools/goldens/minilm.py <folder of the model>."""

import json
import pathlib
import random
import sys

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import BertModel

FOLDER = pathlib.Path(__file__).parents[2] / "packages/cli/test/minilm"
SUBJECTS = ["A cat", "The pilot", "My neighbour", "An old clock", "The committee", "A quiet river", "This transformer", "Nobody", "The baker", "Her brother"]
VERBS = ["sleeps on", "repairs", "writes about", "forgets", "paints", "measures", "sells", "dreams of", "walks around", "studies"]
OBJECTS = ["the warm roof", "a broken engine", "the café's menu", "two small numbers", "an honest map", "a garden in Zürich", "the last train", "quantized weights", "fresh bread", "the moon 🌙"]


def sentences():
    draw = random.Random(3)
    out = [f"{subject} {verb} {thing}." for subject, verb, thing in zip(SUBJECTS, VERBS, OBJECTS)]
    while len(out) < 95:
        parts = [f"{draw.choice(SUBJECTS)} {draw.choice(VERBS)} {draw.choice(OBJECTS)}" for _ in range(draw.randint(1, 4))]
        out.append(draw.choice([", and ", "; ", ". "]).join(parts) + draw.choice([".", "!", "?", ""]))
    long = " ".join(f"{draw.choice(SUBJECTS)} {draw.choice(VERBS)} {draw.choice(OBJECTS)}." for _ in range(60))
    return out + [long, "", "日本語の文", "x" * 150, "UPPER case AND lower"]


if __name__ == "__main__":
    model_folder = pathlib.Path(sys.argv[1])
    model = BertModel.from_pretrained(model_folder).eval()
    tokenizer = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(json.loads((model_folder / "sentence_bert_config.json").read_text())["max_seq_length"])
    texts = sentences()
    rows = []
    with torch.no_grad():
        for text in texts:
            ids = torch.tensor([tokenizer.encode(text).ids])
            pooled = model(input_ids=ids).last_hidden_state.mean(1)
            rows.append(torch.nn.functional.normalize(pooled, dim=1)[0])
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "sentences.json").write_text(json.dumps(texts, indent=0) + "\n")
    # Half precision moves a cosine by less than 1e-6.
    save_file({"embeddings": torch.stack(rows).half()}, FOLDER / "expected.safetensors")
    print(len(texts), "sentences")
