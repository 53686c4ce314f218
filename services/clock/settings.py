"""Settings of the clock, `HALO_CLOCK_*`; times in seconds unless the name says otherwise.

What is marked [E] is an engineering default, to be confirmed by a clinician.
"""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ClockSettings(BaseSettings):
    """How often it ticks, and when silence, drift and blindness are told."""

    model_config = SettingsConfigDict(env_prefix="HALO_CLOCK_", extra="ignore")

    heartbeat: float = 10.0
    poll: float = 1.0
    rules: float = 5.0
    """How often it looks whether other rules came into force."""
    forget: float = 3600.0
    """How often it looks for old data of people who were never enrolled."""
    forget_days: int = Field(default=400, ge=30)
    """So old they are deleted (behaviour 3)."""
    feeds: float = 15.0
    """How often it looks at the feeds, and whether anything is processed."""
    feed_silence_minutes: float = Field(default=30, gt=0)
    """The shortest silence of a live feed that pages operations [E]."""
    feed_silence_times: float = Field(default=3, ge=1)
    """So many times the longest pause of the same hours in the last 4 weeks [E]; twice all that tells clinicians."""
    feed_silence_hours: float = Field(default=24, gt=0)
    """The longest that is waited, whatever is usual (alert behaviour 3) [E]."""
    blind_minutes: float = Field(default=10, gt=0)
    """Without processing for longer, whoever is on call is told when it is over [E]."""
    shift_results: int = Field(default=20, ge=5)
    """Results of an analyte a day, and on each of the days it is compared with: a median of fewer wanders [E]."""
    shift_days: int = Field(default=10, ge=5)
    """Days of the 30 before that have as many: fewer say nothing of what is usual [E]."""
    shift_deviations: float = Field(default=5, gt=0)
    """Median absolute deviations, scaled to a standard deviation, from the median of the days before: usual days stay
    within three, and with fifty analytes a day four would come by chance too often [E]."""
    shift_least: float = Field(default=0.10, gt=0)
    """And by this share of the median at least: a wrong unit, factor or calibration moves it further [E]."""
    shift_outside: float = Field(default=0.20, gt=0)
    """The share outside the laboratory's limits moves by so much at least (0.20: of every five results one) [E]."""
