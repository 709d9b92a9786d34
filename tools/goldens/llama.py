"""Decoders of the LLaMA kind."""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from golden import randomise, tokens, write

SHAPE = dict(
    vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=32,
    attn_implementation="eager",
)


def decoder(name, model_class, config):
    model = model_class(config)
    generator = randomise(model, name)
    lengths = [9, 5]
    ids, mask = tokens(generator, lengths, config.vocab_size)

    def call():
        out = model(input_ids=ids, attention_mask=mask, output_hidden_states=True, output_attentions=True)
        return out.logits, out.hidden_states[:-1], out.attentions

    write(name, model, {"tokens": ids, "lengths": lengths}, call, valid=mask[..., None], generator=generator)


if __name__ == "__main__":
    decoder("llama", LlamaForCausalLM, LlamaConfig(**SHAPE, num_key_value_heads=2, tie_word_embeddings=False))
    decoder("llama-tied", LlamaForCausalLM, LlamaConfig(**SHAPE, tie_word_embeddings=True, rope_parameters={"rope_type": "default", "rope_theta": 500.0}))
