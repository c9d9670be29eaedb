"""`stratumd backtest`: what a strategy would have won or lost."""

from __future__ import annotations

from math import inf, nan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratumd.cli.console import DEFAULT_CONFIG, AsJson, ConfigPath, DatabaseUrl, emit, say, written
from stratumd.cli.past import From, To, one_past
from stratumd.errors import ConfigError

if TYPE_CHECKING:
    from stratumd.plugin import Strategy


def _amount(text: str | float) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = nan
    if not 0.0 < amount < inf:
        raise typer.BadParameter(f"{str(text)!r} is no amount above zero; write 100")
    return amount


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("backtest")(backtest)


def backtest(
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="Such as strategies.follow, or follow.")],
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    since: From = None,
    until: To = None,
    pipeline: Annotated[str | None, typer.Option("--pipeline", help="The pipeline, where there are several.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="OPTION=VALUE", help="An option of the strategy; repeatable.")
    ] = None,
    bankroll: Annotated[
        float, typer.Option("--bankroll", parser=_amount, metavar="AMOUNT", help="What there is at the start.")
    ] = 100.0,
    commission: Annotated[
        float, typer.Option("--commission", min=0.0, max=1.0, help="Of each bet's profit: 0.02 is 2 %.")
    ] = 0.0,
    scores: Annotated[
        Path | None, typer.Option("--scores", help="Final scores, JSON Lines; else those that are stored.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", parser=written, metavar="FILE", help="Draw the bankroll there, as SVG.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let a strategy bet over the stored past, and settle its bets by the final scores.

    It sees each moment as the detectors saw it, through the same engine, and nothing that was observed later.
    """
    from stratumd.proof.backtest import Backtest
    from stratumd.proof.bankroll import Bankroll
    from stratumd.proof.plot import svg
    from stratumd.proof.settling import read_scores, stored_scores

    built = _built(strategy, settings or [])
    with one_past(config, database, pipeline) as past:
        known = stored_scores(past.reader) if scores is None else read_scores(scores)
        ran = Backtest(built, known, Bankroll(bankroll, commission))
        turns = past.as_taken(past.start(since))
        observations = past.reader.observations([turn.observation for turn in turns])
        ran.run(observations, past.configured(), since, until)
    if plot is not None:
        plot.write_text(svg(f"{built.name}: bankroll", bankroll, ran.bankroll.curve), encoding="utf-8")
    found = ran.public()
    if as_json:
        emit([found], {}, as_json=True)
    else:
        _show(found, len(known))


def _built(name: str, settings: list[str]) -> Strategy:
    from stratumd.plugin.known import suggest
    from stratumd.proof.settings import changed_options
    from stratumd.registry import discover, load, plugin_of

    names = [name, f"strategies.{name}"]
    registry = load([plugin for plugin in dict.fromkeys(map(plugin_of, names)) if plugin in discover()])
    registered = next((registry.strategies[each] for each in names if each in registry.strategies), None)
    if registered is None:
        known = load(discover()).strategies
        hint = suggest(name.partition(".")[2] or name, [each.partition(".")[2] for each in known])
        hint = hint or f"there are {', '.join(known) or 'none'}"
        raise ConfigError(f"no strategy {name!r} is installed; {hint}")
    component: type[Strategy] = registered.component
    return component(changed_options(component.config(), settings))


def _show(found: dict[str, Any], scores: int) -> None:
    name, bets = found["strategy"], found["bets"]
    if not bets:
        say(f"{name}: no bet was settled; final scores are known of {scores:,} events")
    else:
        start, end = found["bankroll_start"], found["bankroll_end"]
        say(f"{name}: {bets:,} bets on {found['events']:,} events, {found['staked']:,.2f} staked")
        say(f"  profit      {found['profit']:+,.2f}, bankroll {start:g} to {end:,.2f}")
        say(f"  per unit    {found['roi']:+.2%}, {_interval(found)}")
        say(f"  win rate    {_share(found['win_rate'])} at an average price of {found['average_price']:.3f}")
        say(f"  drawdown    {found['drawdown']:.1%}")
        say(f"  Sharpe      {_sharpe(found['sharpe'], found['sharpe_se'])}")
    for reason, count in sorted(found["refused"].items()):
        say(f"  not placed  {count:,}: {reason.replace('_', ' ')}")


def _sharpe(ratio: float | None, se: float | None) -> str:
    return "none under 30 events" if ratio is None else f"{ratio:.3f} ± {se:.3f} per event"


def _interval(found: dict[str, Any]) -> str:
    if found["roi_low"] is None:
        return "no interval: fewer than 30 events"
    return f"95 % interval {found['roi_low']:+.2%} to {found['roi_high']:+.2%}, clustered by event"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
