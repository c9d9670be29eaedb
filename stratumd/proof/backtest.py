"""A strategy over the stored past: it sees each moment as the detectors saw it, and nothing that came later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from stratumd.engine import Pipeline
from stratumd.odds import (
    BetRecord,
    Drawdown,
    Estimate,
    SettledBet,
    Sharpe,
    bet_record,
    clustered_mean,
    max_drawdown,
    period_returns,
    sharpe,
)
from stratumd.plugin import Bet, Micros, Moment, Observation, Signal, Strategy, Tick, iso, rounded
from stratumd.proof.bankroll import Bankroll, Due, Placed
from stratumd.proof.instant import probed
from stratumd.proof.settling import Score, profit
from stratumd.runtime.blame import blame


class Backtest:
    """One strategy's way through the past."""

    def __init__(self, strategy: Strategy, scores: Mapping[str, Score], bankroll: Bankroll) -> None:
        self.strategy = strategy
        self.bankroll = bankroll
        self.refused: Counter[str] = Counter()
        """Bets that were not placed, by the reason: `not_offered`, `no_stake`, `no_money`, `no_score`."""
        self._scores = scores
        self._placed: dict[str, frozenset[tuple[str, str | None, str]]] = {}

    def run(
        self,
        observations: Iterable[Observation],
        pipeline: Pipeline,
        since: Micros | None = None,
        until: Micros | None = None,
    ) -> None:
        """Step `pipeline` through `observations`, and let the strategy bet from `since` to `until`, both included."""
        seen: list[Tick] = []
        stepping = probed(pipeline, None, seen.append)
        for observation in observations:
            seen.clear()
            step = stepping.step(observation)
            self.bankroll.settle(step.at)
            if (since is None or step.at >= since) and (until is None or step.at <= until):
                for tick in seen:
                    self._decide(tick, [each for each in step.signals if each.event == tick.event.id])
        self.bankroll.settle()

    def _decide(self, tick: Tick, signals: list[Signal]) -> None:
        event = tick.event.id
        moment = Moment(tick, tuple(signals), self._placed.get(event, frozenset()))
        tickets: dict[str, list[Bet]] = {}
        for number, bet in enumerate(self._asked(moment)):
            tickets.setdefault(bet.ticket or f"\n{number}", []).append(bet)
        for bets in tickets.values():
            reason = self._place(moment, bets)
            if reason is not None:
                self.refused[reason] += len(bets)

    def _asked(self, moment: Moment) -> list[Bet]:
        try:
            return list(self.strategy.should_bet(moment))
        except Exception as error:
            raise blame(error, type(self.strategy), name=self.strategy.name, plugin=self.strategy.name) from error

    def _place(self, moment: Moment, bets: list[Bet]) -> str | None:
        """Place all bets of a ticket, or say why not."""
        if not all(moment.offers(bet) for bet in bets):
            return "not_offered"
        score = self._scores.get(moment.event.id)
        units = [] if score is None else [profit(bet, moment.event.sport, score) for bet in bets]
        if score is None or score.final_at <= moment.at or None in units:
            return "no_score"
        money = self.bankroll.money
        placed = [Placed(moment.at, moment.event.id, bet, self.strategy.stake(bet, money)) for bet in bets]
        if not all(each.stake > 0.0 for each in placed):
            return "no_stake"
        due = [Due(score.final_at, each, unit) for each, unit in zip(placed, units, strict=True) if unit is not None]
        if not self.bankroll.place(due):
            return "no_money"
        sides = {(bet.market, bet.player, bet.outcome) for bet in bets}
        self._placed[moment.event.id] = moment.placed | sides
        return None

    # ---- what it amounted to

    def record(self) -> BetRecord | None:
        """Return what the settled bets add up to; None where nothing was staked."""
        settled = self.bankroll.settled
        return bet_record([SettledBet(each.placed.bet.price, each.placed.stake, each.profit) for each in settled])

    def roi(self) -> Estimate | None:
        """Return the profit per unit staked with its interval, clustered by event.

        A ratio of two sums: its error is that of the mean of the linearised values (Taylor), by CR1. No interval under
        30 events.
        """
        record, settled = self.record(), self.bankroll.settled
        if record is None:
            return None
        mean = record.staked / record.bets
        values = [record.roi + (each.profit - record.roi * each.placed.stake) / mean for each in settled]
        return clustered_mean(values, [each.placed.event for each in settled])

    def drawdown(self) -> Drawdown | None:
        """Return the deepest fall of the bankroll below its running peak; None where it was lost altogether."""
        curve = self._levels()
        return max_drawdown(curve) if min(curve) > 0.0 else Drawdown(1.0, 0, curve.index(min(curve)))

    def sharpe(self) -> Sharpe | None:
        """Return mean over standard deviation of the returns, one period for each event that was settled."""
        curve = self._levels()
        return sharpe(period_returns(curve)) if min(curve) > 0.0 else None

    def _levels(self) -> list[float]:
        return [self.bankroll.start, *[point.bankroll for point in self.bankroll.curve]]

    def public(self) -> dict[str, Any]:
        """Return the JSON object that the command shows."""
        record, roi, ratio, bank = self.record(), self.roi(), self.sharpe(), self.bankroll
        interval = None if roi is None else roi.interval
        fall = self.drawdown()
        return {
            "strategy": self.strategy.name,
            "bets": len(bank.settled),
            "events": len({each.placed.event for each in bank.settled}),
            "staked": rounded(record and record.staked),
            "profit": rounded(record and record.profit),
            "roi": rounded(record and record.roi),
            "roi_low": None if interval is None else rounded(interval.low),
            "roi_high": None if interval is None else rounded(interval.high),
            "roi_state": None if roi is None else roi.maturity,
            "win_rate": rounded(record and record.win_rate),
            "average_price": rounded(record and record.average_price),
            "bankroll_start": bank.start,
            "bankroll_end": rounded(bank.money),
            "drawdown": rounded(fall and fall.share),
            "sharpe": None if ratio is None else rounded(ratio.ratio),
            "sharpe_se": None if ratio is None else rounded(ratio.se),
            "refused": dict(self.refused),
            "curve": [{"at": iso(at), "event": event, "bankroll": rounded(money)} for at, event, money in bank.curve],
            "settled": [
                {
                    "placed_at": iso(each.placed.at),
                    "settled_at": iso(each.at),
                    "event": each.placed.event,
                    "market": each.placed.bet.market,
                    "outcome": each.placed.bet.outcome,
                    "book": each.placed.bet.book,
                    "line": each.placed.bet.line,
                    "price": each.placed.bet.price,
                    "stake": rounded(each.placed.stake),
                    "profit": rounded(each.profit),
                }
                for each in bank.settled
            ],
        }
