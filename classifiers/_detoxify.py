"""Checkpoints of detoxify, pickles that are read as tensors and plain values alone; and the networks they are of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from classifiers import _folder
from guard.errors import WeightsError

_NETWORKS = {
    "AlbertForSequenceClassification",
    "BertForSequenceClassification",
    "RobertaForSequenceClassification",
    "XLMRobertaForSequenceClassification",
}


def checkpoint(file: str, model: str = "", sha256: str = "") -> dict[str, Any]:
    """The checkpoint in *file*, or where that is empty of the project's release *model*, which is fetched once.

    Tensors, names and numbers only, whatever else its file could hold. *sha256*, if given, is what it has to have.

    Raises:
        WeightsError: there is none, it is not what was pinned, or no checkpoint of this format.
    """
    import torch

    if file:
        place = Path(file).expanduser()
        if not place.is_file():
            msg = f"classifier `toxicity`: there is no file {file}"
            raise WeightsError(msg)
    else:
        from detoxify.detoxify import MODEL_URLS

        url = MODEL_URLS[model]
        place = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
        if not place.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(place), place.stem.rpartition("-")[2], progress=False)
    if sha256:
        _folder.pinned("toxicity", place, sha256)
    state: dict[str, Any] = torch.load(place, map_location="cpu", weights_only=True)
    if not {"config", "state_dict"} <= state.keys():
        msg = f"classifier `toxicity`: {place.name} has no `config` and `state_dict`: it is no checkpoint of detoxify"
        raise WeightsError(msg)
    return state


def network(state: dict[str, Any], place: str, *, local: bool) -> tuple[Any, list[str]]:
    """The network of transformers that checkpoint *state* is of, and the names of its classes.

    Its configuration is in *place*, a folder or a name on the hub; *local*: in a folder, or fetched before.

    Raises:
        WeightsError: it is not one of detoxify's, or the weights are of another size.
    """
    import transformers

    arch, classes = state["config"]["arch"]["args"], state["config"]["dataset"]["args"]["classes"]
    if arch["model_name"] not in _NETWORKS:
        msg = f"it wants the network {arch['model_name']}; those of detoxify are {', '.join(sorted(_NETWORKS))}"
        raise WeightsError(msg)
    kind = getattr(transformers, arch["model_name"])
    given = {"local_files_only": local, "trust_remote_code": False}
    model = kind(kind.config_class.from_pretrained(place, num_labels=len(classes), **given))
    missing, unexpected = model.load_state_dict(state["state_dict"], strict=False)
    others = [key for key in unexpected if not key.endswith("position_ids")]
    if missing or others:
        msg = f"its weights do not fit its configuration ({(missing or others)[0]})"
        raise WeightsError(msg)
    return model, list(classes)
