"""The clinical promises, one question a file."""

from __future__ import annotations

from alerts.rule import Rule
from alerts.rules import (
    bio,
    ca_high,
    ca_low,
    hb_acute,
    hb_drop,
    hb_halo,
    hb_imwg,
    hv,
    k_high,
    k_low,
    k_repeat,
    lc_escape,
    neut_low,
    plt_low,
    ren_aki,
    ren_decline,
    ren_halo,
    ren_lccn,
    ren_rise,
    tls,
)

RULES: tuple[Rule, ...] = (
    bio.RULE,
    lc_escape.RULE,
    ca_high.RULE,
    ca_low.RULE,
    ren_aki.RULE,
    ren_halo.RULE,
    ren_rise.RULE,
    ren_lccn.RULE,
    ren_decline.RULE,
    hb_halo.RULE,
    hb_imwg.RULE,
    hb_drop.RULE,
    hb_acute.RULE,
    hv.RULE,
    k_high.RULE,
    k_low.RULE,
    k_repeat.RULE,
    neut_low.RULE,
    plt_low.RULE,
    tls.RULE,
)
