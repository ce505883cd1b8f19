"""
Each promise of the provider, and an edit of the source that breaks it.
"""

from __future__ import annotations

from tools.mutants.cleanup import CLEANUP
from tools.mutants.mutant import Mutant
from tools.mutants.usage import USAGE

LATE = "tests/faults/test_rules_that_show_late.py"
LIFECYCLE = "tests/functional/test_lifecycle.py"
REACTIONS = "tests/functional/test_reactions.py"
SHARED = "tests/functional/test_shared_calls.py"
CLIENT = "tests/functional/client"
RESOURCE = "tests/functional/test_resource.py"
SET_BACK = "tests/functional/test_set_back.py"
EACH = "tests/faults/test_each_fault.py"
MEET = "tests/faults/test_faults_that_meet.py"
OPEN = "tests/faults/test_open_questions.py"
HOSTILE = "tests/faults/test_hostile_input.py"
SECURITY = "tests/faults/test_security.py"
POLICIES = "tests/functional/test_policies.py"
OWNERSHIP = "tests/functional/test_ownership.py"
UNFINISHED = "tests/faults/test_unfinished_sets.py"
NOT_TAKEN_BACK = "tests/faults/test_unfinished_creates.py"
SETS = "tests/functional/test_set_lifecycle.py"
SIDE_BY_SIDE = "tests/functional/test_sets_side_by_side.py"
REMOVALS = "tests/functional/test_set_removals.py"
ONE_FLOW = "tests/functional/test_one_flow.py"
SET_RESOURCE = "tests/functional/test_set_resource.py"
RULESET = "tests/unit/test_ruleset.py"
IGNORED = "tests/faults/test_ignored_rules.py"
HELD_TWICE = "tests/faults/test_rules_held_twice.py"
REVIEW = "tests/unit/test_review.py"
READING = "tests/unit/test_preview.py"

_UNKNOWN = "                is_unknown = True\n                raise\n"
_NOT_KEPT = "                is_unknown = {}\n                raise\n"

