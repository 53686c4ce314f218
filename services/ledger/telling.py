"""After a change: who is told, why or why not, and the rows that say so (deliveries, alerts.v1, log, screens)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from alerts import deciding
from alerts.deciding import Decision
from alerts.watching import GATES, Gate, Watched, gate
from schemas.alert import Alert
from schemas.identity import stable_id
from schemas.realm import is_test
from services.ledger import changing, feeds, holding, imported
from services.ledger.announcing import announce, for_channel
from services.ledger.comparing import Change
from services.ledger.deciding import decide, unless_stopped
from services.ledger.evaluating import Rules
from services.ledger.journal import Entry
from services.ledger.operations import Technical
from services.ledger.stored import STOPPED, Stored, StoredAlert
from services.ledger.writes import Writes, alert_row
from services.mapping.site import DEFAULT_SITE, UNLISTED, Site
from services.shared.channels import Channel
from services.shared.feeds import STOPS, Stop, stop
from services.shared.rule_pack import DRAFT, Standing

Recipients = tuple[tuple[str, str], ...]
"""Channel and recipient of each."""
_WITHHELD = (
    "the rule pack is a draft: alerts go to channels marked `test` only, and at least one was withheld from others. "
    "`halo rules` says why it is one; a clinician approves it by `halo rules approve`"
)

_NOT_IN_FORCE = (
    "results come from a sender that the site file in force does not list, and nobody is told of them: `halo doctor` "
    "compares the file that intake reads with the one in force; `halo site apply` puts it in force, by two people"
)


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """The event that made the change."""

    event_id: str | None
    received_at: datetime
    history: bool = False
    kind: deciding.Cause = "sample"
    taken: frozenset[str] = frozenset()
    """Ids of results that came before `received_at`, were held, and count from now on."""


class Teller:
    """Turns changes into rows. Holds the configured channels and the version of the site file."""

    def __init__(
        self, channels: tuple[Channel, ...], site_version: str, *, made_up: bool = False, watched: Watched = "all"
    ) -> None:
        clinical = [channel for channel in channels if channel.clinical]
        self._channels: Recipients = tuple(sorted((channel.name, channel.recipient) for channel in clinical))
        self.steward = any(channel.role == "steward" for channel in channels)
        """A data steward counts as on duty: held values that look critical wait a while for one."""
        self._test = frozenset(channel.name for channel in channels if channel.test)
        self.standing: Standing = DRAFT
        """Of the rules in force; the ledger sets it anew in each transaction."""
        self.watched: Watched = watched
        """The hospital's rule of who is watched."""
        self._site_version, self._made_up = site_version, made_up
        self.site = DEFAULT_SITE
        """Whose rules of enrolment hold."""

    def follow(self, site: Site) -> None:
        """The site file that is in force from now on."""
        self.site, self._site_version, self.watched = site, site.version, site.file.enrolment.watch

    def tell(self, person: Stored, change: Change, cause: Cause, writes: Writes, rules: Rules) -> StoredAlert:
        """Collect every row of the change and keep the alert's new form in `person`."""
        after, now = (
            changing.apply(change, person.root, person.series, cause.received_at, cause.taken),
            datetime.now(UTC),
        )
        if self.standing.feeds and change.after is not None:
            after = msgspec.structs.replace(after, feed=feeds.feed_of(after.state, person.series))
        decision = decide(change, after, cause=cause.kind, history=cause.history, now=now,
                          pack=rules.pack, standing=self.standing, gate=self.gate(person, after, now))  # fmt: skip
        after, decision = imported.judged(change, after, decision, history=cause.history)
        heard = bool(self._recipients(after, decision)[0]) and not decision.only_told
        after = holding.dated(change, after, now, rules.pack, told=heard)
        if decision.send and holding.in_vain(change):
            decision = deciding.after_hold(decision, after.state, over=True)
        after, decision = self._hold(person, change, after, decision, writes, now)
        return self._write(person, change, after, decision, cause, writes, rules)

    def _hold(
        self, person: Stored, change: Change, after: StoredAlert, decision: Decision, writes: Writes, now: datetime
    ) -> tuple[StoredAlert, Decision]:
        """Of a specimen in doubt the alert waits, with a timer."""
        until = self.waits_until(person, after, now)
        decision = deciding.unless_held(decision, after.state, held=until is not None)
        after = holding.marked(after, decision, until)
        if holding.begins(change, after, decision):
            writes.timers.append(holding.timer_row(after))
        return after, decision

    def waits_until(self, person: Stored, alert: StoredAlert, now: datetime) -> datetime | None:
        """How long the alert waits for a specimen in doubt; None when it does not, as while that rule is off."""
        return None if self.standing.is_off(holding.MISMATCH) else holding.waits_until(person, alert, now)

    def release(
        self, person: Stored, alert: StoredAlert, cause: Cause, writes: Writes, rules: Rules, now: datetime
    ) -> None:
        """What waited while its specimen was in doubt, now that it does not wait any more."""
        change = Change(kind="updated", alert_id=alert.alert_id, before=alert, after=alert.state)
        after = msgspec.structs.replace(alert, version=alert.version + 1, held_until=None)
        found = decide(change, after, cause="sample", history=False, now=now, pack=rules.pack,
                      standing=self.standing, gate="")  # fmt: skip
        decision = deciding.after_hold(found, alert.state, over=holding.is_over(person.series, alert.state))
        decision = unless_stopped(decision, alert.state.rule, self.standing, self.gate(person, after, now))
        self._write(person, change, after, decision, cause, writes, rules)

    def gate(self, person: Stored, alert: StoredAlert, now: datetime) -> Gate | Stop:
        """Why nothing is sent of this alert; empty when the patient is watched, and the feed of its sample is live."""
        return self.watches(person, now, alert.state.sampled_at) or self.stop(alert)

    def watches(self, person: Stored, now: datetime, sampled_at: datetime | None = None) -> Gate:
        """Why nothing is sent of this patient; `alerts.watching.gate`, and nobody of the test realm is a patient."""
        if is_test(person.patient):
            return "test_realm"
        return gate(person.context, self.watched, now, sampled_at)

    def stop(self, alert: StoredAlert) -> Stop:
        """Why the feed of the deciding sample sends nothing of it; empty where there are no feeds."""
        return stop(self.standing.feeds, alert.feed, alert.state.sampled_at, alert.state.family) if alert.feed else ""

    def tell_withheld(self, person: Stored, alert: StoredAlert, cause: Cause, writes: Writes, rules: Rules) -> None:
        """What was not told while the patient was not watched, now: what holds to everyone, an end to who was told.

        Of a rule that is switched off it waits on.
        """
        ended = not alert.holds
        decision = (
            Decision(send=True, reason="retracted", only_told=True)
            if ended
            else Decision(send=True, reason="now_watched")
        )
        if not unless_stopped(decision, alert.state.rule, self.standing, "").send:
            return
        change = Change(
            kind="retracted" if ended else "updated", alert_id=alert.alert_id, before=alert, after=alert.state
        )
        after = msgspec.structs.replace(alert, version=alert.version + 1)
        after, decision = self._hold(person, change, after, decision, writes, datetime.now(UTC))
        self._write(person, change, after, decision, cause, writes, rules)

    def tell_live(self, person: Stored, alert: StoredAlert, cause: Cause, writes: Writes, rules: Rules) -> None:
        """What was open and urgent when its feed went live, although its sample is from before that."""
        now = datetime.now(UTC)
        change = Change(kind="updated", alert_id=alert.alert_id, before=alert, after=alert.state)
        after = msgspec.structs.replace(alert, version=alert.version + 1)
        gate = self.watches(person, now, alert.state.sampled_at)
        decision = unless_stopped(Decision(send=True, reason="now_live"), alert.state.rule, self.standing, gate)
        after, decision = self._hold(person, change, after, decision, writes, now)
        self._write(person, change, after, decision, cause, writes, rules)

    def tell_imported(
        self, person: Stored, alert: StoredAlert, feed: str, cause: Cause, writes: Writes, rules: Rules
    ) -> None:
        """What import of history opened, when live results by `feed` show it: decided as if they had come first."""
        now = datetime.now(UTC)
        change = Change(kind="updated", alert_id=alert.alert_id, before=alert, after=alert.state)
        after = msgspec.structs.replace(alert, version=alert.version + 1, imported_until=None)
        if self.standing.feeds:
            after = msgspec.structs.replace(after, feed=feed)
        decision = decide(change, after, cause="sample", history=False, now=now, pack=rules.pack,
                          standing=self.standing, gate=self.gate(person, after, now))  # fmt: skip
        after, decision = self._hold(person, change, after, decision, writes, now)
        self._write(person, change, after, decision, cause, writes, rules)

    def lets_go(self, alert: StoredAlert) -> bool:
        """Whether what stopped its notification (`STOPPED`) does not any more: the rule is on, the rules approved."""
        waits = alert.withheld == "draft_pack" and self.standing.status == "draft"
        return not waits and self.standing.is_off(alert.state.rule) is None

    def tell_stopped(self, person: Stored, alert: StoredAlert, cause: Cause, writes: Writes, rules: Rules) -> None:
        """What a rule that was off, or a draft, kept from people, when it does not any more: decided anew, once."""
        now = datetime.now(UTC)
        change = Change(kind="updated", alert_id=alert.alert_id, before=alert, after=alert.state)
        after = msgspec.structs.replace(alert, version=alert.version + 1, withheld="")
        decision = decide(change, after, cause="sample", history=False, now=now, pack=rules.pack,
                          standing=self.standing, gate="")  # fmt: skip
        decision = unless_stopped(
            deciding.after_stop(decision), alert.state.rule, self.standing, self.gate(person, after, now)
        )
        after, decision = self._hold(person, change, after, decision, writes, now)
        self._write(person, change, after, decision, cause, writes, rules)

    def _write(self, person: Stored, change: Change, after: StoredAlert, decision: Decision, cause: Cause,
               writes: Writes, rules: Rules) -> StoredAlert:  # fmt: skip
        recipients, withheld = self._recipients(after, decision)
        if withheld:
            writes.technical.append(Technical(key="draft_pack", kind="draft_pack", detail=_WITHHELD))
        if withheld and not recipients:
            decision = Decision(send=False, reason="draft_pack")
        status = self.standing.status
        record = announce(person, change, after, site_version=self._site_version, made_up=self._made_up, status=status)
        if decision.send:
            heard, before = _as_heard(record, change, decision)
            body = for_channel(heard, before, after, decision.reason)
            after = self._deliver(heard.change, after, decision, recipients, body, cause, writes)
        after = _withheld(after, decision, writes, draft=bool(withheld))
        person.alerts[after.alert_id] = after
        writes.alerts[after.alert_id] = alert_row(
            after, self._site_version, cause.event_id, cause.received_at, rule_pack_status=status
        )
        if cause.kind == "pack" and _reads_differently(change):
            writes.pack_changes.append(_pack_change(change, after, rules))
        if not is_test(person.patient):
            writes.announcements.append((len(writes.journal), record))
        entry = _entry(change, after, decision, cause, withheld, status)
        if decision.reason in STOPS:  # what a preview of going live counts
            entry.payload.update(feed=after.feed, sampled_at=after.state.sampled_at.isoformat())
            if after.feed == UNLISTED:
                writes.technical.append(Technical(key="feed_unlisted", kind="feed_unlisted", detail=_NOT_IN_FORCE))
        writes.journal.append(entry)
        if not is_test(person.patient):
            writes.live["alert", person.root, after.alert_id] = None
        return after

    def _recipients(self, after: StoredAlert, decision: Decision) -> tuple[Recipients, Recipients]:
        """Who is to be told, and from whom it is withheld because the rules are a draft."""
        if not decision.send:
            return (), ()
        if decision.only_told:  # also while the rules are a draft: whom approved rules told acts on what they said
            return after.told, ()
        if self.standing.status == "approved":
            return self._channels, ()
        return (
            tuple(pair for pair in self._channels if pair[0] in self._test),
            tuple(pair for pair in self._channels if pair[0] not in self._test),
        )

    def _deliver(
        self, change: str, after: StoredAlert, decision: Decision, recipients: Recipients, body: bytes,
        cause: Cause, writes: Writes,
    ) -> StoredAlert:  # fmt: skip
        for channel, recipient in recipients:
            identity = stable_id("delivery", after.alert_id, str(after.version), channel, recipient)
            writes.deliveries.append((
                identity, after.alert_id, after.version, after.patient_id, channel, recipient, change,
                decision.reason, body, cause.received_at, "queued", "",
            ))  # fmt: skip
        draft = after.told_draft if decision.only_told else self.standing.status == "draft"
        return told(after, recipients, draft=draft)


