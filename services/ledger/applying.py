"""Takes a run of events of ordinary kinds into the persons they are about and collects what must be written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from alerts.result import Result
from alerts.series import Series
from schemas import realm
from schemas.codec import encode_event
from schemas.identity import stable_id
from schemas.patient_event import ContextChange, Identifier, LabReport, Patient, PatientMerge
from services.ledger import context, enrolling, holding, identity, imported, lateness, querying, unverified, watching
from services.ledger.comparing import Change, compare
from services.ledger.evaluating import EVERYTHING, NOTHING, Reach, Rules
from services.ledger.incoming import NO_RECORD, Incoming, moment
from services.ledger.operations import Technical
from services.ledger.patients import Locked
from services.ledger.record import Outcome
from services.ledger.stored import Stored
from services.ledger.telling import Cause, Teller
from services.ledger.writes import Writes
from services.mapping.mapped import Quarantined
from services.mapping.withholding import withhold

PatientEvent = LabReport | ContextChange | PatientMerge


class Work(msgspec.Struct, kw_only=True):
    """One transaction's state in memory."""

    locked: Locked
    persons: dict[int, Stored]
    """Per root, already copies that may be changed."""
    rules: Rules
    teller: Teller
    zone: ZoneInfo
    writes: Writes
    outcome: Outcome
    waiting: dict[int, tuple[Reach, Cause]] = {}
    """Persons with imported history that is evaluated once a batch."""
    said: dict[int, context.Demographics] = {}
    """Newest demographics of records in this batch."""
    others: dict[str, int] = {}
    """Roots by number (`authority|value`), of known patients who are named beside the ones of this batch."""
    named: dict[int, tuple[Identifier, ...]] = {}
    """All numbers of records in this batch, as far as it brought new ones."""

    def take(self, incoming: Incoming) -> None:
        """One new event, in offset order."""
        event, asked = incoming.event, len(self.writes.technical)
        if not isinstance(event, LabReport | ContextChange):
            raise TypeError(f"{type(event).__name__} is taken elsewhere")
        if doubt := self._doubt(incoming, event):
            self._withhold(incoming, event, doubt)
        elif isinstance(event, LabReport):
            self._report(incoming, event)
        else:
            self._source(incoming, event, 0)
            self._context(incoming, event)
        if incoming.test:  # nobody is called for what stands in a test message; our own faults are told
            new = self.writes.technical[asked:]
            self.writes.technical[asked:] = [fault for fault in new if fault.kind in OUR_OWN]

    def _doubt(self, incoming: Incoming, event: LabReport | ContextChange) -> str:
        """Whether it is about whom it names; `services.ledger.identity`. The test realm knows nobody else."""
        if incoming.test:
            return ""
        record, root = self.locked.by_sent[event.patient.id], self.locked.root(event.patient.id)
        known = self.said.get(record) or self.locked.rows[record].demographics
        strangers = self._strangers(event.patient, record, root)
        doubt = identity.conflict(event.patient, known, strangers)
        for name in strangers:
            self.writes.numbers.link(root, self.others[name], identity.CONFLICT, event.event_id)
        return doubt

    def _strangers(self, patient: Patient, record: int, root: int) -> list[str]:
        """Numbers of other known patients that never stood beside this known one's."""
        named = [name for name in identity.numbers(patient) if self.others.get(name, root) != root]
        if not named or (self.locked.rows[record].as_of is None and patient.id not in self.others):
            return []
        aliases = {identity.name_of(one) for one in self._numbers(record)}
        return [name for name in named if name not in aliases]

    def _placed(self, root: int, located: context.Demographics) -> None:
        """Where a merged person is, said of a retired record."""
        new = (self.said.get(root) or self.locked.rows[root].demographics) | located
        self.said[root] = new
        self.writes.people[root] = _people_row(root, self._numbers(root), new)

    def _numbers(self, record: int) -> tuple[Identifier, ...]:
        return self.named.get(record) or self.locked.rows[record].identifiers

    def _withhold(self, incoming: Incoming, event: LabReport | ContextChange, doubt: str) -> None:
        """Nothing of it counts until a person has looked: results wait, what is said of the patient is not taken over.

        The steward is told once a patient, with a count; what looks urgent calls as every held value does.
        """
        record = self.locked.by_sent[event.patient.id]
        if isinstance(event, LabReport) and incoming.mapped is not None:
            held = withhold(event, incoming.mapped, identity.CONFLICT, doubt)
            incoming = msgspec.structs.replace(incoming, mapped=held)
            self._source(incoming, event, 0)
            self._quarantine(incoming, event)
        else:
            whole = Quarantined(reason=identity.CONFLICT, index=-1, segment=0, detail=doubt)
            self._source(incoming, event, 0)
            self.writes.quarantine.append(
                quarantine_row(stable_id("quarantine", event.event_id), event, record, whole, incoming.received_at)
            )
        self.writes.technical.append(_in_doubt(event, doubt, self.locked.rows[record].public_id, record))

    def admit(self, event: ContextChange) -> None:
        """What was held as a whole, now that a person says it is about whom it names. Its message is stored already."""
        self._context(_again(event), event)

    def doubted(self, event: LabReport | ContextChange) -> str:
        """The question about a stored message that names somebody only now, told to the steward; empty without one."""
        found, record = self._doubt(_again(event), event), self.locked.by_sent[event.patient.id]
        if found:
            self.writes.technical.append(_in_doubt(event, found, self.locked.rows[record].public_id, record))
        return found

    def believe(self, event: LabReport) -> None:
        """The same of a report, as far as it says who the patient is; the results are taken by `retake`."""
        person = self.person(event)
        self._person_said(_again(event), event, person)

    def _is_known(self, incoming: Incoming, event: LabReport | ContextChange) -> None:
        """Its numbers belong to the record from now on, and others may not use them without a question."""
        if incoming.test:
            return
        record = self.locked.by_sent[event.patient.id]
        self.others[event.patient.id] = self.locked.root(event.patient.id)
        before = self._numbers(record)
        new = [one for one in dict.fromkeys(event.patient.identifiers) if one not in before]
        self.named[record] = (*before, *new)
        own = [one for one in new if one.of_person]
        self.writes.numbers.belongs(own, record, incoming.received_at, event.event_id)
        if isinstance(event, LabReport):
            orders = {(r.laboratory, r.filler_order, record): None for r in event.results if r.filler_order}
            self.writes.numbers.orders |= orders

    def finish(self) -> None:
        """Evaluate imported history that still waits, and write the versions of everyone who changed."""
        for root in list(self.waiting):
            self._evaluate_waiting(root)

    def catch_up(self, person: Stored) -> None:
        """First what only other rules change: to the review list. Then what the event changes can be told from it."""
        before, person.rule_pack = person.rule_pack, self.rules.mark
        if before in ("", self.rules.mark):
            return
        person.memos.clear()
        self.evaluate([person], EVERYTHING, Cause(event_id=None, received_at=person.as_of, kind="pack"))

    def _report(self, incoming: Incoming, event: LabReport) -> None:
        person = self.person(event)
        self.catch_up(person)
        mapped = incoming.mapped
        if mapped is None:
            raise TypeError("a lab report without its mapping")
        fresh = _new(person, mapped.results)
        self._source(incoming, event, sum("derived" not in r.flags for r in fresh))
        self._results(event, fresh)
        self._quarantine(incoming, event)
        cause = Cause(
            event_id=event.event_id, received_at=incoming.received_at, history=event.purpose == "history",
            kind="correction" if _corrects(person, fresh) else "sample",
        )  # fmt: skip
        reach = Reach(analytes=frozenset(r.analyte for r in fresh), since=person.series.reach(fresh))
        before, earlier = dict(person.alerts), person.series
        person.series = earlier.merge(fresh)
        self.writes.technical += querying.questions(earlier, person.series, fresh, person.root)
        self.writes.technical += watching.after_death(person, fresh, self.teller)
        changed = self._person_said(incoming, event, person)
        self._enrol(incoming, event, person)
        self._changed(person, EVERYTHING if changed else reach, cause)
        self.shown(incoming, event)
        self.writes.technical += querying.dilutions(self.rules.view(person), fresh, person.root)
        self.writes.journal += lateness.not_new(before, person, fresh, self.rules.pack)

    def shown(self, incoming: Incoming, event: LabReport) -> None:
        """Tell what import of history brought before these live results did; `services.ledger.imported`."""
        if event.purpose == "history" or incoming.mapped is None:
            return
        person, now = self.person(event), datetime.now(UTC)
        self._evaluate_waiting(person.root)
        if not imported.shown(person.alerts.values(), incoming.mapped.results, now):
            return
        self.catch_up(person)
        cause = Cause(event_id=event.event_id, received_at=incoming.received_at)
        feed = self.teller.site.feed_of_results(event.source, event.purpose)
        for alert in imported.shown(person.alerts.values(), incoming.mapped.results, now):
            self.teller.tell_imported(person, alert, feed, cause, self.writes, self.rules)
        self.touch(person)

    def _context(self, incoming: Incoming, event: ContextChange) -> None:
        person = self.person(event)
        self.catch_up(person)
        record = self.locked.by_sent[event.patient.id]
        rank = context.rank(incoming.received_at, event.event_id)
        numbered = [(rank, number, entry) for number, entry in enumerate(event.entries)]
        person.entries = (*person.entries, *numbered)
        for _, number, entry in numbered:
            body = msgspec.json.encode(entry).decode()
            row = (event.event_id, number, record, entry.kind, body, incoming.received_at)
            self.writes.contexts.append(row)
        before = person.context
        self._person_said(incoming, event, person)
        self._enrol(incoming, event, person)
        person.context = context.build(person.entries, person.demographics, self.zone)
        self.writes.technical += watching.newly_known(person, event.entries, self.teller)
        self.writes.technical += watching.unread(event)
        reach = EVERYTHING if context.speaks(person.context) != context.speaks(before) else NOTHING
        self._changed(person, reach, Cause(event_id=event.event_id, received_at=incoming.received_at, kind="context"))

    def _enrol(self, incoming: Incoming, event: LabReport | ContextChange, person: Stored) -> None:
        """By a rule of the site file."""
        record = self.locked.by_sent[event.patient.id]
        if enrolling.take(incoming, event, person, record, self.teller.site, self.writes):
            person.context = context.build(person.entries, person.demographics, self.zone)

    def enrol_again(self, person: Stored, messages: Iterable[tuple[LabReport | ContextChange, int]]) -> None:
        """By the rules of another site file, from the messages that are stored, each with its record."""
        found = [
            enrolling.take(_again(event), event, person, record, self.teller.site, self.writes)
            for event, record in messages if not realm.is_test(event.patient.id)
        ]  # fmt: skip
        if any(found):
            person.context = context.build(person.entries, person.demographics, self.zone)

    def settle(self, person: Stored, cause: Cause) -> None:
        """After an event: who is not watched any more, or is again; `services.ledger.watching`."""
        watching.settle(person, self.teller, self.rules, self.writes, cause)
        self.release(person, cause, datetime.now(UTC))
        self.touch(person)

    def release(self, person: Stored, cause: Cause, now: datetime) -> None:
        """What waited for a specimen in doubt and does not at `now`; `services.ledger.holding`."""
        for alert in holding.waiting(person):
            if self.teller.waits_until(person, alert, now) is None:
                self.teller.release(person, alert, cause, self.writes, self.rules, now)
                self.touch(person)

    def let_go(self, person: Stored) -> None:
        """Tell what was kept back while its rule was off or the rules were a draft, if nothing keeps it any more."""
        cause = Cause(event_id=None, received_at=datetime.now(UTC))
        if watching.let_go(person, self.teller, self.rules, self.writes, cause):
            self.touch(person)

    def retake(self, event: LabReport, results: Iterable[Result], at: datetime) -> int:
        """Results of an event taken before that nothing holds back any more at `at`; how many of them are new."""
        person = self.person(event)
        self.catch_up(person)
        fresh = _new(person, results)
        self._results(event, fresh)
        cause = Cause(
            event_id=event.event_id, received_at=at, history=event.purpose == "history",
            kind="correction" if _corrects(person, fresh) else "sample",
            taken=frozenset(r.result_id for r in fresh),
        )  # fmt: skip
        reach = Reach(analytes=frozenset(r.analyte for r in fresh), since=person.series.reach(fresh))
        before, earlier = dict(person.alerts), person.series
        person.series = earlier.merge(fresh)
        self.writes.technical += querying.questions(earlier, person.series, fresh, person.root)
        self.writes.technical += watching.after_death(person, fresh, self.teller)
        self._changed(person, reach, cause)
        self.writes.technical += querying.dilutions(self.rules.view(person), fresh, person.root)
        self.writes.journal += lateness.not_new(before, person, [lateness.as_of(r, at) for r in fresh], self.rules.pack)
        return sum("derived" not in r.flags for r in fresh)

    def person(self, event: PatientEvent) -> Stored:
        """Whom the event is about."""
        return self.persons[self.locked.root(event.patient.id)]

    def _changed(self, person: Stored, reach: Reach, cause: Cause) -> None:
        person.as_of = max(person.as_of, cause.received_at)
        self.touch(person)
        if not realm.is_test(person.patient):
            self.writes.live[("series", person.root, None)] = None
        if cause.history:
            before = self.waiting.get(person.root, (NOTHING, cause))[0]
            self.waiting[person.root] = (before | reach, cause)
        else:
            self._evaluate_waiting(person.root)
            self.evaluate([person], reach, cause)
        self.settle(person, cause)

    def _evaluate_waiting(self, root: int) -> None:
        waiting = self.waiting.pop(root, None)
        if waiting is not None:
            self.evaluate([self.persons[root]], *waiting)

    def evaluate(self, persons: list[Stored], reach: Reach, cause: Cause, moved: frozenset[int] = frozenset()) -> None:
        """Ask the rules, compare with what is stored, tell. Several persons at once after a merge or its undoing."""
        states = []
        for person in persons:
            failed = dict(person.incomplete)
            states += self.rules.ask(person, reach)
            self._report_failures(person, failed)
            self.touch(person)
            self._set_timer(person)
        stored = [alert for person in persons for alert in person.alerts.values()]
        changes = compare(stored, states, moved=moved)
        for change in sorted(changes, key=holding.after_the_doubt):
            self._tell(persons, change, cause)

    def lapse(self, root: int, due_at: datetime) -> None:
        """Time passed to a due time of this person and nothing came; its timer is marked as fired by the caller."""
        person = self.persons[root]
        person.timer = None
        self.catch_up(person)
        person.as_of = max(person.as_of, due_at)
        self.touch(person)
        cause = Cause(event_id=None, received_at=due_at)
        self.evaluate([person], NOTHING, cause)
        self.settle(person, cause)

    def _set_timer(self, person: Stored) -> None:
        """In this transaction, if time changes the alerts, or who is watched, at another moment than is stored."""
        wanted = min((due for due in (person.next_due, watching.next_turn(person)) if due is not None), default=None)
        if wanted != person.timer:
            person.timer = wanted
            self.writes.lapses[person.root] = wanted

    def _tell(self, persons: list[Stored], change: Change, cause: Cause) -> None:
        owner = next(p for p in persons if _owns(p, change))
        for other in persons:
            if other is not owner:
                other.alerts.pop(change.alert_id, None)
        after = self.teller.tell(owner, change, cause, self.writes, self.rules)
        self.outcome.changes.append((change.kind, after.state.rule, str(after.state.severity)))

    def touch(self, person: Stored) -> None:
        """The person's row is written with the next version, once a transaction."""
        if person.root not in self.writes.patients:
            person.version += 1
        self.writes.patients[person.root] = (
            person.root, person.version, person.as_of, msgspec.json.encode(person.incomplete).decode(),
            person.rule_pack,
        )  # fmt: skip

    def _report_failures(self, person: Stored, before: dict[str, str]) -> None:
        for rule, error in person.incomplete.items():
            if before.get(rule) != error:
                detail = (
                    f"rule {rule} failed for patient {person.public_id}: {error}; results are stored, its alerts stand"
                )
                fault = Technical(
                    key=f"rule_failed:{rule}:{person.public_id}", kind="rule_failed", detail=detail,
                    patient_id=person.root,
                )  # fmt: skip
                self.writes.technical.append(fault)

    def _source(self, incoming: Incoming, event: PatientEvent, stored: int) -> None:
        mapped = incoming.mapped
        total = len(event.results) if isinstance(event, LabReport) else 0
        quarantined = len(mapped.quarantined) if mapped else 0
        ignored = len(mapped.ignored) if mapped else 0
        duplicate = len(mapped.results) - mapped.derived - stored if mapped else 0
        if total != stored + duplicate + quarantined + ignored:
            self.writes.technical.append(_unaccounted(event, total - stored - duplicate - quarantined - ignored))
        counts = (total, stored, duplicate, quarantined, ignored)
        self.writes.sources.append(source_row(incoming, event, self.locked.by_sent[event.patient.id], counts))
        history = isinstance(event, LabReport) and event.purpose == "history"
        self.writes.tallies.message(incoming, counts, history=history)
        self.outcome.events += 1
        self.outcome.received.append(incoming.received_at)
        self.outcome.results += stored
        self.outcome.duplicates += duplicate
        self.outcome.quarantined += quarantined
        self.outcome.ignored += ignored

    def _results(self, event: LabReport, fresh: list[Result]) -> None:
        record = self.locked.by_sent[event.patient.id]
        for r in fresh:
            self.writes.result_keys.append((r.result_id, record))
            self.writes.results.append(self.result_row(record, r))

    @staticmethod
    def result_row(record: int, r: Result) -> tuple[Any, ...]:
        """A row of `result`, in the order of `writes.RESULT`."""
        return (
            r.result_id, record, r.analyte, r.slot, r.collected_at, str(r.status), r.version_time, r.received_at,
            r.value, r.comparator, r.unit, r.quality, r.source.event_id, r.mapping_version, _encode(r),
        )  # fmt: skip

    def remapped(self, person: Stored, series: Series, cause: Cause, *, moved: bool) -> None:
        """The person's reports were read again by another site file; `moved`: something the rules read is another."""
        self.catch_up(person)
        if moved:
            person.series, person.disease = series, None
            person.memos.clear()
            self.writes.live[("series", person.root, None)] = None
            self.touch(person)
            self.evaluate([person], EVERYTHING, cause)
        else:
            person.series = series
            self.touch(person)
        self.settle(person, cause)

    def _quarantine(self, incoming: Incoming, event: LabReport) -> None:
        record = self.locked.by_sent[event.patient.id]
        self.writes.quarantine += quarantine_rows(incoming, event, record)
        self.writes.timers += timer_rows(incoming, event, record)
        if not incoming.test:
            self.writes.timers += unverified.timer_rows(incoming, event, record, steward=self.teller.steward)
        self.writes.technical += querying.pages(event, incoming.mapped.quarantined if incoming.mapped else (), record)

    def _person_said(self, incoming: Incoming, event: PatientEvent, person: Stored) -> bool:
        """Take over demographics; True when the rules may read something new in them."""
        record = self.locked.by_sent[event.patient.id]
        if isinstance(event, LabReport | ContextChange):
            self._is_known(incoming, event)
        known = self.said.get(record) or self.locked.rows[record].demographics
        moved = any(entry.kind == "place" for entry in (event.entries if isinstance(event, ContextChange) else ()))
        located = context.located(person.entries, self.zone) if moved else {}
        new = context.newest(known, context.said(event.patient, incoming.said_at, event.event_id)) | located
        if new != known:
            self.said[record] = new
            self.writes.people[record] = _people_row(record, self._numbers(record), new)
        if located and person.root != record:  # pages show the root's row
            self._placed(person.root, located)
        together = context.newest(person.demographics, new) | located
        if together == person.demographics:
            return False
        person.demographics = together
        before = person.context
        person.context = context.build(person.entries, together, self.zone)
        return person.context != before


