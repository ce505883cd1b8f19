"""
What each code of the API means to the caller.
"""

from __future__ import annotations

import pickle

import pytest

from alicloud_ingress.ecs.error_codes import BY_CODE, of_code
from alicloud_ingress.errors import MAX_DETAIL_LENGTH, EcsError, ThrottledError

RETRIED = {"ThrottledError", "ServiceFaultError"}
DOCUMENTED = {
    "ThrottledError": """
        Throttling Throttling.User Throttling.Api Rejected.Throttling
    """,
    "ServiceFaultError": """
        InternalError ServiceUnavailable InvalidGressFlow.Malformed
        SignatureNonceUsed
    """,
    "GroupNotFoundError": "InvalidSecurityGroupId.NotFound",
    "RuleNotFoundError": """
        InvalidSecurityGroupRuleId.NotFound InvalidSecurityGroupRule.RuleNotExist
        SecurityGroupRule.NotFound
    """,
    "RuleIdNotValidError": "InvalidParam.SecurityGroupRuleId",
    "DuplicateRuleError": "InvalidOperation.RuleDuplicate",
    "RefusedForEnterpriseError": """
        InvalidGroupParameter.OperationDenied InvalidGroupAuthParameter.OperationDenied
    """,
    "PermissionRefusedError": """
        Forbidden Forbidden.RAM InvalidOperation.ResourceManagedByCloudProduct
        InvalidOperation.SecurityGroupNotAuthorized
    """,
    "CredentialsRefusedError": """
        InvalidAccessKeyId.NotFound SignatureDoesNotMatch InvalidTimeStamp.Expired
        InvalidCredentials
    """,
    "QuotaExceededError": """
        AuthorizationLimitExceed AuthorizedGroupRule.LimitExceed
        LimitExceed.PrefixListAssociationResource
    """,
    "InvalidCallError": """
        InvalidSecurityGroupId.Malformed InvalidSecurityGroup.InvalidNetworkType
        InvalidParam.Permissions VPCDisabled InvalidNetworkType.Mismatch
        InvalidNetworkType.Conflict NotSupported.GrayFunction
        InvalidOperation.ModifySgRuleEntityType InvalidOperation.ModifyNicType
        InvalidOperation.ModifyPortRangeType InvalidParam.InvalidModifyRuleRequest
        MissingParameter.RegionId InvalidParameter.AttributeNotSupported
        InvalidRegionId.NotFound InvalidApi.NotFound InvalidProduct.NotFound
        InvalidAction.NotFound IdempotentParameterMismatch
    """,
    "BatchEntryError": """
        InvalidIpProtocol.ValueNotSupported InvalidIpPortRange.Malformed
        InvalidSourceCidrIp.Malformed MissingParameter InvalidPolicy.Malformed
        InvalidNicType.ValueNotSupported InvalidSourceGroupId.Mismatch
        MissingParameter.Source InvalidParam.PortRange InvalidPriority.Malformed
        InvalidPriority.ValueNotSupported InvalidParamter.Conflict
        InvalidDestCidrIp.Malformed InvalidParam.SourceIp InvalidParam.DestIp
        InvalidParam.Ipv6DestCidrIp InvalidParam.Ipv6SourceCidrIp
        InvalidParam.Ipv4ProtocolConflictWithIpv6Address
        InvalidParam.Ipv6ProtocolConflictWithIpv4Address
        InvalidParameter.Ipv6CidrIp InvalidPortRange.Malformed
        InvalidSourcePortRange.Malformed InvalidSecurityGroupDiscription.Malformed
        NotSupported.ClassicNetworkPrefixList InvalidParam.SourceCidrIp
        InvalidParam.DestCidrIp InvalidParam.DuplicatePermissions
        InvalidParam.SecurityGroupRuleIdRepeated InvalidNicType.Mismatch
        InvalidParam.ProtocolNotSupportPortRangeList OperationDenied
        InvalidIpProtocol.Malformed InvalidParameter.Conflict
        InvalidParam.PrefixListAddressFamilyMismatch ILLEGAL_IPV6_CIDR
        InvalidParam.ProtocolAndPortRangeMismatch
        InvalidParam.ProtocolAndAddressFamilyMismatch
        InvalidSourceOrDestGroupId.DirectionMissmatch InvalidParamter
    """,
    "ReferenceNotFoundError": """
        InvalidGroupAuthItem.NotFound InvalidSourceGroupId.NotFound
        InvalidPrefixListId.NotFound InvalidPortRangeListId.NotFound
        InvalidSourceGroup.NotFound
    """,
}
CODES = [(code, kind) for kind, codes in DOCUMENTED.items() for code in codes.split()]


