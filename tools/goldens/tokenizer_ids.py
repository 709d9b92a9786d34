"""Small tokenizers of the `tokenizers` library and the ids that they give, as fixtures for packages/models/test/tokenizers.

strings.json       1,000 strings: prose, emoji, CJK, combining marks, code, odd spaces, very long words, nothing at all
<name>/            tokenizer.json and tokenizer_config.json
<name>/ids.json    "plain": the ids of every string without special tokens; "offsets": of the first ones, in code points;
                   "framed" and "pairs": of the first ones with special tokens, and types

The vocabularies are learnt from the strings themselves and from text that is put together here. Learning breaks ties by chance: another
run gives other vocabularies, and the ids that go with them. Names on the command line: those alone are made.
"""

import json
import pathlib
import random
import sys
import unicodedata

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

FOLDER = pathlib.Path(__file__).parents[2] / "packages/models/test/tokenizers"
FRAMED = 60
LOCATED = 200

WORDS = (
    "the of and to in a is that for it was on are as with his they at be this from have or by one had not but what all were when we there can an "
    "your which their said if do will each about how up out them then she many some so these would other into has more her two like him see time "
    "could no make than first been its who now people my made over did down only way find use may water long little very after words called just "
    "where most know get through back much before go good new write our used me man too any day same right look think also around another came "
    "unbelievable transformers pruning quantization reindeer naïve café résumé coöperate Zürich señor København smörgåsbord"
).split()
CJK = "日本語の文章と漢字カタカナひらがな中文测试句子模型压缩量化한국어문장모델繁體字龍"
EMOJI = ["😀", "👍🏽", "👩‍👩‍👧‍👦", "🇫🇷", "❤️", "🤖", "🏳️‍🌈", "🧑🏿‍🚀", "☕", "⚡"]
COMBINING = ["e\u0301", "n\u0303", "a\u030a\u0323", "o\u0308\u0304", "\u0915\u094d\u0937\u093f", "\u0e01\u0e33\u0e25\u0e31\u0e07", "Z\u0351\u036b\u0343\u036a", "\u0644\u064e\u0627"]
SPACES = [" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u200b", "\ufeff", "\u2028"]
PUNCTUATION = list(".,;:!?'\"()[]{}<>@#$%^&*-_=+/\\|~`") + ["…", "—", "“", "”", "«", "»", "¿", "。", "、", "·"]
OTHER = ["Ελληνικά", "русский", "עברית", "العربية", "ไทย", "हिन्दी", "ﬁne", "ﬂow", "Ⅷ", "①", "½", "ß", "İstanbul", "ǅ", "\u0000", "\u0007", "\ud7ff", "𝔘𝔫𝔦", "𠮷"]
CODE = ["def f(x):", "return x**2", "a_b.c[0] += 1;", "https://example.org/a?b=c&d=%20", "user@example.org", "3.14159", "1,000,000", "0xDEADBEEF", "don't", "we'll", "I'VE"]

# Characters that are new in Unicode have other classes in other programs.
ASSIGNED = [chr(code) for code in range(0x21, 0x3000) if unicodedata.category(chr(code)) != "Cn"]


def strings():
    draw = random.Random(7)
    out = ["", " ", "\n", "a", "\u0301", "😀", "日", "x" * 99, "x" * 100, "x" * 101, "y" * 500, "ab" * 300, "漢" * 120, "😀" * 60, "e\u0301" * 80]
    out += ["'s 't 're", " leading", "trailing ", "tabs\tand\nlines", "a\u00a0b", "UPPER lower MiXeD", "\u200bzero\u200bwidth", "##piece", "▁bar ▁", "Ġspace", "<0x41>"]
    pools = [WORDS, WORDS, WORDS, list(CJK), EMOJI, COMBINING, PUNCTUATION, OTHER, CODE]
    while len(out) < 1000:
        parts = []
        for _ in range(draw.randint(1, 9)):
            piece = draw.choice(draw.choice(pools))
            change = draw.random()
            if change < 0.1:
                piece = piece.upper()
            elif change < 0.2:
                piece = piece.capitalize()
            elif change < 0.24:
                piece = piece * draw.randint(2, 6)
            elif change < 0.28:
                piece = "".join(draw.choice(ASSIGNED) for _ in range(draw.randint(1, 5)))
            parts.append(piece)
        joint = draw.choice([" ", " ", " ", " ", ""]) if draw.random() < 0.9 else draw.choice(SPACES)
        text = joint.join(parts)
        if not any(mark in text for mark in ("[", "<s>", "</s>", "<pad>", "<unk>", "<mask>")) or len(out) % 5 == 0:
            out.append(text)
    return out[:1000]


