"""Decoders of the LLaMA kind."""

import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

from golden import generated, randomise, tokens, write

SHAPE = dict(
    vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=32,
    attn_implementation="eager",
)


def decoder(name, model_class, config, lengths=(9, 5), generate=False):
    """A decoder of any family."""
    model = model_class(config)
    generator = randomise(model, name)
    lengths = list(lengths)
    ids, mask = tokens(generator, lengths, config.vocab_size)

    def call():
        out = model(input_ids=ids, attention_mask=mask, output_hidden_states=True, output_attentions=True)
        return out.logits, out.hidden_states[:-1], out.attentions

    generation = generated(model, ids[:, :3]) if generate else None
    write(name, model, {"tokens": ids, "lengths": lengths}, call, valid=mask[..., None], generator=generator, generation=generation)


def scaled(**scaling):
    return dict(rope_parameters={"rope_theta": 100.0, **scaling})


if __name__ == "__main__":
    decoder("llama", LlamaForCausalLM, LlamaConfig(**SHAPE, num_key_value_heads=2, tie_word_embeddings=False), generate=True)
    decoder("llama-tied", LlamaForCausalLM, LlamaConfig(**SHAPE, tie_word_embeddings=True, rope_parameters={"rope_type": "default", "rope_theta": 500.0}))
    biased = dict(num_key_value_heads=1, attention_bias=True, mlp_bias=True, head_dim=8)
    decoder("llama-linear", LlamaForCausalLM, LlamaConfig(**SHAPE, **biased, **scaled(rope_type="linear", factor=4.0)))
    grouped = dict(num_key_value_heads=2, head_dim=16)
    llama3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16)
    decoder("llama3", LlamaForCausalLM, LlamaConfig(**SHAPE, **grouped, **scaled(**llama3)), generate=True)
    yarn = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=8, beta_fast=4.0, beta_slow=1.0)
    decoder("llama-yarn", LlamaForCausalLM, LlamaConfig(**SHAPE, **grouped, **scaled(**yarn)))
    decoder("llama-dynamic", LlamaForCausalLM, LlamaConfig(**SHAPE, **grouped, **scaled(rope_type="dynamic", factor=2.0)))
    decoder("qwen2", Qwen2ForCausalLM, Qwen2Config(**SHAPE, num_key_value_heads=2, tie_word_embeddings=True))
    decoder("qwen3", Qwen3ForCausalLM, Qwen3Config(**SHAPE, num_key_value_heads=2, head_dim=8, tie_word_embeddings=False), generate=True)
