"""What transformers adds to prompts of unequal length in one batch, padded on the left as its decoders want: beside the decoders' fixtures.

left-padding.safetensors: prompt [batch, width] and lengths [batch] i32, the prompt's own ids at the right end, and tokens [batch, steps],
what greedy decoding adds to each row.
"""

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

from golden import FOLDER

LENGTHS = [3, 7, 1, 5]
STEPS = 10

if __name__ == "__main__":
    for name in ["gpt2", "llama", "qwen2", "qwen3"]:
        model = AutoModelForCausalLM.from_pretrained(FOLDER / name).eval()
        generator = torch.Generator().manual_seed(3)
        width = max(LENGTHS)
        ids = torch.randint(1, model.config.vocab_size, (len(LENGTHS), width), generator=generator)
        mask = (torch.arange(width)[None] >= width - torch.tensor(LENGTHS)[:, None]).long()
        with torch.no_grad():
            found = model.generate(
                ids * mask,
                attention_mask=mask,
                max_new_tokens=STEPS,
                min_new_tokens=STEPS,
                do_sample=False,
                pad_token_id=0,
                eos_token_id=None,
            )
        tensors = {"prompt": ids * mask, "lengths": torch.tensor(LENGTHS), "tokens": found[:, width:]}
        save_file({key: value.to(torch.int32).contiguous() for key, value in tensors.items()}, FOLDER / name / "left-padding.safetensors")