def _owns(person: Stored, change: Change) -> bool:
    if change.after is not None:
        return change.after.patient == person.patient
    return change.before is not None and change.before.patient_id in person.members


def _new(person: Stored, results: Iterable[Result]) -> list[Result]:
    """Results of ids that are not stored, each once."""
    return list({r.result_id: r for r in results if r not in person.series}.values())


def _corrects(person: Stored, fresh: Iterable[Result]) -> bool:
    """Another version of a measurement that is known, or one that says so itself."""
    return any(r.status in ("C", "A", "D", "W") or person.series.of_slot(r.analyte, r.slot) for r in fresh)


def _people_row(record: int, identifiers: tuple[Identifier, ...], said: context.Demographics) -> tuple[Any, ...]:
    blank = context.Said(value=("", ""), at=datetime.min, event_id="")  # noqa: DTZ901 - only its empty value is read
    name, born, sex = (said.get(part, blank) for part in ("name", "birth_date", "sex"))
    place = context.where(said)
    ward, bed = place.value[:2] if place else ("", "")
    return (
        record, msgspec.json.encode(said).decode(), msgspec.json.encode(identifiers).decode(),
        *name.value, born.value[0], sex.value[0], ward, bed, place.at if place else None,
    )  # fmt: skip


def quarantine_rows(incoming: Incoming, event: LabReport, record: int | None) -> list[tuple[Any, ...]]:
    """Rows of `quarantine`; the same event again makes the same ids."""
    return [
        quarantine_row(item_id, event, record, item, incoming.received_at) for item_id, item in _held(incoming, event)
    ]