def _as_heard(record: Alert, change: Change, decision: Decision) -> tuple[Alert, StoredAlert | None]:
    """The record and what was said before; what has waited and nobody heard of is new to them."""
    before = change.before
    waited = decision.reason in ("hold_over", "now_live") or (
        decision.reason in ("first", "late") and before is not None and change.after is before.state
    )
    if waited and before is not None and before.told_at is None:
        return msgspec.structs.replace(record, change="opened"), None
    return record, before


def _withheld(alert: StoredAlert, decision: Decision, writes: Writes, *, draft: bool) -> StoredAlert:
    """Remembered until those hear of it from whom it was kept."""
    if decision.send:
        writes.closings.told(alert.alert_id)
    settled = decision.send or decision.reason == "held_specimen"
    stopped = decision.reason in GATES or decision.reason in STOPPED
    reason = "draft_pack" if draft else "" if settled else decision.reason if stopped else alert.withheld
    if reason in STOPPED and alert.condition != "active":  # it ended before anybody had to hear of it
        reason = ""
    return alert if reason == alert.withheld else msgspec.structs.replace(alert, withheld=reason)


def told(alert: StoredAlert, recipients: Recipients, *, draft: bool) -> StoredAlert:
    """`alert` as last notified: later values are compared with this one."""
    if not recipients:
        return alert
    return msgspec.structs.replace(
        alert, told=tuple(sorted({*alert.told, *recipients})), told_at=datetime.now(UTC),
        told_severity=str(alert.state.severity), told_value=alert.state.value, told_level=alert.state.level,
        told_analyte=alert.state.analyte, told_sampled_at=alert.state.sampled_at, told_draft=draft,
    )  # fmt: skip


