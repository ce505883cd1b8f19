"""
The error class of each error code of the API.
"""

from __future__ import annotations

from alicloud_ingress.errors import (
    BatchEntryError,
    CredentialsRefusedError,
    DuplicateRuleError,
    EcsError,
    GroupNotFoundError,
    InvalidCallError,
    PermissionRefusedError,
    QuotaExceededError,
    ReferenceNotFoundError,
    RefusedForEnterpriseError,
    RuleIdNotValidError,
    RuleNotFoundError,
    ServiceFaultError,
    ThrottledError,
)

CODES: dict[type[EcsError], tuple[str, ...]] = {
    ThrottledError: (
        "Throttling",
        "Throttling.Api",
        "Throttling.User",
        "Rejected.Throttling",
    ),
    ServiceFaultError: (
        "InternalError",
        "InvalidGressFlow.Malformed",
        "ServiceUnavailable",
        "SignatureNonceUsed",
    ),
    GroupNotFoundError: ("InvalidSecurityGroupId.NotFound",),
    RuleNotFoundError: (
        "InvalidSecurityGroupRule.RuleNotExist",
        "InvalidSecurityGroupRuleId.NotFound",
        "SecurityGroupRule.NotFound",
    ),
    RuleIdNotValidError: ("InvalidParam.SecurityGroupRuleId",),
    DuplicateRuleError: ("InvalidOperation.RuleDuplicate",),
    RefusedForEnterpriseError: (
        "InvalidGroupParameter.OperationDenied",
        "InvalidGroupAuthParameter.OperationDenied",
    ),
    PermissionRefusedError: (
        "Forbidden",
        "Forbidden.RAM",
        "InvalidOperation.ResourceManagedByCloudProduct",
        "InvalidOperation.SecurityGroupNotAuthorized",
        "NoPermission",
    ),
    CredentialsRefusedError: (
        "InvalidAccessKeyId",
        "InvalidAccessKeyId.Inactive",
        "InvalidAccessKeyId.NotFound",
        "InvalidCredentials",
        "InvalidSecurityToken.Expired",
        "InvalidSecurityToken.Malformed",
        "InvalidSecurityToken.MismatchWithAccessKey",
        "InvalidTimeStamp.Expired",
        "SignatureDoesNotMatch",
    ),
    QuotaExceededError: (
        "AuthorizationLimitExceed",
        "AuthorizedGroupRule.LimitExceed",
        "LimitExceed.PrefixListAssociationResource",
    ),
    InvalidCallError: (
        "IdempotentParameterMismatch",
        "InvalidAction.NotFound",
        "InvalidApi.NotFound",
        "InvalidNetworkType.Conflict",
        "InvalidNetworkType.Mismatch",
        "InvalidOperation.ModifyNicType",
        "InvalidOperation.ModifyPortRangeType",
        "InvalidOperation.ModifySgRuleEntityType",
        "InvalidParam.InvalidModifyRuleRequest",
        "InvalidParam.Permissions",
        "InvalidParameter.AttributeNotSupported",
        "InvalidProduct.NotFound",
        "InvalidRegionId.NotFound",
        "InvalidSecurityGroup.InvalidNetworkType",
        "InvalidSecurityGroupId.Malformed",
        "MissingParameter.RegionId",
        "NotSupported.GrayFunction",
        "VPCDisabled",
    ),
    BatchEntryError: (
        "ILLEGAL_IPV6_CIDR",
        "InvalidDestCidrIp.Malformed",
        "InvalidIpPortRange.Malformed",
        "InvalidIpProtocol.Malformed",
        "InvalidIpProtocol.ValueNotSupported",
        "InvalidNicType.Mismatch",
        "InvalidNicType.ValueNotSupported",
        "InvalidParam.DestCidrIp",
        "InvalidParam.DestIp",
        "InvalidParam.DuplicatePermissions",
        "InvalidParam.Ipv4ProtocolConflictWithIpv6Address",
        "InvalidParam.Ipv6DestCidrIp",
        "InvalidParam.Ipv6ProtocolConflictWithIpv4Address",
        "InvalidParam.Ipv6SourceCidrIp",
        "InvalidParam.PortRange",
        "InvalidParam.PrefixListAddressFamilyMismatch",
        "InvalidParam.ProtocolAndAddressFamilyMismatch",
        "InvalidParam.ProtocolAndPortRangeMismatch",
        "InvalidParam.ProtocolNotSupportPortRangeList",
        "InvalidParam.SecurityGroupRuleIdRepeated",
        "InvalidParam.SourceCidrIp",
        "InvalidParam.SourceIp",
        "InvalidParameter.Conflict",
        "InvalidParameter.Ipv6CidrIp",
        "InvalidParamter",
        "InvalidParamter.Conflict",
        "InvalidPolicy.Malformed",
        "InvalidPortRange.Malformed",
        "InvalidPriority.Malformed",
        "InvalidPriority.ValueNotSupported",
        "InvalidSecurityGroupDiscription.Malformed",
        "InvalidSourceCidrIp.Malformed",
        "InvalidSourceGroupId.Mismatch",
        "InvalidSourceOrDestGroupId.DirectionMissmatch",
        "InvalidSourcePortRange.Malformed",
        "MissingParameter",
        "MissingParameter.Source",
        "NotSupported.ClassicNetworkPrefixList",
        "OperationDenied",
    ),
    ReferenceNotFoundError: (
        "InvalidGroupAuthItem.NotFound",
        "InvalidPortRangeListId.NotFound",
        "InvalidPrefixListId.NotFound",
        "InvalidSourceGroup.NotFound",
        "InvalidSourceGroupId.NotFound",
    ),
}
"""
The code decides, not the HTTP status: ECS returns one code with several statuses.
Sources: the error tables of the four calls, and the common codes of the gateway.
"""
_PARTS: dict[str, type[EcsError]] = {
    "Throttling": ThrottledError,
    "AuthenticationFail": CredentialsRefusedError,
    "EntityNotExist.Role": CredentialsRefusedError,
    "InvalidAccessKeyId": CredentialsRefusedError,
    "InvalidSecurityToken": CredentialsRefusedError,
    "LimitExceed": QuotaExceededError,
    "QuotaExceed": QuotaExceededError,
    "NoPermission": PermissionRefusedError,
}
BY_CODE = {code: kind for kind, codes in CODES.items() for code in codes}


def of_code(
    action: str, code: str, detail: str, request_id: str = "", place: str = ""
) -> EcsError:
    """
    Make the error of the class that `BY_CODE` has for *code*.

    A code that is not in the table is classified by a part of it. If no part is known,
    it is a plain `EcsError`, which is reported and not retried.
    """
    by_part = (kind for part, kind in _PARTS.items() if part in code)
    kind = BY_CODE.get(code) or next(by_part, EcsError)
    return kind(action, code, detail, request_id, place)