def corpus(given):
    draw = random.Random(11)
    prose = [" ".join(draw.choice(WORDS) for _ in range(draw.randint(3, 14))) + "." for _ in range(2000)]
    return given[26:] + prose


def word_piece(texts):
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=900, special_tokens=marks, limit_alphabet=300))
    cls, sep = (tokenizer.token_to_id(mark) for mark in ("[CLS]", "[SEP]"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=[("[CLS]", cls), ("[SEP]", sep)]
    )
    tokenizer.decoder = decoders.WordPiece()
    config = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "mask_token": "[MASK]", "unk_token": "[UNK]"}
    return tokenizer, config | {"tokenizer_class": "BertTokenizer"}


def byte_level(texts):
    marks = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=900, special_tokens=marks, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), True, False)
    tokenizer.decoder = decoders.ByteLevel()
    names = {"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"}
    return tokenizer, names | {"tokenizer_class": "RobertaTokenizer"}


def unigram(texts):
    marks = ["<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(" {2,}", " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.train_from_iterator(texts, trainers.UnigramTrainer(vocab_size=900, special_tokens=marks, unk_token="<unk>"))
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    names = {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"}
    return tokenizer, names | {"tokenizer_class": "T5Tokenizer"}


def xlnet(texts):
    """transformers' own normalizer, pre-tokenizer and marks, which stand at the end."""
    from transformers import XLNetTokenizer

    marks = ["<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>", "<eod>", "<eop>"]
    learner = XLNetTokenizer(vocab=[(mark, 0.0) for mark in marks], unk_id=0).backend_tokenizer
    learner.train_from_iterator(texts, trainers.UnigramTrainer(vocab_size=900, special_tokens=marks, unk_token="<unk>"))
    pieces = [tuple(entry) for entry in json.loads(learner.to_str())["model"]["vocab"]]
    names = {"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<cls>", "sep_token": "<sep>", "pad_token": "<pad>", "mask_token": "<mask>", "unk_token": "<unk>"}
    return XLNetTokenizer(vocab=pieces, unk_id=0).backend_tokenizer, names | {"padding_side": "left", "tokenizer_class": "XLNetTokenizer"}


def dump(path, value):
    path.write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    texts = strings()
    FOLDER.mkdir(parents=True, exist_ok=True)
    dump(FOLDER / "strings.json", texts)
    for name, make in {"word-piece": word_piece, "byte-level": byte_level, "unigram": unigram, "xlnet": xlnet}.items():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        tokenizer, config = make(corpus(texts))
        folder = FOLDER / name
        folder.mkdir(exist_ok=True)
        dump(folder / "tokenizer.json", json.loads(tokenizer.to_str()))
        dump(folder / "tokenizer_config.json", config)
        framed = [tokenizer.encode(text) for text in texts[:FRAMED]]
        pairs = [tokenizer.encode(text, texts[FRAMED - 1 - index]) for index, text in enumerate(texts[:FRAMED])]
        dump(
            folder / "ids.json",
            {
                "plain": [tokenizer.encode(text, add_special_tokens=False).ids for text in texts],
                "offsets": [tokenizer.encode(text, add_special_tokens=False).offsets for text in texts[:LOCATED]],
                "framed": [[one.ids, one.type_ids] for one in framed],
                "pairs": [[one.ids, one.type_ids] for one in pairs],
            },
        )
        print(name, tokenizer.get_vocab_size(), sum(file.stat().st_size for file in folder.iterdir()), "bytes")
