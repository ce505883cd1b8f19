"""
Each promise, and the edit that takes it back.
"""

from __future__ import annotations

from dataclasses import dataclass

LIFECYCLE = "tests/functional/test_lifecycle.py"
REACTIONS = "tests/functional/test_reactions.py"
SHARED = "tests/functional/test_shared_calls.py"
CLIENT = "tests/functional/test_client_wire.py"
RESOURCE = "tests/functional/test_resource.py"
EACH = "tests/faults/test_each_fault.py"
MEET = "tests/faults/test_faults_that_meet.py"
OPEN = "tests/faults/test_open_questions.py"
HOSTILE = "tests/faults/test_hostile_input.py"
SECURITY = "tests/faults/test_security.py"
OWNERSHIP = "tests/functional/test_ownership.py"
SETS = "tests/functional/test_set_lifecycle.py"
SET_RESOURCE = "tests/functional/test_set_resource.py"
RULESET = "tests/unit/test_ruleset.py"


@dataclass(frozen=True)
class Mutant:
    """
    One promise taken back.

    Args:
        promise: what no longer holds.
        module: of the package.
        old: the source that keeps the promise, found there just once.
        new: what takes its place.
        tests: files of which one has to fail.
    """

    promise: str
    module: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTANTS = (
    Mutant(
        "priority left out of the quintuple",
        "rules/rule.py",
        'entry["Priority"] = str(self.priority)',
        'entry["Priority"] = ""',
        (OPEN,),
    ),
    Mutant(
        "policy is no part of identity",
        "rules/rule.py",
        '    policy: str = "accept"\n',
        '    policy: str = field(default="accept", compare=False)\n',
        (LIFECYCLE, MEET),
    ),
    Mutant(
        "a 200 of a revoke by attributes is believed",
        "reconcile/delete.py",
        "live = left.identical_to(rule)",
        "live = None",
        (LIFECYCLE, MEET),
    ),
    Mutant(
        "the masked form is taken for the rule in a delete",
        "reconcile/delete.py",
        "live = left.identical_to(rule)",
        "live = left.matching(rule)",
        (LIFECYCLE,),
    ),
    Mutant(
        '"gone" is not believed',
        "ecs/reactions.py",
        "Call.REVOKE_BY_ID: Reaction.ALREADY_DONE,",
        "Call.REVOKE_BY_ID: Reaction.FAIL,",
        (LIFECYCLE, REACTIONS),
    ),
    Mutant(
        '"not valid" is believed without a read',
        "ecs/reactions.py",
        "Call.REVOKE_BY_ID: Reaction.READ_GROUP,",
        "Call.REVOKE_BY_ID: Reaction.ALREADY_DONE,",
        (LIFECYCLE, REACTIONS),
    ),
    Mutant(
        "what is wrong with one rule of a call is said of all",
        "ecs/reactions.py",
        "return not isinstance(error, _NOT_ABOUT_AN_ENTRY)",
        "return False",
        (SHARED,),
    ),
    Mutant(
        "a policy that refuses one rule of a call is said to refuse all",
        "ecs/reactions.py",
        "return error.code == _REFUSED_BY_POLICY",
        "return False",
        (SHARED,),
    ),
    Mutant(
        '"not found" by attributes is believed without a read',
        "reconcile/delete.py",
        "    left = context.group.read_now()\n",
        "        else:\n            return None\n    left = context.group.read_now()\n",
        (LIFECYCLE, REACTIONS, OPEN),
    ),
    Mutant(
        "a resource's own claim stops its delete",
        "reconcile/ownership.py",
        "                self._owners[rule_id].discard(mark)\n"
        "            self._changed.wait_for(\n",
        "                pass\n            self._changed.wait_for(\n",
        (OWNERSHIP,),
    ),
    Mutant(
        "a claim has no owner",
        "reconcile/ownership.py",
        "                    self._owners[rule_id].add(mark)\n"
        "            self._changed.notify_all()",
        '                    self._owners[rule_id].add("")\n'
        "            self._changed.notify_all()",
        (OWNERSHIP,),
    ),
    Mutant(
        "diff means that it stays",
        "engine/runtime.py",
        "        if checked is None:\n            return\n",
        "        if checked is None:\n"
        "            self.ownership.keep(rule_ids, mark)\n"
        "            return\n",
        (OWNERSHIP,),
    ),
    Mutant(
        "what another resource holds is revoked",
        "reconcile/ownership.py",
        "        if self._owners[rule_id]:\n            return Release.HELD\n",
        "",
        (OWNERSHIP, LIFECYCLE),
    ),
    Mutant(
        "what another resource has revoked is revoked again",
        "reconcile/ownership.py",
        "        if rule_id in self._revoked:\n            return Release.REVOKED\n",
        "",
        (OWNERSHIP,),
    ),
    Mutant(
        "an adoption that failed stops a delete",
        "reconcile/ownership.py",
        "                for rule_id in self._pending.pop(mark, ()):\n"
        "                    self._owners[rule_id].discard(mark)\n",
        "                self._pending.pop(mark, None)\n",
        (OWNERSHIP, LIFECYCLE),
    ),
    Mutant(
        "a rule that was revoked is taken for its replacement",
        "reconcile/context.py",
        "return self.group.read_now().without(self.owner.ownership.revoked)",
        "return self.group.read_now()",
        (OWNERSHIP,),
    ),
    Mutant(
        "a rule that somebody has just made is taken for created",
        "reconcile/polling.py",
        "return live.existed_before(group.read_at - passed)",
        "return False",
        (OWNERSHIP,),
    ),
    Mutant(
        "the revoke of what a read has shown is believed",
        "reconcile/delete.py",
        "        require_gone(context, {live.rule_id: rule})\n",
        "",
        (LIFECYCLE,),
    ),
    Mutant(
        "additions are taken back after a revoke",
        "reconcile/set_lifecycle.py",
        "            if removals.revoked:\n",
        "            if False:\n",
        (SETS,),
    ),
    Mutant(
        "one live rule is both the set's own and to be revoked",
        "reconcile/plan.py",
        "        and index.of(member) not in staying\n",
        "",
        (RULESET,),
    ),
    Mutant(
        "a set does not wait for its neighbours",
        "reconcile/set_lifecycle.py",
        "        return any(moved)\n",
        "        return False\n",
        (SETS,),
    ),
    Mutant(
        "a field that somebody has changed is set back in unknown_outcome",
        "reconcile/modify.py",
        "    if words:\n        context.warn(",
        "    if False:\n        context.warn(",
        ("tests/functional/test_set_back.py",),
    ),
    Mutant(
        "the wrong account is believed",
        "reconcile/context.py",
        "if account_id and asking and asking != account_id:",
        "if False:",
        (LIFECYCLE,),
    ),
    Mutant(
        "a group that is there is believed gone",
        "reconcile/context.py",
        "if ask_again and self.account.group_exists(self.group.group_id):",
        "if False:",
        (LIFECYCLE, MEET),
    ),
    Mutant(
        "an ID that is gone falls back to the quintuple",
        "reconcile/delete.py",
        "        _name_the_duplicate_of_what_is_gone(context, rule, rule_id)\n",
        "        _revoke_by_attributes(context, rule)\n",
        (LIFECYCLE, MEET),
    ),
    Mutant(
        "unknown_outcome after Authorize is taken for failure",
        "reconcile/create.py",
        "        if group is None or group.matching(rule) is None:\n"
        "            raise\n        return group\n",
        "        raise\n",
        (LIFECYCLE, REACTIONS),
    ),
    Mutant(
        "unknown_outcome after Authorize is taken for success",
        "reconcile/create.py",
        "        if group is None or group.matching(rule) is None:\n"
        "            raise\n        return group\n",
        "        return group\n",
        (LIFECYCLE, REACTIONS),
    ),
    Mutant(
        "a refusal after an unknown outcome is taken for proof that nothing was made",
        "reconcile/create.py",
        "        if not unknown_outcomes:\n            raise\n",
        "        if type(error) not in OUTCOME_UNKNOWN:\n            raise\n",
        (MEET,),
    ),
    Mutant(
        "a refusal after a fault of ECS is taken for proof that nothing was made",
        "ecs/client.py",
        "self._send_keeping_unknown_outcome(call, but=NoAnswerError)",
        "self._send(call, but=NoAnswerError)",
        (MEET,),
    ),
    Mutant(
        "a refusal after an unknown outcome passes as proof that nothing changed",
        "ecs/client.py",
        "self._send_keeping_unknown_outcome(\n            self._write(",
        "self._send(\n            self._write(",
        (MEET,),
    ),
    Mutant(
        "what may still come is not revoked",
        "reconcile/create.py",
        "        context.group.revoke_by_attributes(rule)\n"
        "    except EcsError as refusal:",
        "        pass\n    except EcsError as refusal:",
        (LIFECYCLE, MEET),
    ),
    Mutant(
        "a rule that is there is taken over without being asked",
        "reconcile/create.py",
        "    if not adopt:\n",
        "    if False:\n",
        (LIFECYCLE, MEET),
    ),
    Mutant(
        "nobody looks before Authorize",
        "reconcile/create.py",
        "    duplicate = context.read_cached().matching(rule)\n",
        "    duplicate = None\n",
        (LIFECYCLE, MEET),
    ),
    Mutant(
        "a refresh takes a duplicate for the rule that is gone",
        "reconcile/lifecycle.py",
        "if live is None and (adopt or not rule_id):",
        "if live is None:",
        (LIFECYCLE,),
    ),
    Mutant(
        "a description that is emptied stays",
        "reconcile/modify.py",
        "if live.rule.remark and not new.remark:",
        "if False:",
        (LIFECYCLE,),
    ),
    Mutant(
        "the token is renewed on a retry",
        "ecs/sdk.py",
        "        parameters = dict(call.parameters)\n",
        "        parameters = dict(call.parameters)\n"
        '        if "ClientToken" in parameters:\n'
        '            parameters["ClientToken"] = str(id(parameters)) + str(left_s)\n',
        (CLIENT,),
    ),
    Mutant(
        "a broken answer is read as no rules",
        "ecs/responses.py",
        "raise broken(action, answer, f\"{'.'.join(path)} is not a list of objects\")",
        "return []",
        (HOSTILE, CLIENT),
    ),
    Mutant(
        "control characters of ECS reach the terminal",
        "errors.py",
        "        self.detail = one_line(detail)\n",
        "        self.detail = detail\n",
        (HOSTILE,),
    ),
    Mutant(
        "a certificate that nobody signed is believed",
        "ecs/transport.py",
        "verify=authorities() if verify is True else verify,",
        "verify=False,",
        (SECURITY,),
    ),
    Mutant(
        "plain HTTP goes anywhere",
        "ecs/config.py",
        'if scheme == "http" and not is_set and not is_loopback(endpoint):',
        "if False:",
        (SECURITY,),
    ),
    Mutant(
        "a look that proves is answered from before the write",
        "ecs/security_group.py",
        "return self._reads.fresh()",
        "return self._reads.cached()",
        (SHARED,),
    ),
    Mutant(
        "a look is answered from before an own write",
        "ecs/shared_reads.py",
        "and kept.writes_before == writes\n",
        "",
        (SHARED,),
    ),
    Mutant(
        "an exclusive set removes what no preview has named",
        "reconcile/plan.py",
        "        revoke=tuple(member for member in leaving if member not in kept),\n",
        "        revoke=tuple(\n"
        "            [m for m in leaving if m not in kept]\n"
        "            + [Member(live.rule, live.rule_id)\n"
        "               for live in _others(index, known, keep) if exclusive]\n"
        "        ),\n",
        (RULESET, SETS),
    ),
    Mutant(
        "an exclusive set removes what it is to keep",
        "reconcile/plan.py",
        "if (live := index.of(m)) and keep.holds(live)]",
        "if False]",
        (RULESET, SETS),
    ),
    Mutant(
        "a set that is destroyed takes rules along that it did not declare",
        "reconcile/set_lifecycle.py",
        "[m for m in members if m.declared]",
        "list(members)",
        (SETS, SET_RESOURCE),
    ),
    Mutant(
        "what a failed set has added is not taken back",
        "reconcile/set_lifecycle.py",
        "            additions.take_back(error)\n",
        "",
        (SETS,),
    ),
    Mutant(
        "a failed set takes away what was there before it",
        "reconcile/set_additions.py",
        "            and id_ not in self.before\n",
        "",
        (SETS,),
    ),
    Mutant(
        "a set takes over rules that are there without being asked",
        "reconcile/set_lifecycle.py",
        "if duplicates and not adopt:",
        "if False:",
        (SETS,),
    ),
    Mutant(
        "a set removes before it adds",
        "reconcile/set_lifecycle.py",
        "            additions.adopt(plan.duplicates)\n",
        "            removals.revoke(plan.revoke)\n"
        "            additions.adopt(plan.duplicates)\n",
        (SETS,),
    ),
    Mutant(
        "a 200 of a set's revoke by attributes is believed",
        "reconcile/set_removals.py",
        "if (live := index.identical_to(rule))}\n        by_id",
        "if (live := index.identical_to(rule)) and False}\n        by_id",
        (SETS,),
    ),
    Mutant(
        "two rules that differ in priority have one key",
        "rules/rule.py",
        "        if self.priority != 1:\n",
        "        if False:\n",
        (SET_RESOURCE, "tests/unit/test_rule.py"),
    ),
)
"""
The list; a new promise belongs here with the test that keeps it.
"""