@pytest.mark.parametrize(("code", "kind"), CODES, ids=[code for code, _ in CODES])
def test_a_documented_code_has_its_class(code: str, kind: str) -> None:
    """The class says what to do next, and whether to send it again."""
    error = of_code("RevokeSecurityGroup", code, "no", "R-1")

    assert type(error).__name__ == kind
    assert error.retryable is (kind in RETRIED)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("Throttling.Something.New", "ThrottledError"),
        ("InvalidSecurityToken.Whatever", "CredentialsRefusedError"),
        ("AuthenticationFail.OIDCToken.Expired", "CredentialsRefusedError"),
        ("EntityNotExist.Role", "CredentialsRefusedError"),
        ("QuotaExceed.Rules", "QuotaExceededError"),
        ("NeverHeardOf.It", "EcsError"),
    ],
)
def test_an_unknown_code_is_classed_by_what_it_contains(code: str, kind: str) -> None:
    """One that says nothing is shown, and not sent again."""
    assert type(of_code("AuthorizeSecurityGroup", code, "no")).__name__ == kind


def test_the_message_stands_alone() -> None:
    """It is the last line of a traceback, and may be all that is read."""
    error = of_code(
        "AuthorizeSecurityGroup",
        "Forbidden.RAM",
        "User not authorized",
        "R-1",
        "sg-1 in cn-hangzhou",
    )

    assert str(error) == (
        "AuthorizeSecurityGroup on sg-1 in cn-hangzhou: Forbidden.RAM: User not"
        " authorized (RequestId R-1); allow ecs:AuthorizeSecurityGroup in a RAM policy"
        " of these credentials"
    )


def test_a_refused_role_names_the_action_of_sts() -> None:
    """It is not one of ECS."""
    assert "allow sts:AssumeRole in a RAM policy" in str(
        of_code("AssumeRole", "NoPermission", "")
    )


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_every_error_says_what_to_do_next(code: str) -> None:
    """In one line, whatever the code is."""
    message = str(of_code("RevokeSecurityGroup", code, "no", "R-1"))

    assert message.startswith(f"RevokeSecurityGroup: {code}: no (RequestId R-1); ")
    assert len(message.splitlines()) == 1
    assert "{" not in message


def test_foreign_text_cannot_steer_a_terminal_or_flood_it() -> None:
    """Control characters become spaces, and what is too long is cut."""
    detail = "\x1b[31mred\x07\r\n\u2028" + "x" * 1000

    error = of_code("RevokeSecurityGroup", "A\x1bB", detail, "R\n1")

    assert all(character.isprintable() for character in str(error))
    assert len(error.detail) == MAX_DETAIL_LENGTH


def test_an_error_survives_a_pickle() -> None:
    """It may come from another process."""
    error = of_code("RevokeSecurityGroup", "Throttling", "no", "R-1", "sg-1")

    copy: EcsError = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own

    assert type(copy) is type(error)
    assert str(copy) == str(error)


def test_what_an_error_knows_survives_saying_what_it_is_about() -> None:
    """Where the credentials came from, and how long ECS asked to wait."""
    refused = of_code("Revoke", "Forbidden.RAM", "no").of_credentials("alicloud:key")
    throttled = ThrottledError("Revoke", "Throttling", "no")
    throttled.retry_after_s = 7.0

    assert "on tcp 22/22 (credentials: alicloud:key)" in str(refused.about("tcp 22/22"))
    assert vars(throttled.about("sg-1"))["retry_after_s"] == 7.0
