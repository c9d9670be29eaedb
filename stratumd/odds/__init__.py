"""The public mathematics of stratumd: prices, de-vig, fair lines, robust statistics, strength and chance.

Pure functions on plain numbers, without I/O, for plugins and for everyone else. American odds come in and
go out as numbers; in between all is decimal odds, probabilities (0 to 1) and lines in points.
"""

from .books import OPERATORS, operator_of
from .chance import chance_of_at_least
from .devig import (
    METHODS,
    Devigged,
    Method,
    additive,
    devig,
    multiplicative,
    odds_ratio,
    power,
    probit,
    shin,
    worst_case,
)
from .fair import Fair, Pricing, Quote, Unfair, compared_values, fair_quotes
from .margin import (
    MARGIN_MODELS,
    MarginModel,
    Settlement,
    cover_probability,
    fair_spread,
    fair_total,
    margin_model,
    model_for,
    outcome_probabilities,
    over_probability,
    push_probability,
    translate_spread,
    translate_total_over,
    translate_total_under,
)
from .markets import Kind, is_lay, kind
from .prices import PriceError, american_to_decimal, decimal_to_american, expected_value, implied
from .robust import NORMAL_CONSISTENCY, leave_one_out_medians, weighted_mad, weighted_median
from .shift import Shift, line_shift, probability_at, probability_shifts, shifts
from .strength import Component, breadth, magnitude, speed, strength

__all__ = [
    "MARGIN_MODELS",
    "METHODS",
    "NORMAL_CONSISTENCY",
    "OPERATORS",
    "Component",
    "Devigged",
    "Fair",
    "Kind",
    "MarginModel",
    "Method",
    "PriceError",
    "Pricing",
    "Quote",
    "Settlement",
    "Shift",
    "Unfair",
    "additive",
    "american_to_decimal",
    "breadth",
    "chance_of_at_least",
    "compared_values",
    "cover_probability",
    "decimal_to_american",
    "devig",
    "expected_value",
    "fair_quotes",
    "fair_spread",
    "fair_total",
    "implied",
    "is_lay",
    "kind",
    "leave_one_out_medians",
    "line_shift",
    "magnitude",
    "margin_model",
    "model_for",
    "multiplicative",
    "odds_ratio",
    "operator_of",
    "outcome_probabilities",
    "over_probability",
    "power",
    "probability_at",
    "probability_shifts",
    "probit",
    "push_probability",
    "shifts",
    "shin",
    "speed",
    "strength",
    "translate_spread",
    "translate_total_over",
    "translate_total_under",
    "weighted_mad",
    "weighted_median",
    "worst_case",
]