def _reads_differently(change: Change) -> bool:
    """Not merely the name of the pack or the reasons' sources: something a person sees or is told by."""
    if change.kind != "updated" or change.before is None or change.after is None:
        return True
    seen = ("level", "severity", "flags", "value", "unit", "summary")
    return any(getattr(change.before.state, name) != getattr(change.after, name) for name in seen)


def _pack_change(change: Change, after: StoredAlert, rules: Rules) -> tuple[Any, ...]:
    before = change.before.state.severity if change.before else ""
    return (after.alert_id, after.version, after.patient_id, after.state.rule, change.kind, str(before),
            str(after.state.severity), rules.mark)  # fmt: skip


def _entry(
    change: Change, after: StoredAlert, decision: Decision, cause: Cause, withheld: Recipients, status: str
) -> Entry:
    payload: dict[str, Any] = {
        "level": after.state.level, "severity": str(after.state.severity), "condition": after.condition,
        "summary": after.state.summary, "event_id": cause.event_id or "", "rule_pack": after.state.rule_pack,
        "notify": "yes" if decision.send else "no", "reason": decision.reason,
        "superseded_by": after.superseded_by or "", "rule_pack_status": status,
    }  # fmt: skip
    if withheld:
        payload["draft_pack"] = [f"{channel} {recipient}" for channel, recipient in withheld]
    return Entry(
        chain=after.patient_id, kind=change.kind, alert_id=after.alert_id, alert_version=after.version,
        actor="halo", payload=payload,
    )  # fmt: skip
