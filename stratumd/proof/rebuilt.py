"""Pipelines as they were: built again from what was noted of them."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from stratumd.engine import Pipeline
from stratumd.plugin import Component
from stratumd.proof.past import Past, ProofError
from stratumd.redaction import described
from stratumd.registry import Registry, load, plugin_of
from stratumd.runtime.builds import Build, PartBuild


def as_noted(past: Past, era: int) -> Pipeline:
    """Return the pipeline of an era under the options that are noted, by the code of now.

    `ProofError` where one of its plugins, or one of its options, is not there any more.
    """
    build = past.eras[era].build
    wanted = [plugin_of(each.name) for each in (*build.detectors, *build.normalizers)]
    registry = _with(past.registry, wanted)
    return Pipeline(
        past.spec.name,
        [_built(registry, "detector", each) for each in build.detectors],
        {each.name: _built(registry, "normalizer", each) for each in build.normalizers},
        pricing=build.pricing.pricing(),
        operators=build.operators,
        bounds=build.quality,
        describe=described,
    )


def is_faithful(pipeline: Pipeline, build: Build) -> bool:
    """Say whether what was noted gives the very options that were in effect."""
    return pipeline.hashes == {each.name: each.hash for each in build.detectors}


def _with(registry: Registry, plugins: list[str]) -> Registry:
    """Return `registry` with the installed `plugins` that it lacks."""
    present = {loaded.name for loaded in registry.plugins}
    missing = load([name for name in dict.fromkeys(plugins) if name not in present])
    return Registry(
        detectors={**missing.detectors, **registry.detectors},
        normalizers={**missing.normalizers, **registry.normalizers},
    )


def _built(registry: Registry, kind: str, noted: PartBuild) -> Any:
    registered = registry.of(kind).get(noted.name)
    if registered is None:
        raise ProofError(f"the {kind} {noted.name!r} that ran then is not installed any more")
    component: type[Component] = registered.component
    try:
        return component(component.config.model_validate(noted.options))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        option = ".".join(map(str, first["loc"]))
        raise ProofError(f"{noted.name}: the option {option} that was in effect: {first['msg']}") from error
