"""The base model as it is published for diffusers: the same tensors under other names, its sizes in other words.

Only names differ, so nothing is converted: a file's tensors are asked for by the names of the original layout.
"""

from __future__ import annotations

from typing import Any

# Stored path: published path, outside and inside of a block.
ENDS = {
    "patch_embedding": "patch_embedding",
    "condition_embedder.time_embedder.linear_1": "time_embedding.0",
    "condition_embedder.time_embedder.linear_2": "time_embedding.2",
    "condition_embedder.time_proj": "time_projection.1",
    "condition_embedder.text_embedder.linear_1": "text_embedding.0",
    "condition_embedder.text_embedder.linear_2": "text_embedding.2",
    "condition_embedder.image_embedder.norm1": "img_emb.proj.0",
    "condition_embedder.image_embedder.ff.net.0.proj": "img_emb.proj.1",
    "condition_embedder.image_embedder.ff.net.2": "img_emb.proj.3",
    "condition_embedder.image_embedder.norm2": "img_emb.proj.4",
    "proj_out": "head.head",
}
ATTENTION = {
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "o",
    "norm_q": "norm_q",
    "norm_k": "norm_k",
    "add_k_proj": "k_img",
    "add_v_proj": "v_img",
    "norm_added_k": "norm_k_img",
}
BLOCK = {
    **{f"attn1.{stored}": f"self_attn.{name}" for stored, name in ATTENTION.items()},
    **{f"attn2.{stored}": f"cross_attn.{name}" for stored, name in ATTENTION.items()},
    "norm2": "norm3",  # they count the norms in the order of use
    "ffn.net.0.proj": "ffn.0",
    "ffn.net.2": "ffn.2",
}


def published_name(stored: str) -> str:
    """Name a tensor of `transformer/` as the original layout does; a name that is not known stays what it is."""
    path, _, kind = stored.rpartition(".")
    match stored.split(".", 2):
        case ["scale_shift_table"]:
            return "head.modulation"
        case ["blocks", number, "scale_shift_table"]:
            return f"blocks.{number}.modulation"
        case ["blocks", number, rest] if (within := rest.rpartition(".")[0]) in BLOCK:
            return f"blocks.{number}.{BLOCK[within]}.{kind}"
    return f"{ENDS[path]}.{kind}" if path in ENDS else stored


SIZES = {"in_channels": "in_dim", "out_channels": "out_dim", "num_attention_heads": "num_heads"}
# What the original's config.json does not say, in the one value that this code knows.
ONLY_KNOWN = {
    "qk_norm": "rms_norm_across_heads",
    "rope_max_seq_len": 1024,
    "pos_embed_seq_len": None,
}


def published_config(values: dict[str, Any]) -> dict[str, Any]:
    """Say a config.json of `transformer/` in the words of the original's. ValueError for a model of another kind."""
    given = {key: value for key, value in values.items() if not key.startswith("_")}
    for key, known in ONLY_KNOWN.items():
        if given.pop(key, known) != known:
            raise ValueError(f"config.json: {key} is {values[key]!r}; only {known!r} is implemented")
    given["dim"] = given["num_attention_heads"] * given.pop("attention_head_dim")
    if given.pop("added_kv_proj_dim", given["dim"]) != given["dim"]:
        raise ValueError("config.json: added_kv_proj_dim is not the model's width: not an image-to-video model")
    return {SIZES.get(key, key): value for key, value in given.items()}