MUTANTS = (
    Mutant(
        "a rule without ports gets ports in place",
        "rules/rule.py",
        "if new.ip_protocol in WITH_PORTS and not has_ports:",
        "if new.ip_protocol in WITH_PORTS and has_ports is None:",
        (RESOURCE,),
    ),
    Mutant(
        "a late read of a rule hides the one that is in its way",
        "reconcile/modify.py",
        "found = group.without([rule_id]).matching(wanted)\n",
        "found = group.matching(wanted)\n"
        "        found = found if found and found.rule_id != rule_id else None\n",
        (LATE,),
    ),
    Mutant(
        "a call that a proxy drops counts as not sent",
        "ecs/transport.py",
        '    if broken and "connect" not in _functions(broken):\n',
        "    if False:\n",
        (CLIENT,),
    ),
    Mutant(
        "an update claims to set back what ECS cannot change",
        "reconcile/modify.py",
        "if names := live.rule.unchangeable(change.wanted):",
        "if names := live.rule.unchangeable(live.rule):",
        (SET_BACK,),
    ),
    Mutant(
        "one late read drops a rule from the state",
        "reconcile/lifecycle.py",
        "        if doubtful:\n            with suppress",
        "        if not doubtful:\n            with suppress",
        (LATE,),
    ),
    Mutant(
        "one late read hides a change from the state",
        "reconcile/plan.py",
        "or group.in_terms_of(member.rule, live).rule.difference(member.rule)",
        "",
        (LATE,),
    ),
    Mutant(
        "a late read adopts a rule that was revoked",
        "reconcile/plan.py",
        "            live.rule_id != member.rule_id\n            or group",
        "            group",
        (LATE,),
    ),
    Mutant(
        "a late read shows a rule in the way that was revoked",
        "reconcile/context.py",
        "        group = self.without_revoked(self.group.read_now())\n        lasting",
        "        group = self.without_revoked(self.group.read_after_writes())\n"
        "        lasting",
        (LATE,),
    ),
    Mutant(
        "late reads stop an update that goes back",
        "reconcile/plan.py",
        "        if self.state:\n            known",
        "        if False:\n            known",
        (LATE,),
    ),
    Mutant(
        "a late read keeps a description that was removed",
        "reconcile/modify.py",
        "live.rule.remark or (change.state and change.state.remark)",
        "live.rule.remark",
        (LATE,),
    ),
    Mutant(
        "ECS must not refuse a change to what a rule is",
        "reconcile/modify.py",
        "if not duplicate and _shows(context, rule_id, wanted):",
        "if False:",
        ("tests/functional/test_set_back.py",),
    ),
    Mutant(
        "a create takes a deleted rule that shows again for another's",
        "reconcile/create.py",
        "self._without_contradiction(read())",
        "self.context.without_revoked(read())",
        (LATE,),
    ),
    Mutant(
        "an update takes a deleted rule that shows again for its own",
        "reconcile/create.py",
        "{member.rule_id, *self.before} if member else self.before",
        "self.before",
        (LATE,),
    ),
    Mutant(
        "a changed rule is gone by one read that lacks it",
        "reconcile/lifecycle.py",
        "if doubtful.items() - before.items():",
        "if doubtful.keys() - before.keys():",
        (LATE,),
    ),
    Mutant(
        "a group is dated by the end of its answer",
        "ecs/client.py",
        "            responses.answered_s(head),\n",
        "",
        (f"{CLIENT}/test_transport.py",),
    ),
    Mutant(
        "a refresh does not wait for a rule just created",
        "reconcile/lifecycle.py",
        "if any(may_show_later(m.create_time, group) for m in gone):",
        "if False:",
        (LATE,),
    ),
    Mutant(
        "a refresh does not wait for a rule of a set",
        "reconcile/polling.py",
        "        return True\n",
        "        return False\n",
        (LATE,),
    ),
    Mutant(
        "an unknown ID in a state counts as foreign",
        "engine/set_properties.py",
        'properties.get("foreign_rule_ids") or ())) - {""}',
        'properties.get("foreign_rule_ids") or ()))',
        (LATE,),
    ),
    Mutant(
        "a refresh brings a foreign rule without an ID into an exclusive set",
        "reconcile/plan.py",
        "if not live.rule_id or live.rule in own]",
        "if live.rule_id and live.rule in own]",
        (SETS,),
    ),
    Mutant(
        "the twin of a rule takes its place in the state of an exclusive set",
        "reconcile/plan.py",
        "if not live.rule_id or live.rule in own]",
        "if not live.rule_id]",
        (UNFINISHED,),
    ),
    Mutant(
        "a TLS connection that broke after a call counts as not sent",
        "ecs/transport.py",
        "*_functions(tls)[-1:]",
        '"do_handshake"',
        (CLIENT,),
    ),
    Mutant(
        "a certificate that is not trusted is tried again",
        "ecs/transport.py",
        '"SSLCertVerificationError": (NotTrustedError,',
        '"SSLCertVerificationError": (UnreachableError,',
        (f"{CLIENT}/test_transport.py",),
    ),
    Mutant(
        "a call without a file of authorities counts as perhaps sent",
        "ecs/transport.py",
        '"ssl_wrap_socket": (NotTrustedError,',
        '"ssl_wrap_socket": (NoAnswerError,',
        (f"{CLIENT}/test_transport.py",),
    ),
    Mutant(
        "one live rule is used for two wanted rules of a set",
        "reconcile/plan.py",
        "for live, member in owned.items() if live not in taken}",
        "for live, member in owned.items()}",
        (RULESET,),
    ),
    Mutant(
        "a set that ignores its rules takes over what a refresh brought in",
        "engine/comparisons.py",
        'return bool(declared) and declared != fingerprint(inputs.get("rules"))',
        "return False",
        (IGNORED,),
    ),
    Mutant(
        "a set with a rule that only a state may have ignores its rules",
        "engine/program.py",
        'checked_rules(rules, None, "")',
        'checked_rules(rules, {}, "")',
        (IGNORED,),
    ),
    Mutant(
        "a rule that another resource holds is changed",
        "reconcile/lifecycle.py",
        "return replace(member, held=held)",
        "return member",
        (HELD_TWICE,),
    ),
    Mutant(
        "a resource whose rule another one holds is not updated",
        "engine/runtime.py",
        "return bool(held)",
        "return False",
        (HELD_TWICE,),
    ),
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
        "shown = {rule: live for rule in rules if (live := group.identical_to(rule))}",
        "shown: dict[IngressRule, LiveRule] = {}",
        (LIFECYCLE, SETS, MEET),
    ),
    Mutant(
        "a delete takes the rule with cleared host bits for its own",
        "reconcile/delete.py",
        "shown = {rule: live for rule in rules if (live := group.identical_to(rule))}",
        "shown = {rule: live for rule in rules if (live := group.matching(rule))}",
        (LIFECYCLE, SETS),
    ),
    Mutant(
        "a rule that no longer exists is not accepted as deleted",
        "ecs/reactions.py",
        "Write.REVOKE_BY_ID: Reaction.ALREADY_DONE,",
        "Write.REVOKE_BY_ID: Reaction.FAIL,",
        (LIFECYCLE, REACTIONS),
    ),
    Mutant(
        "a rule that never showed counts as gone without an answer",
        "reconcile/delete.py",
        "        for error in (*unknown.values(), *hidden):\n",
        "        for error in ():\n",
        (REMOVALS,),
    ),
    Mutant(
        "what a refused revoke by attributes named counts as gone if it does not show",
        "ecs/security_group.py",
        "        return self._delivered(rules, self._calls.revoke_by_attributes)\n",
        "        return self._delivered(\n"
        "            rules,\n"
        "            self._calls.revoke_by_attributes,\n"
        "            lambda group, part: Shown(\n"
        "                [rule for rule in part if not group.identical_to(rule)]\n"
        "            ),\n"
        "        )\n",
        (REMOVALS,),
    ),
    Mutant(
        "a read that lags behind shows that rules are deleted",
        "ecs/security_group.py",
        "return Shown(doubtful=",
        "return Shown(done=",
        (REMOVALS, LATE),
    ),
    Mutant(
        "a rule that another resource is authorizing is revoked by its attributes",
        "reconcile/unseen.py",
        "                self._sending[key].add(mark)\n",
        "                pass\n",
        (LATE,),
    ),
    Mutant(
        "a rule is authorized while another resource revokes it by its attributes",
        "reconcile/unseen.py",
        "                self._revoking[keys[rule]].add(mark)\n",
        "                pass\n",
        (OWNERSHIP,),
    ),
    Mutant(
        "an error of one call hides the outcomes of the others",
        "ecs/batching.py",
        "    except Exception as error:  # noqa: BLE001 - it is the outcome",
        "    except IngressError as error:  #",
        (SHARED,),
    ),
    Mutant(
        "additions are taken back after a revoke that no read has shown",
        "reconcile/delete.py",
        "self.unclear.update((*unknown, *succeeded))",
        "self.unclear.update(unknown)",
        (UNFINISHED,),
    ),
    Mutant(
        "a failed update revokes a rule of the state that no read shows",
        "reconcile/create.py",
        "        known = shown | self.by_others.keys()"
        " | self.in_state.keys() - self.shown.keys()\n",
        "        known = shown | self.by_others.keys()\n",
        (LATE,),
    ),
    Mutant(
        "a refusal after a fault settles a deletion",
        "ecs/client.py",
        _UNKNOWN,
        _NOT_KEPT.format('bool(but) or action != "RevokeSecurityGroup"'),
        (REMOVALS,),
    ),
    Mutant(
        "an ID that is not valid is accepted without a read",
        "ecs/reactions.py",
        "Write.REVOKE_BY_ID: Reaction.READ_GROUP,",
        "Write.REVOKE_BY_ID: Reaction.ALREADY_DONE,",
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
        "                refused = refused or about\n",
        "                refused = refused or about\n"
        "            else:\n"
        "                now = self.context.group.read_now()\n"
        "                return now.without([r.rule_id for r in now.rules])\n",
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
        "what a policy changes is sent unchecked",
        "engine/runtime.py",
        "(checked is None or checked.is_changed) and (found := problems())",
        "(found := problems()) and not found",
        (POLICIES,),
    ),
    Mutant(
        "an error shows a secret of a resource that a policy changes",
        "engine/runtime.py",
        "declaration.secrets if declaration else self.checked.secrets",
        "declaration.secrets if declaration else frozenset()",
        (POLICIES,),
    ),
    Mutant(
        "it is not known which resource a policy has changed",
        "engine/comparisons.py",
        "self._by_olds.get(_frozen(olds), CheckedResource(None))",
        "CheckedResource(None)",
        (IGNORED, POLICIES),
    ),
    Mutant(
        "a repeated create of a resource that a policy changes finds nothing",
        "engine/runtime.py",
        "checked.declaration is None and not self.ownership.left_behind(mark)",
        "checked.declaration is None",
        (NOT_TAKEN_BACK,),
    ),
    Mutant(
        "a resource that a policy changes does not keep its rule",
        "engine/comparisons.py",
        "if not mark or mark in self._refreshing:",
        "if mark or not mark:",
        (POLICIES,),
    ),
    Mutant(
        "a refresh keeps the rule of a resource that a policy changes",
        "engine/comparisons.py",
        "if not mark or mark in self._refreshing:",
        "if not mark:",
        (POLICIES,),
    ),
    Mutant(
        "a rule that another resource holds is changed if the state lacks its ID",
        "reconcile/lifecycle.py",
        "if not live or not live.rule_id or self.owner.find(live.rule_id):",
        "if live or not live:",
        (OWNERSHIP,),
    ),
    Mutant(
        "a comparison counts as a sign that the rule is kept",
        "engine/runtime.py",
        "        if checked is None:\n            return False\n",
        "        if checked is None:\n"
        "            self.ownership.keep(rule_ids, mark)\n"
        "            return False\n",
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
        "                    if not (has_succeeded or rule_id in in_state):\n"
        "                        self._owners[rule_id].discard(mark)\n",
        "                    pass\n",
        (OWNERSHIP, LIFECYCLE),
    ),
    Mutant(
        "an unfinished update gives up what its state names",
        "reconcile/ownership.py",
        "            in_state = {*error.ids.values()}\n",
        "",
        (UNFINISHED,),
    ),
    Mutant(
        "a revoked rule is taken for its replacement",
        "reconcile/create.py",
        "group = self.context.without_revoked(group)\n",
        "",
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
        "        if not left:\n            return\n",
        "        return\n",
        (LIFECYCLE,),
    ),
    Mutant(
        "additions are taken back after a revoke",
        "reconcile/lifecycle.py",
        "if removals.gone or (self.is_set and removals.unclear):",
        "if False:",
        (SETS,),
    ),
    Mutant(
        "additions are taken back after a revoke without an answer",
        "reconcile/lifecycle.py",
        "if removals.gone or (self.is_set and removals.unclear):",
        "if removals.gone:",
        (UNFINISHED,),
    ),
    Mutant(
        "an attempt in the same run forgets what the one before it has left",
        "reconcile/lifecycle.py",
        "            for rule, live in left.items()\n        ]\n",
        "            for rule, live in ()\n        ]\n",
        (NOT_TAKEN_BACK,),
    ),
    Mutant(
        "the state does not have what a failed create could not take back",
        "reconcile/create.py",
        "        if not left:\n            return\n",
        "        return\n",
        (ONE_FLOW, NOT_TAKEN_BACK),
    ),
    Mutant(
        "a confirmed rule that never showed counts as taken back",
        "reconcile/create.py",
        "if reason or any(self.sent[r] or r in self.shown for r in without_id):",
        "if reason:",
        (NOT_TAKEN_BACK,),
    ),
    Mutant(
        "an error while rules are taken back loses them",
        "reconcile/create.py",
        "except Exception as trouble:",
        "except EcsError as trouble:",
        (ONE_FLOW,),
    ),
    Mutant(
        "another resource adopts a rule that a failed create has left",
        "reconcile/create.py",
        "if not live.rule_id or owner.record_created(live.rule_id)",
        "if True",
        (ONE_FLOW,),
    ),
    Mutant(
        "a failed create keeps what it adopted, and its state does not have it",
        "reconcile/ownership.py",
        "            in_state = {*error.ids.values()}\n",
        "            in_state = self._undecided[mark]\n",
        (NOT_TAKEN_BACK,),
    ),
    Mutant(
        "a call that no thread could make hides what the others did",
        "ecs/security_group.py",
        "            return [(entry, error) for entry in entries]\n",
        "            if len(entries) > 1:\n"
        "                raise\n"
        "            return [(entry, error) for entry in entries]\n",
        (UNFINISHED,),
    ),
    Mutant(
        "a write that waited for STS in vain may have been sent",
        "ecs/reactions.py",
        "    except OUTCOME_UNKNOWN as error:\n        raise Unreach",
        "    except ThrottledError as error:\n        raise Unreach",
        (CLIENT,),
    ),
    Mutant(
        "a wait for the revoke of another resource reads all the time",
        "reconcile/context.py",
        "            ownership.wait_until_released(kept)\n",
        "",
        (ONE_FLOW,),
    ),
    Mutant(
        "a set changes a rule that has no ID",
        "reconcile/modify.py",
        "    if not live.rule_id:\n",
        "    if not live:\n",
        (ONE_FLOW,),
    ),
    Mutant(
        "another resource revokes what a failed update has without an ID",
        "reconcile/create.py",
        "            if not member.rule_id and rule not in self.shown\n",
        "            if False\n",
        (SETS,),
    ),
    Mutant(
        "a refusal shows that the refused call before it had no effect",
        "ecs/batching.py",
        "found if shown.is_read else after_unknown(found)",
        "found",
        (NOT_TAKEN_BACK,),
    ),
    Mutant(
        "a rule without an ID is read by the ID of the rule before an update",
        "engine/rule_provider.py",
        "        named = id_ if stated is None else str(stated)\n",
        "        named = str(stated or id_)\n",
        (HELD_TWICE,),
    ),
    Mutant(
        "an update of one rule forgets what its first attempt has left",
        "reconcile/rule_lifecycle.py",
        "        if member.held or self._left_behind:\n",
        "        if member.held:\n",
        (NOT_TAKEN_BACK,),
    ),
    Mutant(
        "an update of a state without a mark forgets what its first attempt has left",
        "engine/runtime.py",
        "        return self.owner(mark) if mark else self.new_owner(inputs)\n",
        "        return self.owner(mark or new_mark())\n",
        (NOT_TAKEN_BACK,),
    ),
    Mutant(
        "the state of a failed create has its rules without their IDs",
        "engine/set_properties.py",
        '"rule_ids": {**(outputs.get("rule_ids") or {}), **left},',
        '"rule_ids": {**(outputs.get("rule_ids") or {}), **dict.fromkeys(left, "")},',
        (NOT_TAKEN_BACK,),
    ),
    Mutant(
        "the state of a failed update of a set forgets the rules it had",
        "engine/set_properties.py",
        '"rules": {**_entries_of(outputs), **{key: entries[key] for key in left}},',
        '"rules": {key: entries[key] for key in left},',
        (NOT_TAKEN_BACK,),
    ),
    Mutant(
        "a failed update of a rule that never showed adds another one",
        "reconcile/lifecycle.py",
        "        if not self.is_set:\n",
        "        if False:\n",
        (NOT_TAKEN_BACK,),
    ),
    Mutant(
        "a set keeps its own rule, removed from the program, outside of the state",
        "reconcile/plan.py",
        "live = None if member.declared else live_of(member, group)",
        "live = live_of(member, group)",
        (RULESET,),
    ),
    Mutant(
        "a refresh does not find a rule without an ID, and says nothing",
        "reconcile/lifecycle.py",
        "        if pending:\n",
        "        if False:\n",
        (LIFECYCLE, SETS),
    ),
    Mutant(
        "a refresh forgets a rule that never showed",
        "reconcile/plan.py",
        "        if member.pending and not live\n",
        "        if False\n",
        (LIFECYCLE, SETS),
    ),
    Mutant(
        "an update does not look for a rule that never showed",
        "engine/runtime.py",
        'return bool(held) or "" in rule_ids',
        "return bool(held)",
        (LATE,),
    ),
    Mutant(
        "a rule that shows late is not that of its resource",
        "reconcile/create.py",
        '                if member and member.rule_id in ("", live.rule_id):\n',
        "                if member and False:\n",
        (LATE,),
    ),
    Mutant(
        "a failed run forgets that it has changed a rule that shows late",
        "reconcile/create.py",
        "self.own[rule] = replace(change, state=member.rule)",
        "self.own[rule] = change",
        (NOT_TAKEN_BACK,),
    ),
    Mutant(
        "a failed update revokes a rule of the state that shows late",
        "reconcile/create.py",
        "self.by_others.keys() | self.own.keys()\n",
        "self.by_others.keys()\n",
        (LATE,),
    ),
    Mutant(
        "a late read is believed where the next one fails",
        "reconcile/create.py",
        "with suppress(NotShownError):\n"
        "            until_shown(self.context.timeout_s,",
        "with suppress(NotShownError, EcsError):\n"
        "            until_shown(self.context.timeout_s,",
        (LATE,),
    ),
    Mutant(
        "a preview counts a rule that never showed as open",
        "previews/outcome.py",
        "exists = not (may_be_gone or (self.changes and is_unsure))",
        "exists = not may_be_gone",
        ("tests/functional/test_gate.py",),
    ),
    Mutant(
        "a message shows a secret rule",
        "rules/rule.py",
        "return self.as_text if arguments <= ATTRIBUTES else SECRET",
        "return self.as_text",
        ("tests/functional/test_secret_rules.py",),
    ),
    Mutant(
        "a resource waits for a rule that another has revoked, and fails",
        "reconcile/ownership.py",
        "            if blocker in self._revoked:\n                return True\n",
        "",
        ("tests/functional/test_ownership.py",),
    ),
    Mutant(
        "the state forgets a changed rule that a set failed to revoke",
        "engine/set_properties.py",
        "spelled.get(m.rule) or m.rule.arguments for m in to_revoke}",
        "spelled[m.rule] for m in to_revoke if m.rule in spelled}",
        ("tests/faults/test_unfinished_sets.py",),
    ),
    Mutant(
        "an existing rule is both kept and revoked by its set",
        "reconcile/plan.py",
        "        if live and live not in staying\n",
        "        if live\n",
        (RULESET,),
    ),
    Mutant(
        "a resource does not wait for its neighbours",
        "reconcile/context.py",
        "        while moving := set(duplicates_in(group)) - lasting:\n",
        "        while False:\n",
        (SETS, LIFECYCLE),
    ),
    Mutant(
        "a field that somebody has changed is set back without a warning",
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
        "        self._warn_of_duplicates(gone_before, rules)\n",
        "        self._revoke_by_attributes([rules[i] for i in gone_before])\n",
        (LIFECYCLE, SETS, MEET),
    ),
    Mutant(
        "an unknown outcome of Authorize is taken for failure",
        "reconcile/create.py",
        "            if unknown:\n                self._read()\n",
        "            if unknown:\n                raise next(iter(unknown.values()))\n",
        (LIFECYCLE, REACTIONS),
    ),
    Mutant(
        "an unknown outcome of Authorize is taken for success",
        "reconcile/create.py",
        "r for r in missing if not (self.sent.get(r) or r in self.shown)",
        "r for r in missing[:0]",
        (LIFECYCLE, REACTIONS),
    ),
    Mutant(
        "a refusal after an unknown outcome counts as proof that no rule exists",
        "reconcile/create.py",
        " or rule in unknown_before):",
        "):",
        (MEET, SIDE_BY_SIDE),
    ),
    Mutant(
        "a refusal after a fault of ECS counts as proof that no rule exists",
        "ecs/client.py",
        _UNKNOWN,
        _NOT_KEPT.format('action != "AuthorizeSecurityGroup"'),
        (MEET,),
    ),
    Mutant(
        "a refusal after an unknown outcome counts as proof of no change",
        "ecs/client.py",
        _UNKNOWN,
        _NOT_KEPT.format('action != "ModifySecurityGroupRule"'),
        (MEET,),
    ),
    Mutant(
        "a failed run forgets that it has changed a rule",
        "reconcile/lifecycle.py",
        "failure = changes.as_unfinished(error)",
        "failure = error",
        (NOT_TAKEN_BACK,),
    ),
    Mutant(
        "a failed change of a rule without an ID leaves it without one",
        "reconcile/modify.py",
        "own = {each.wanted: each.result for",
        "own = {each.wanted: replace(each.result, rule_id='') for",
        (NOT_TAKEN_BACK,),
    ),
    Mutant(
        "no one learns of an adopted rule that a failed run has changed",
        "reconcile/modify.py",
        "for each in self.made if each.state is None]",
        "for each in ()]",
        (NOT_TAKEN_BACK,),
    ),
    Mutant(
        "a change that is tried again is forgotten",
        "reconcile/modify.py",
        "        owner.ownership.leave_behind(own, owner.mark)\n",
        "",
        (NOT_TAKEN_BACK,),
    ),
    Mutant(
        "a rule that an advanced group refuses is in the state for ever",
        "ecs/reactions.py",
        "    return isinstance(error, RefusedForEnterpriseError)",
        "    return error is None",
        (NOT_TAKEN_BACK,),
    ),
    Mutant(
        "a rule that names a missing group is never deleted",
        "ecs/reactions.py",
        "{Write.REVOKE_BY_ATTRIBUTES: Reaction.READ_REPEATEDLY}",
        "{Write.REVOKE_BY_ATTRIBUTES: Reaction.FAIL}",
        (NOT_TAKEN_BACK, REACTIONS),
    ),
    Mutant(
        "one late read drops a hidden rule whose source is gone",
        "reconcile/delete.py",
        "self._read_until_shown(to_send, awaited)",
        "self._read_until_shown(to_send, ())",
        (NOT_TAKEN_BACK,),
    ),
    Mutant(
        "the state claims a rule that ECS says it does not have",
        "reconcile/create.py",
        "elif answer and meaning is not Reaction.READ_GROUP:",
        "elif answer:",
        (NOT_TAKEN_BACK,),
    ),
    Mutant(
        "a late rule whose source has gone is not taken back",
        "reconcile/create.py",
        "        if awaited:\n            self._read_until_shown(awaited)\n",
        "",
        (NOT_TAKEN_BACK,),
    ),
    Mutant(
        "a rule that may still appear is not revoked",
        "reconcile/create.py",
        "revoke_all_by_attributes(without_id)",
        "revoke_all_by_attributes([])",
        (LIFECYCLE, MEET),
    ),
    Mutant(
        "a rule that is there is taken over without being asked",
        "reconcile/lifecycle.py",
        "        if plan.duplicates and not adopt:\n",
        "        if False:\n",
        (LIFECYCLE, SETS, MEET),
    ),
    Mutant(
        "no read before Authorize",
        "reconcile/lifecycle.py",
        "            if plan.duplicates:\n                # A cached",
        "            plan = Plan(authorize=tuple(wanted))\n"
        "            if plan.duplicates:\n"
        "                # A cached",
        (LIFECYCLE, MEET),
    ),
    Mutant(
        "a refresh takes a duplicate for the rule that is gone",
        "reconcile/plan.py",
        "group.matching(member.rule) if adopt or not member.rule_id else None",
        "group.matching(member.rule)",
        (LIFECYCLE,),
    ),
    Mutant(
        "a removed description is kept",
        "reconcile/modify.py",
        "    if remark and not wanted.remark:\n",
        "    if False:\n",
        (LIFECYCLE,),
    ),
    Mutant(
        "a retry has a new ClientToken",
        "ecs/signed_request.py",
        "    query = {} if as_form else dict(call.parameters)\n",
        "    query = {} if as_form else dict(call.parameters)\n"
        '    if "ClientToken" in query:\n'
        '        query["ClientToken"] = uuid.uuid4().hex\n',
        (CLIENT,),
    ),
    Mutant(
        "an answer that cannot be read counts as no rules",
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
        "a set has a rule that another resource adopted, and that a read lacked",
        "reconcile/lifecycle.py",
        "(duplicates_in, own)\n                members = [self._found(",
        "(duplicates_in, own)\n                _ = [self._found(",
        (ONE_FLOW,),
    ),
    Mutant(
        "an answer that trickles in outlasts the timeout",
        "ecs/timed_reads.py",
        "left_s = current().deadline - time.monotonic()",
        "left_s = math.inf",
        (f"{CLIENT}/test_transport.py",),
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
        'if scheme == "http" and not is_set and not is_loopback(endpoint):',
        "if False:",
        (SECURITY,),
    ),
    Mutant(
        "a fresh read is answered from before the write",
        "ecs/security_group.py",
        "return self._reads.fresh()",
        "return self._reads.cached()",
        (SHARED,),
    ),
    Mutant(
        "a create uses an answer of any age",
        "ecs/shared_reads.py",
        "if newest and self._now() - newest.began <= MAX_AGE_BEFORE_CREATE_S:",
        "if newest:",
        ("tests/functional/test_creates_at_work.py",),
    ),
    Mutant(
        "a rule of another that a shared read shows counts as created",
        "reconcile/polling.py",
        "group.read_s - self.seconds",
        "time.monotonic() - self.seconds",
        (SHARED,),
    ),
    Mutant(
        "rules of two calls are verified by a read after the first of them",
        "ecs/security_group.py",
        "max(ended, default=self._now())",
        "min(ended, default=self._now())",
        (SHARED,),
    ),
    Mutant(
        "a rule that was not sent is verified by an earlier read",
        "ecs/security_group.py",
        "max(ended, default=self._now())",
        "max(ended, default=0.0)",
        (SHARED,),
    ),
    Mutant(
        "an Authorize is verified by a read that began before it ended",
        "ecs/shared_reads.py",
        "read.began > moment",
        "moment != math.inf",
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
        "               for live in _others(group, known, keep)]\n"
        "        ),\n",
        (RULESET, SETS),
    ),
    Mutant(
        "an exclusive set revokes a rule that it must keep",
        "reconcile/plan.py",
        "return live is not None and keep is not None and keep.holds(live)",
        "return False",
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
        "reconcile/lifecycle.py",
        "additions.take_back(failure)\n",
        "pass\n",
        (SETS,),
    ),
    Mutant(
        "a rule that somebody changes into a new one is taken for created",
        "reconcile/create.py",
        "live.rule_id in self.before or self.began",
        "self.began",
        (ONE_FLOW, SETS),
    ),
    Mutant(
        "a set removes before it adds",
        "reconcile/lifecycle.py",
        "            additions.adopt(plan.duplicates)\n",
        "            removals.revoke(plan.revoke)\n"
        "            additions.adopt(plan.duplicates)\n",
        (SETS,),
    ),
    Mutant(
        "two rules that differ in priority have one key",
        "rules/rule.py",
        "        if self.priority != 1:\n",
        "        if False:\n",
        (SET_RESOURCE, "tests/unit/test_rule.py"),
    ),
    Mutant(
        "a create of a rule that another resource changes never fails",
        "previews/slots.py",
        "if slot.changes_identity or any(s.gap for s in slot.removers):\n"
        "                    self.may_stop |= step.kind != PEER_RULE\n",
        "if slot.changes_identity or any(s.gap for s in slot.removers):\n",
        ("tests/functional/test_gate_tried.py",),
    ),
    Mutant(
        "without live rules no step is expected to fail",
        "previews/group_review.py",
        "most = result.if_it_stops if stops else result.most_after",
        "most = result.if_it_stops if stops and live else result.most_after",
        (REVIEW,),
    ),
    Mutant(
        "a removed rule with a secret policy counts as one that accepts",
        "previews/gate.py",
        'elif rule.policy != "accept":',
        'elif rule.policy == "drop":',
        (REVIEW,),
    ),
    Mutant(
        "unknown values are judged one at a time",
        "previews/gate.py",
        "return old ^ new | _places(before, after)",
        "return frozenset()",
        ("tests/unit/test_review.py",),
    ),
    Mutant(
        "a drop whose ID was never known counts as existing",
        "previews/declared.py",
        "is_pending = bool(outputs) and not rule_id and self._is_pending(outputs)",
        "is_pending = False",
        ("tests/functional/test_gate.py",),
    ),
    Mutant(
        "a set whose exclusive is secret counts as exclusive",
        "previews/steps.py",
        'or bool(doubt_of(wanted.get("exclusive"))),',
        "or False,",
        ("tests/functional/test_gate_tried.py",),
    ),
    Mutant(
        "a secret adopt counts as true",
        "previews/steps.py",
        'adopts=wanted.get("adopt") is True,',
        'adopts=bool(wanted.get("adopt")),',
        ("tests/functional/test_gate_tried.py",),
    ),
    Mutant(
        "a drop that pulumi-alicloud creates stays though an update takes it",
        "previews/live_outcome.py",
        "if adders and slot.changes_identity:",
        "if False:",
        ("tests/functional/test_gate_tried.py",),
    ),
    Mutant(
        "pulumi-alicloud revokes only rules that exist before the run",
        "previews/live_outcome.py",
        "if has_gap or self._is_revoked_by_peer(rule, step):",
        "if has_gap:",
        ("tests/functional/test_gate_tried.py",),
    ),
    Mutant(
        "of two creates the one whose name is first succeeds",
        "previews/outcome.py",
        "for step in ours[1:] if len(ours) == len(creating) else ours:",
        "for step in ours[1:]:",
        ("tests/functional/test_gate_tried.py",),
    ),
    Mutant(
        "a prefix list counts as empty while it does not exist",
        "previews/neighbours.py",
        "blocks = _blocks(inputs_of(new))",
        "blocks = ()",
        ("tests/functional/test_gate_tried.py",),
    ),
    Mutant(
        "of two values for one key of a preview the last one counts",
        "files.py",
        "if len(found) < len(pairs):",
        "if len(found) > len(pairs):",
        (READING,),
    ),
    Mutant(
        "a step without its old state changes nothing",
        "previews/preview.py",
        'if op not in WITHOUT_OLD and not mapping(step.get("oldState")):',
        "if op not in KNOWN:",
        (READING,),
    ),
    *CLEANUP,
    *USAGE,
)
"""
The list; a new promise belongs here with the test that keeps it.
"""
