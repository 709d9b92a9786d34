"""Encoder-decoders of the T5 kind."""

import torch
from transformers import T5Config, T5ForConditionalGeneration

from golden import generated, randomise, tokens, write

SHAPE = dict(
    vocab_size=40, d_model=16, d_kv=6, d_ff=24, num_layers=2, num_heads=3, relative_attention_num_buckets=8, relative_attention_max_distance=10,
    pad_token_id=0, eos_token_id=None, decoder_start_token_id=0, attn_implementation="eager",
)


def encoder_decoder(name, config, untied=False):
    model = T5ForConditionalGeneration(config)
    if untied:
        model.lm_head.weight = torch.nn.Parameter(torch.empty_like(model.shared.weight))
    generator = randomise(model, name)
    lengths, source_lengths = [9, 5], [14, 7]
    ids, mask = tokens(generator, lengths, config.vocab_size)
    source, source_mask = tokens(generator, source_lengths, config.vocab_size, first=1)

    def call():
        out = model(
            input_ids=source, attention_mask=source_mask, decoder_input_ids=ids, decoder_attention_mask=mask, output_hidden_states=True,
            output_attentions=True, use_cache=False,
        )
        return out.logits, out.decoder_hidden_states[:-1], out.decoder_attentions

    inputs = {"tokens": ids, "lengths": lengths, "source": source, "sourceLengths": source_lengths}
    whole = source[:1]
    generation = generated(model, whole, attention_mask=torch.ones_like(whole))
    generation = {"source": whole, "prompt": torch.zeros((1, 1), dtype=torch.int64), "tokens": generation["tokens"]}
    write(name, model, inputs, call, valid=mask[..., None], generator=generator, generation=generation)


if __name__ == "__main__":
    encoder_decoder("t5", T5Config(**SHAPE))
    encoder_decoder("t5-gated", T5Config(**SHAPE, feed_forward_proj="gated-gelu", tie_word_embeddings=False), untied=True)
