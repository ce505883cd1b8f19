"""
Each promise of the provider, and an edit of the source that breaks it.
"""

from __future__ import annotations

from dataclasses import dataclass

LIFECYCLE = "tests/functional/test_lifecycle.py"
REACTIONS = "tests/functional/test_reactions.py"
SHARED = "tests/functional/test_shared_calls.py"
CLIENT = "tests/functional/client"
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
    An edit that breaks one promise.

    Args:
        promise: what goes wrong with the edit.
        module: of the package.
        old: the source that keeps the promise; the module contains it once.
        new: what replaces it.
        tests: files; a test of one of them must fail.
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
        "the policy does not belong to the identity",
        "rules/rule.py",
        '    policy: str = "accept"\n',
        '    policy: str = field(default="accept", compare=False)\n',
        (LIFECYCLE, MEET),
    ),
    Mutant(
        "a 200 of a revoke by attributes is not verified",
        "reconcile/delete.py",
        "live = left.identical_to(rule)",
        "live = None",
        (LIFECYCLE, MEET),
    ),
    Mutant(
        "a delete takes the rule with cleared host bits for its own",
        "reconcile/delete.py",
        "live = left.identical_to(rule)",
        "live = left.matching(rule)",
        (LIFECYCLE,),
    ),
    Mutant(
        "a rule that no longer exists is not accepted as deleted",
        "ecs/reactions.py",
        "Call.REVOKE_BY_ID: Reaction.ALREADY_DONE,",
        "Call.REVOKE_BY_ID: Reaction.FAIL,",
        (LIFECYCLE, REACTIONS),
    ),
    Mutant(
        "an ID that is not valid is accepted without a read",
        "ecs/reactions.py",
        "Call.REVOKE_BY_ID: Reaction.READ_GROUP,",
        "Call.REVOKE_BY_ID: Reaction.ALREADY_DONE,",
        (LIFECYCLE, REACTIONS),
    ),
    Mutant(
        "the error of one rule of a call is raised for all",
        "ecs/reactions.py",
        "return not isinstance(error, _NOT_ABOUT_AN_ENTRY)",
        "return False",
        (SHARED,),
    ),
    Mutant(
        "a RAM policy that refuses one rule of a call fails all",
        "ecs/reactions.py",
        "return error.code == _REFUSED_BY_POLICY",
        "return False",
        (SHARED,),
    ),
    Mutant(
        "a rule not found by attributes is accepted without a read",
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
        "a comparison counts as a sign that the rule is kept",
        "engine/runtime.py",
        "        if checked is None:\n            return\n",
        "        if checked is None:\n"
        "            self.ownership.keep(rule_ids, mark)\n"
        "            return\n",
        (OWNERSHIP,),
    ),
    Mutant(
        "a rule of another resource is revoked",
        "reconcile/ownership.py",
        "        if self._owners[rule_id]:\n            return Release.HELD\n",
        "",
        (OWNERSHIP, LIFECYCLE),
    ),
    Mutant(
        "a rule that another resource has revoked is revoked again",
        "reconcile/ownership.py",
        "        if rule_id in self._revoked:\n            return Release.REVOKED\n",
        "",
        (OWNERSHIP,),
    ),
    Mutant(
        "a failed adoption stops a delete",
        "reconcile/ownership.py",
        "                for rule_id in self._pending.pop(mark, ()):\n"
        "                    self._owners[rule_id].discard(mark)\n",
        "                self._pending.pop(mark, None)\n",
        (OWNERSHIP, LIFECYCLE),
    ),
    Mutant(
        "a revoked rule is taken for its replacement",
        "reconcile/context.py",
        "return self.group.read_now().without(self.owner.ownership.revoked)",
        "return self.group.read_now()",
        (OWNERSHIP,),
    ),
    Mutant(
        "a rule that someone else has just created counts as created",
        "reconcile/polling.py",
        "return live.existed_before(group.read_at - passed)",
        "return False",
        (OWNERSHIP,),
    ),
    Mutant(
        "the revoke of a rule that a read has shown is not verified",
        "reconcile/delete.py",
        "        require_gone(context, {live.rule_id: rule})\n",
        "",
        (LIFECYCLE,),
    ),
    Mutant(
        "additions are revoked after a revoke of the update",
        "reconcile/set_lifecycle.py",
        "            if removals.revoked:\n",
        "            if False:\n",
        (SETS,),
    ),
    Mutant(
        "an existing rule is both kept and revoked by its set",
        "reconcile/plan.py",
        "        and index.of(member) not in staying\n",
        "",
        (RULESET,),
    ),
    Mutant(
        "a set does not wait for other resources",
        "reconcile/set_lifecycle.py",
        "        return any(moved)\n",
        "        return False\n",
        (SETS,),
    ),
    Mutant(
        "a field that someone else has changed is set back silently",
        "reconcile/modify.py",
        "    if words:\n        context.warn(",
        "    if False:\n        context.warn(",
        ("tests/functional/test_set_back.py",),
    ),
    Mutant(
        "the wrong account is accepted",
        "reconcile/context.py",
        "if account_id and asking and asking != account_id:",
        "if False:",
        (LIFECYCLE,),
    ),
    Mutant(
        "an existing group is taken for deleted",
        "reconcile/context.py",
        "if ask_again and self.account.group_exists(self.group.group_id):",
        "if False:",
        (LIFECYCLE, MEET),
    ),
    Mutant(
        "an ID that no longer exists falls back to the attributes",
        "reconcile/delete.py",
        "        _name_the_duplicate_of_what_is_gone(context, rule, rule_id)\n",
        "        _revoke_by_attributes(context, rule)\n",
        (LIFECYCLE, MEET),
    ),
    Mutant(
        "an unknown outcome of Authorize counts as a failure",
        "reconcile/create.py",
        "        if group is None or group.matching(rule) is None:\n"
        "            raise\n        return group\n",
        "        raise\n",
        (LIFECYCLE, REACTIONS),
    ),
    Mutant(
        "an unknown outcome of Authorize counts as a success",
        "reconcile/create.py",
        "        if group is None or group.matching(rule) is None:\n"
        "            raise\n        return group\n",
        "        return group\n",
        (LIFECYCLE, REACTIONS),
    ),
    Mutant(
        "a refusal after an unknown outcome counts as proof that no rule exists",
        "reconcile/create.py",
        "        if not unknown_outcomes:\n            raise\n",
        "        if type(error) not in OUTCOME_UNKNOWN:\n            raise\n",
        (MEET,),
    ),
    Mutant(
        "a refusal after a fault of ECS counts as proof that no rule exists",
        "ecs/client.py",
        "self._keeping_unknown_outcome(call, but=NoAnswerError)",
        "self._asked(call, but=NoAnswerError)",
        (MEET,),
    ),
    Mutant(
        "a refusal after an unknown outcome counts as proof of no change",
        "ecs/client.py",
        "self._keeping_unknown_outcome(\n            self._write(",
        "self._asked(\n            self._write(",
        (MEET,),
    ),
    Mutant(
        "a rule that may still appear is not revoked",
        "reconcile/create.py",
        "        context.group.revoke_by_attributes(rule)\n"
        "    except EcsError as refusal:",
        "        pass\n    except EcsError as refusal:",
        (LIFECYCLE, MEET),
    ),
    Mutant(
        "an existing rule is adopted without adopt=True",
        "reconcile/create.py",
        "    if not adopt:\n",
        "    if False:\n",
        (LIFECYCLE, MEET),
    ),
    Mutant(
        "the group is not read before Authorize",
        "reconcile/create.py",
        "    duplicate = context.read_cached().matching(rule)\n",
        "    duplicate = None\n",
        (LIFECYCLE, MEET),
    ),
    Mutant(
        "a refresh takes a duplicate for the deleted rule",
        "reconcile/lifecycle.py",
        "if live is None and (adopt or not rule_id):",
        "if live is None:",
        (LIFECYCLE,),
    ),
    Mutant(
        "a removed description is kept",
        "reconcile/modify.py",
        "if live.rule.remark and not new.remark:",
        "if False:",
        (LIFECYCLE,),
    ),
    Mutant(
        "a retry has a new ClientToken",
        "ecs/sdk.py",
        "        parameters = dict(call.parameters)\n",
        "        parameters = dict(call.parameters)\n"
        '        if "ClientToken" in parameters:\n'
        '            parameters["ClientToken"] = str(id(parameters)) + str(left_s)\n',
        (CLIENT,),
    ),
    Mutant(
        "an answer that cannot be read counts as no rules",
        "ecs/responses.py",
        "if found is None or len(entries) != len(found):",
        "if False:",
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
        "an untrusted certificate is accepted",
        "ecs/transport.py",
        "verify=authorities() if verify is True else verify,",
        "verify=False,",
        (SECURITY,),
    ),
    Mutant(
        "plain HTTP is used for every host",
        "ecs/config.py",
        'if scheme == "http" and not wished and not is_loopback(endpoint):',
        "if False:",
        (SECURITY,),
    ),
    Mutant(
        "a fresh read is answered from before the write",
        "ecs/security_group.py",
        "return self._looks.proven()",
        "return self._looks.passing()",
        (SHARED,),
    ),
    Mutant(
        "a read is answered from before the resource's own write",
        "ecs/shared_reads.py",
        "and kept.writes_before == writes\n",
        "",
        (SHARED,),
    ),
    Mutant(
        "an exclusive set revokes a rule that no preview has named",
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
        "an exclusive set revokes a rule that it must keep",
        "reconcile/plan.py",
        "if (live := index.of(m)) and keep.holds(live)]",
        "if False]",
        (RULESET, SETS),
    ),
    Mutant(
        "the deletion of a set revokes rules that it did not declare",
        "reconcile/set_lifecycle.py",
        "[m for m in members if m.declared]",
        "list(members)",
        (SETS, SET_RESOURCE),
    ),
    Mutant(
        "the additions of a failed set are not revoked",
        "reconcile/set_lifecycle.py",
        "            additions.take_back(error)\n",
        "",
        (SETS,),
    ),
    Mutant(
        "a failed set revokes rules that existed before it",
        "reconcile/set_additions.py",
        "            and id_ not in self.before\n",
        "",
        (SETS,),
    ),
    Mutant(
        "a set adopts existing rules without adopt=True",
        "reconcile/set_lifecycle.py",
        "if duplicates and not adopt:",
        "if False:",
        (SETS,),
    ),
    Mutant(
        "a set revokes before it authorizes",
        "reconcile/set_lifecycle.py",
        "            additions.adopt(plan.duplicates)\n",
        "            removals.revoke(plan.revoke)\n"
        "            additions.adopt(plan.duplicates)\n",
        (SETS,),
    ),
    Mutant(
        "a 200 of a set's revoke by attributes is not verified",
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
