"""Encoders of BERT's kind, with each of their heads."""

import json

import torch
import transformers as hf

from golden import FOLDER, randomise, tokens, write

LENGTHS = [9, 5, 7, 2]
SHAPES = {
    "bert": dict(
        vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=16,
        type_vocab_size=2,
    ),
    # hidden_act is not RoBERTa's own, so that the head's gelu differs from it.
    "roberta": dict(
        vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=18,
        type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5, hidden_act="gelu_new",
    ),
    "distilbert": dict(vocab_size=40, dim=16, hidden_dim=24, n_layers=2, n_heads=4, max_position_embeddings=16),
}
CLASSES = {"bert": "Bert", "roberta": "Roberta", "distilbert": "DistilBert"}
LABELS = dict(id2label={0: "bad", 1: "fair", 2: "good"}, label2id={"bad": 0, "fair": 1, "good": 2})
HEADS = {
    "features": ("Model", {}),
    "masked-token": ("ForMaskedLM", {}),
    "sequence-classification": ("ForSequenceClassification", LABELS),
    "token-classification": ("ForTokenClassification", LABELS),
    "question-answering": ("ForQuestionAnswering", {}),
    "multiple-choice": ("ForMultipleChoice", {}),
}


def encoder(name, family, ending, extra, output=None):
    config = getattr(hf, f"{CLASSES[family]}Config")(**SHAPES[family], **extra, attn_implementation="eager")
    pooler = {"add_pooling_layer": False} if ending == "Model" and family != "distilbert" else {}
    model = getattr(hf, f"{CLASSES[family]}{ending}")(config, **pooler)
    generator = randomise(model, name)
    padding = config.pad_token_id or 0
    ids, mask = tokens(generator, LENGTHS, config.vocab_size, first=3)
    ids = torch.where(mask == 1, ids, padding)
    inputs = {"tokens": ids, "lengths": LENGTHS}
    given = {"input_ids": ids, "attention_mask": mask}
    if family == "bert":
        types = torch.randint(0, 2, ids.shape, generator=generator) * mask
        inputs["tokenTypes"] = types
        given["token_type_ids"] = types
    choices = ending == "ForMultipleChoice"
    if choices:
        given = {key: value.reshape(2, 2, -1) for key, value in given.items()}

    def call():
        out = model(**given, output_hidden_states=True, output_attentions=True)
        if output is not None:
            return output(out, mask), out.hidden_states, out.attentions
        if ending == "Model":
            return out.last_hidden_state, out.hidden_states, out.attentions
        if ending == "ForQuestionAnswering":
            return torch.stack([out.start_logits, out.end_logits], -1), out.hidden_states, out.attentions
        return out.logits.reshape(-1, 1) if choices else out.logits, out.hidden_states, out.attentions

    per_token = output is None and ending not in ("ForSequenceClassification", "ForMultipleChoice")
    write(name, model, inputs, call, valid=mask[..., None] if per_token else 1, generator=generator)


def mean_of_unit_length(out, mask):
    """What sentence-transformers does: mean over the tokens that are there, then length 1."""
    weights = mask[..., None].float()
    pooled = (out.last_hidden_state * weights).sum(1) / weights.sum(1)
    return torch.nn.functional.normalize(pooled, dim=1)


def sentence_embedding(name):
    encoder(name, "bert", "Model", {}, mean_of_unit_length)
    folder = FOLDER / name
    (folder / "1_Pooling").mkdir(exist_ok=True)
    files = {
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
        ],
        "1_Pooling/config.json": {"word_embedding_dimension": 16, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True},
        "sentence_bert_config.json": {"max_seq_length": 12, "do_lower_case": False},
    }
    for file, content in files.items():
        (folder / file).write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    for family in CLASSES:
        for head, (ending, extra) in HEADS.items():
            encoder(f"{family}-{head}", family, ending, extra)
    sentence_embedding("bert-sentence-embedding")
