"""A signal for tests of filters."""

from stratumd.plugin import Signal


def signal(strength: int) -> Signal:
    """Return a STEAM signal on an NBA spread."""
    return Signal(
        id="s1",
        type="STEAM",
        pipeline="nba",
        detector="steam",
        detector_version="1",
        sport="basketball_nba",
        event="e1",
        home="Home",
        away="Away",
        commence_at=0,
        market="spreads",
        player=None,
        outcome="home",
        direction="up",
        operator=None,
        books=("a",),
        magnitude=1.0,
        threshold=0.5,
        strength=strength,
        observed_at=0,
        expires_at=None,
        observation="o1",
        metadata={},
    )
