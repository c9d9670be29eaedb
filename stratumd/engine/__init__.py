"""The engine: observations in, signals out. Pure; it imports neither store nor runtime."""

from stratumd.engine.outcome import Coverage, Elsewhere, Failure, Play, StateChange, Step
from stratumd.engine.pipeline import Pipeline

__all__ = ["Coverage", "Elsewhere", "Failure", "Pipeline", "Play", "StateChange", "Step"]
