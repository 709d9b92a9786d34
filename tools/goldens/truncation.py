"""What the `tokenizers` library leaves of texts and pairs that are too long, as <name>/cut.json beside the fixtures of tokenizer_ids.py.

"left" and "right": by side, for each of the first strings alone and with another, the ids that are left of LENGTH, marks among them.
"""

import json
import pathlib

from tokenizers import Tokenizer

FOLDER = pathlib.Path(__file__).parents[2] / "packages/models/test/tokenizers"
COUNT = 40
LENGTH = 12

if __name__ == "__main__":
    texts = json.loads((FOLDER / "strings.json").read_text())[:COUNT]
    for name in ("word-piece", "byte-level", "unigram"):
        tokenizer = Tokenizer.from_file(str(FOLDER / name / "tokenizer.json"))
        cut = {}
        for side in ("left", "right"):
            tokenizer.enable_truncation(LENGTH, strategy="longest_first", direction=side)
            cut[side] = [[tokenizer.encode(text).ids, tokenizer.encode(text, texts[-1 - i]).ids] for i, text in enumerate(texts)]
        (FOLDER / name / "cut.json").write_text(json.dumps(cut, separators=(",", ":")) + "\n")
        print(name, sum(len(ids) == LENGTH for row in cut["left"] for ids in row), "of", 2 * COUNT, "cut")