def quarantine_row(
    item_id: str, event: PatientEvent, record: int | None, item: Quarantined, received_at: datetime
) -> tuple[Any, ...]:
    """One held result; of a change of context that is held as a whole, that."""
    return (
        item_id, event.event_id, record, item.reason, item.detail, item.laboratory, item.code, item.value, item.unit,
        item.segment, item.collected_at, item.would_be, item.slot, received_at, item.index, item.analyte, item.system,
        item.display, ", ".join(item.looks_in),
    )  # fmt: skip


def _held(incoming: Incoming, event: LabReport) -> list[tuple[str, Quarantined]]:
    items = incoming.mapped.quarantined if incoming.mapped else ()
    return [(stable_id("quarantine", event.event_id, str(number)), item) for number, item in enumerate(items)]


OUR_OWN = ("rule_failed", "results_unaccounted")
"""Kinds of technical alert that no content of a message makes."""
FUTURE_COLLECTION = "future_collection"
"""Kind of the timer at which results with a collection time in the future are tried again."""


def timer_rows(incoming: Incoming, event: LabReport, record: int) -> list[tuple[Any, ...]]:
    """Rows of `timer`: one a moment from which some results of the event are no longer in the future."""
    due: dict[datetime, dict[str, int]] = {}
    for item_id, item in _held(incoming, event):
        if item.not_before is not None:
            due.setdefault(item.not_before, {})[item_id] = item.index
    return [
        (
            stable_id("timer", FUTURE_COLLECTION, event.event_id, at.isoformat()), FUTURE_COLLECTION, record, at,
            msgspec.json.encode({"event_id": event.event_id, "held": held}).decode(),
        )
        for at, held in sorted(due.items())
    ]  # fmt: skip


