"""Decoders of the GPT-2 kind."""

from transformers import GPT2Config, GPT2LMHeadModel

from llama import decoder

SHAPE = dict(vocab_size=40, n_embd=16, n_layer=2, n_head=2, n_positions=32, bos_token_id=1, eos_token_id=None, attn_implementation="eager")

if __name__ == "__main__":
    decoder("gpt2", GPT2LMHeadModel, GPT2Config(**SHAPE), generate=True)
    decoder("gpt2-relu", GPT2LMHeadModel, GPT2Config(**SHAPE, n_inner=24, activation_function="relu", tie_word_embeddings=False))
