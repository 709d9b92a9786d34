"""XLNet with each of its heads; two streams, and memory of a segment before, beside them as cases.

transformers pads XLNet's rows on the left. Fixtures have rows from their first token on, as Pare is given them.

A case is a file `<case>.safetensors` in a fixture's folder, with the tensors of expected.safetensors and

  input/before      i32 [batch, seq], tokens of the segment before; then `before` is what the head gave there
  input/hidden      f32 [batch, seq, seq], transformers' perm_mask
  input/targets     f32 [batch, targets, seq], transformers' target_mapping; then output, hidden/<i> and attention/<i> are the query stream's
  memory/<i>        f32 [batch, entries, hidden], what layer i remembers of the segment before
  remembered/<i>    the same after both segments
"""

import torch
import transformers as hf
from safetensors.torch import save_file

from golden import FOLDER, randomise, tokens, write

LENGTHS = [9, 5, 7, 2]
SHAPE = dict(vocab_size=40, d_model=16, d_inner=24, n_layer=2, n_head=4, mem_len=6, reuse_len=4)
LABELS = dict(id2label={0: "bad", 1: "fair", 2: "good"}, label2id={"bad": 0, "fair": 1, "good": 2})
HEADS = {
    "features": ("Model", {}),
    "permuted-token": ("LMHeadModel", {}),
    "sequence-classification": ("ForSequenceClassification", LABELS),
    "token-classification": ("ForTokenClassification", LABELS),
    "question-answering": ("ForQuestionAnsweringSimple", {}),
    "multiple-choice": ("ForMultipleChoice", {}),
}


def rolled(value, lengths, axes, sign):
    """Rows from their first token on → padded on the left (sign 1), or back (−1); along each of the axes."""
    width = max(lengths)
    return torch.stack([row.roll([sign * (width - length)] * len(axes), [axis - 1 for axis in axes]) for row, length in zip(value, lengths)])


def logits_of(out):
    if "start_logits" in out:
        return torch.stack([out.start_logits, out.end_logits], -1)
    return out["logits"] if "logits" in out else out.last_hidden_state


def touched(model, output):
    """So that what only the query stream reads has a gradient too: 0."""
    return output + 0 * model.get_parameter("mask_emb" if isinstance(model, hf.XLNetModel) else "transformer.mask_emb").sum()


def made(name, ending, extra):
    model = getattr(hf, f"XLNet{ending}")(hf.XLNetConfig(**SHAPE | extra))
    return model, randomise(model, name)


def rows(model, generator, lengths):
    """Random rows as a fixture has them, their mask, and as transformers is given them."""
    ids, mask = tokens(generator, lengths, model.config.vocab_size, first=3)
    types = torch.randint(0, 3, ids.shape, generator=generator) * mask
    given = {"input_ids": rolled(ids, lengths, [1], 1), "token_type_ids": rolled(types, lengths, [1], 1)}
    # The library cannot look back alone and be given a mask of several rows.
    if min(lengths) < max(lengths):
        given["attention_mask"] = rolled(mask.float(), lengths, [1], 1)
    return {"tokens": ids, "lengths": lengths, "tokenTypes": types}, mask, given


def fixture(name, ending, extra, lengths=LENGTHS):
    model, generator = made(name, ending, extra)
    inputs, mask, given = rows(model, generator, lengths)
    choices = ending == "ForMultipleChoice"
    if choices:
        given = {key: value.reshape(2, 2, -1) for key, value in given.items()}
    per_token = ending not in ("ForSequenceClassification", "ForMultipleChoice")

    def call():
        out = model(**given, output_hidden_states=True, output_attentions=True)
        output = logits_of(out).reshape(-1, 1) if choices else logits_of(out)
        states = [rolled(state, lengths, [1], -1) for state in out.hidden_states]
        maps = [rolled(one, lengths, [2, 3], -1) for one in out.attentions]
        return touched(model, rolled(output, lengths, [1], -1) if per_token else output), states, maps

    write(name, model, inputs, call, valid=mask[..., None] if per_token else 1, generator=generator)
    return model, generator