def _again(event: PatientEvent) -> Incoming:
    """A stored event as it came."""
    return Incoming(
        record=NO_RECORD, event=event, test=realm.is_test(event.patient.id),
        received_at=moment(event.source.received_at),
    )  # fmt: skip


def _in_doubt(event: PatientEvent, doubt: str, patient: str, record: int) -> Technical:
    detail = (
        f"identity_conflict: a message about patient {patient} {doubt}. All of it is held. Find out whose it is: "
        f"release it if it is this patient's, merge the two records if they are one. Event {event.event_id}."
    )
    return Technical(
        key=f"identity_conflict:{patient}", kind=querying.KIND, detail=detail, patient_id=record,
        feed=f"identity_conflict:{event.source.sender}",
    )  # fmt: skip


def keep_nobody(incoming: Incoming, writes: Writes, outcome: Outcome, *, steward: bool) -> None:
    """An event that names no patient: the message is kept; its results, or it as a whole, wait for the steward."""
    event = incoming.event
    if isinstance(event, LabReport):
        total = len(event.results)
        writes.quarantine += quarantine_rows(incoming, event, None)
        if not incoming.test:
            writes.technical += querying.pages(event, incoming.mapped.quarantined if incoming.mapped else (), None)
            writes.timers += unverified.timer_rows(incoming, event, None, steward=steward)
    elif isinstance(event, ContextChange | PatientMerge):
        total = 0
        whole = Quarantined(
            reason=incoming.unknown, index=-1, segment=0, detail=f"{event.source.message_type} of nobody we know"
        )
        item_id = stable_id("quarantine", event.event_id)
        writes.quarantine.append(quarantine_row(item_id, event, None, whole, incoming.received_at))
    else:
        raise TypeError("only an event of a patient can be kept without one")
    history = isinstance(event, LabReport) and event.purpose == "history"
    writes.sources.append(source_row(incoming, event, None, (total, 0, 0, total, 0)))
    writes.tallies.message(incoming, (total, 0, 0, total, 0), history=history)
    outcome.events += 1
    outcome.received.append(incoming.received_at)
    outcome.quarantined += total


def source_row(
    incoming: Incoming, event: PatientEvent, record: int | None, counts: tuple[int, int, int, int, int]
) -> tuple[Any, ...]:
    """A row of `source_message`; the raw bytes stand apart from the rest of the event."""
    source = event.source
    purpose = event.purpose if isinstance(event, LabReport) else "live"
    kind = type(event).__struct_config__.tag
    bare = encode_event(msgspec.structs.replace(event, raw=b""))
    return (
        event.event_id, record, kind, purpose, source.format, source.sender, source.message_id, source.message_type,
        source.sent_at, incoming.received_at, source.sha256, source.charset, event.raw, bare, *counts,
    )  # fmt: skip


_encode: Callable[[Result], bytes] = msgspec.json.Encoder(decimal_format="string").encode


def _unaccounted(event: PatientEvent, count: int) -> Technical:
    """In must be stored, duplicate, quarantined or ignored; anything else is a fault of ours, and never silent."""
    detail = f"{count} results of the message with event id {event.event_id} came to nothing; its bytes are kept"
    return Technical(key=f"results_unaccounted {event.event_id}", kind="results_unaccounted", detail=detail)
