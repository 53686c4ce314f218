"""Is every partition read by somebody? Asked of the broker, because no member of the group can know it.

A static member that comes back is given what it had, without a new assignment (KIP-345). What it had can be nothing:
when it joined, the topic was just being replaced. The group is then stable and reads nothing, for ever.
"""

from __future__ import annotations

from typing import Any

import msgspec
from kafka import KafkaAdminClient
from kafka.admin import MemberToRemove
from kafka.errors import GroupIdNotFoundError

from services.shared import kafka


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """What a settled group leaves unread; `members` are the static ids, in order."""

    unread: frozenset[int]
    members: tuple[str, ...]


SETTLING = Coverage(unread=frozenset(), members=())


def look(bootstrap: str, group: str, topic: str) -> Coverage:
    """SETTLING while the group is between two assignments or unknown. KafkaError, KafkaUnreachable as they come."""
    with kafka.admin(bootstrap) as client:
        try:
            found = client.describe_groups([group])[group]
        except GroupIdNotFoundError:
            return SETTLING
        described = kafka.describe(client, [topic])
    if found["group_state"] != "Stable" or topic not in described:
        return SETTLING
    if not all(isinstance(member["member_assignment"], dict) for member in found["members"]):
        return SETTLING  # not in Kafka's own form: then nothing can be said
    everything = {partition["partition_index"] for partition in described[topic]["partitions"]}
    given = [_given(member["member_assignment"], topic) for member in found["members"]]
    members = tuple(sorted(str(member["group_instance_id"]) for member in found["members"]))
    return Coverage(unread=frozenset(everything.difference(*given)), members=members)


def leave(bootstrap: str, group: str, member: str) -> None:
    """Take a static member out of the group: it joins again, and everything is assigned anew."""
    with kafka.admin(bootstrap) as client:
        _remove(client, group, member)


def _remove(client: KafkaAdminClient, group: str, member: str) -> None:
    for error in client.remove_group_members(group, [MemberToRemove(group_instance_id=member)]).values():
        if error.errno:
            raise error(f"{member} could not be taken out of group {group}")


def _given(assignment: dict[str, Any], topic: str) -> set[int]:
    return {p for each in assignment["assigned_partitions"] if each["topic"] == topic for p in each["partitions"]}