def permutation(generator, lengths):
    """A third of each row's tokens are guessed, in a random order, after all others."""
    width, count = max(lengths), 3
    hidden, targets = torch.zeros(len(lengths), width, width), torch.zeros(len(lengths), count, width)
    for row, length in enumerate(lengths):
        order = torch.randperm(length, generator=generator)
        for place, token in enumerate(order[: min(count, length - 2)]):
            targets[row, place, token] = 1
            # Those that come later in the order see it; all others, and itself, do not.
            hidden[row, :, token] = 1
            hidden[row, order[place + 1 : min(count, length - 2)], token] = 0
    return hidden, targets


def case(fixture_name, name, model, generator, lengths, *, before=False, streams=False):
    inputs, mask, given = rows(model, generator, lengths)
    tensors = {f"input/{key}": torch.as_tensor(value).int() for key, value in inputs.items()}
    if before:
        earlier = torch.randint(3, model.config.vocab_size, (len(lengths), 7), generator=generator)
        with torch.no_grad():
            out = model(earlier)
        given["mems"] = [state.clone() for state in out.mems]
        tensors |= {"input/before": earlier.int(), "before": out.logits}
        tensors |= {f"memory/{index}": state.transpose(0, 1) for index, state in enumerate(out.mems)}
    valid = mask[..., None].float()
    if streams:
        hidden, targets = permutation(generator, lengths)
        tensors |= {"input/hidden": hidden, "input/targets": targets}
        given["perm_mask"] = rolled(hidden, lengths, [1, 2], 1)
        given["target_mapping"] = rolled(targets, lengths, [2], 1)
        valid = targets.sum(-1, keepdim=True)
    model.zero_grad()
    out = model(**given, output_hidden_states=True, output_attentions=True)
    output = out.logits if streams else rolled(out.logits, lengths, [1], -1)
    probe = torch.randn(output.shape, generator=generator) * valid
    (touched(model, output) * probe).sum().backward()
    tensors |= {"output": output, "probe": probe}
    tensors |= {f"gradient/{key}": parameter.grad for key, parameter in model.named_parameters()}
    # Both streams' states come in turns.
    states = out.hidden_states[1::2] if streams else out.hidden_states
    tensors |= {f"hidden/{index}": state if streams else rolled(state, lengths, [1], -1) for index, state in enumerate(states)}
    if not before:
        maps = [one[1] if streams else one for one in out.attentions]
        tensors |= {f"attention/{index}": rolled(one, lengths, [2, 3], -1) for index, one in enumerate(maps)}
    tensors |= {f"remembered/{index}": state.transpose(0, 1) for index, state in enumerate(out.mems) if before}
    saved = {key: value.detach().contiguous().clone() for key, value in tensors.items()}
    save_file(saved, FOLDER / fixture_name / f"{name}.safetensors")
    print(fixture_name, name, (FOLDER / fixture_name / f"{name}.safetensors").stat().st_size, "bytes")


if __name__ == "__main__":
    for head, (ending, extra) in HEADS.items():
        model, generator = fixture(f"xlnet-{head}", ending, extra)
        if head == "permuted-token":
            case(f"xlnet-{head}", "two-streams", model, generator, LENGTHS, streams=True)
            case(f"xlnet-{head}", "memory", model, generator, [8, 8], before=True)
            case(f"xlnet-{head}", "two-streams-memory", model, generator, [8, 8], before=True, streams=True)
    backward = dict(attn_type="uni", clamp_len=3, ff_activation="relu", mem_len=5, reuse_len=None, tie_word_embeddings=False)
    for name, extra in {"xlnet-backward": {}, "xlnet-same-length": dict(same_length=True)}.items():
        model, generator = fixture(name, "LMHeadModel", backward | extra, [8, 8])
        case(name, "memory", model, generator, [8, 8], before=True)
        case(name, "two-streams-memory", model, generator, [8], before=True, streams=True)
