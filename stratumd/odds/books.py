"""Books and operators: what books are called, where they take bets, and which share their lines and count once.

Keys, regions and titles are those of The Odds API: seen in recorded answers from 2022 to 2026, or in its list of
bookmakers of the regions us, us2, us_ex, us_dfs and ca. Facts on operators, each with its ground:

* `lowvig` posts the point of `betonlineag` in 99.8 % of 8,438 sampled markets and changes it at the same
  times (91–95 %).
* `hardrockbet_az`, `_fl` and `_oh` are one operator's state editions.
* `sugarhouse`, `twinspires`, `barstool` and `unibet` took the same feed (Kambi) as `betrivers` in 2021–23.
  Their keys are gone from the provider and occur in history only.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Book(NamedTuple):
    """A bookmaker or exchange."""

    key: str
    """What it is stored under; titles change."""
    title: str
    region: str
    operator: str = ""
    """The key of the book whose lines it shares; empty where it has its own."""
    paid: bool = False
    """Left out of the answers to free keys, without notice."""
    gone: bool = False
    """Occurs in history only."""


_BOOKS = (
    Book("betmgm", "BetMGM", "us"),
    Book("betonlineag", "BetOnline.ag", "us"),
    Book("betrivers", "BetRivers", "us"),
    Book("betus", "BetUS", "us"),
    Book("bovada", "Bovada", "us"),
    Book("draftkings", "DraftKings", "us"),
    Book("fanatics", "Fanatics", "us", paid=True),
    Book("fanduel", "FanDuel", "us"),
    Book("lowvig", "LowVig.ag", "us", "betonlineag"),
    Book("mybookieag", "MyBookie.ag", "us"),
    Book("williamhill_us", "Caesars", "us", paid=True),
    Book("barstool", "Barstool Sportsbook", "us", "betrivers", gone=True),
    Book("circasports", "Circa Sports", "us", gone=True),
    Book("foxbet", "FOX Bet", "us", gone=True),
    Book("pointsbetus", "PointsBet (US)", "us", gone=True),
    Book("sugarhouse", "SugarHouse", "us", "betrivers", gone=True),
    Book("superbook", "SuperBook", "us", gone=True),
    Book("twinspires", "TwinSpires", "us", "betrivers", gone=True),
    Book("unibet", "Unibet", "us", "betrivers", gone=True),
    Book("unibet_us", "Unibet", "us", gone=True),
    Book("wynnbet", "WynnBET", "us", gone=True),
    Book("ballybet", "Bally Bet", "us2"),
    Book("betanysports", "BetAnySports", "us2"),
    Book("betparx", "betPARX", "us2"),
    Book("espnbet", "ESPN BET", "us2"),
    Book("fliff", "Fliff", "us2"),
    Book("hardrockbet", "Hard Rock Bet", "us2"),
    Book("hardrockbet_az", "Hard Rock Bet (AZ)", "us2", "hardrockbet"),
    Book("hardrockbet_fl", "Hard Rock Bet (FL)", "us2", "hardrockbet"),
    Book("hardrockbet_oh", "Hard Rock Bet (OH)", "us2", "hardrockbet"),
    Book("rebet", "ReBet", "us2", paid=True),
    Book("betopenly", "BetOpenly", "us_ex"),
    Book("kalshi", "Kalshi", "us_ex"),
    Book("novig", "Novig", "us_ex"),
    Book("polymarket", "Polymarket", "us_ex"),
    Book("prophetx", "ProphetX", "us_ex"),
    Book("betr_us_dfs", "Betr Picks", "us_dfs"),
    Book("pick6", "DraftKings Pick6", "us_dfs"),
    Book("prizepicks", "PrizePicks", "us_dfs"),
    Book("underdog", "Underdog Fantasy", "us_dfs"),
    Book("bet99_ca_on", "bet99 (ON)", "ca", paid=True),
    Book("betano_ca_on", "Betano (ON)", "ca"),
    Book("betmgm_ca_on", "BetMGM (ON)", "ca"),
    Book("betrivers_ca_on", "BetRivers (ON)", "ca"),
    Book("playnow_ca", "PlayNow", "ca"),
    Book("pointsbetca", "PointsBet (CA)", "ca"),
    Book("proline_ca_on", "Proline (ON)", "ca"),
    Book("sportsinteraction_ca_on", "Sports Interaction (ON)", "ca"),
    Book("betfair", "Betfair", "uk", gone=True),
    Book("betfair_ex_au", "Betfair", "au"),
    Book("gtbets", "GTbets", "eu"),
    Book("pinnacle", "Pinnacle", "eu"),
)

BOOKS: Mapping[str, Book] = MappingProxyType({book.key: book for book in _BOOKS})
"""The books that are known, by key. `config/books.json` is written of them."""

OPERATORS: Mapping[str, str] = MappingProxyType({book.key: book.operator for book in _BOOKS if book.operator})


def operator_of(book: str, overrides: Mapping[str, str] | None = None) -> str:
    """Return the operator key of a book key: from `overrides`, else from OPERATORS, else the book itself.

    An override of a book by its own key takes it out of a group.
    """
    if overrides is not None and book in overrides:
        return overrides[book]
    return OPERATORS.get(book, book)
