"""
The error table of RevokeSecurityGroup as its documentation has it, and what the
page has gained since; `%s` stands for some text.
"""

from __future__ import annotations

NOT_VALID = "The specified parameter %s is not valid."
DOCUMENTED: tuple[tuple[int, str, str], ...] = (
    (
        400,
        "InvalidSecurityGroupId.Malformed",
        "The specified parameter SecurityGroupId is not valid.",
    ),
    (
        400,
        "InvalidIpProtocol.ValueNotSupported",
        (
            "The parameter IpProtocol must be specified with case insensitive TCP, UDP,"
            " ICMP, GRE or All."
        ),
    ),
    (
        400,
        "InvalidIpPortRange.Malformed",
        "The specified parameter PortRange is not valid.",
    ),
    (
        400,
        "InvalidSourceCidrIp.Malformed",
        "The specified parameter SourceCidrIp is not valid.",
    ),
    (
        400,
        "MissingParameter",
        "The input parameter SourceGroupId or SourceCidrIp cannot be both blank.",
    ),
    (400, "InvalidPolicy.Malformed", NOT_VALID),
    (400, "InvalidNicType.ValueNotSupported", NOT_VALID),
    (
        400,
        "InvalidSourceGroupId.Mismatch",
        "Specified security group and source group are not in the same VPC.",
    ),
    (
        400,
        "MissingParameter.Source",
        (
            "One of the parameters SourceCidrIp, Ipv6SourceCidrIp, SourceGroupId or"
            " SourcePrefixListId in %s must be specified."
        ),
    ),
    (
        400,
        "InvalidParam.PortRange",
        (
            "The specified parameter %s is not valid. It should be two integers less than"
            " 65535 in ?/? format."
        ),
    ),
    (
        400,
        "InvalidIpProtocol.ValueNotSupported",
        (
            "The parameter %s must be specified with case insensitive TCP, UDP, ICMP, GRE"
            " or All."
        ),
    ),
    (400, "InvalidPriority.Malformed", "The parameter Priority is invalid."),
    (
        400,
        "InvalidPriority.ValueNotSupported",
        "The specified parameter %s is invalid.",
    ),
    (400, "InvalidPriority.ValueNotSupported", "The parameter Priority is invalid."),
    (
        400,
        "InvalidParamter.Conflict",
        "The specified SecurityGroupId should be different from the SourceGroupId.",
    ),
    (
        400,
        "InvalidDestCidrIp.Malformed",
        "The specified parameter DestCidrIp is not valid.",
    ),
    (
        400,
        "InvalidParam.SourceIp",
        (
            "The Parameters SourceCidrIp and Ipv6SourceCidrIp in %s cannot be set at the"
            " same time."
        ),
    ),
    (
        400,
        "InvalidParam.DestIp",
        (
            "The Parameters DestCidrIp and Ipv6DestCidrIp in %s cannot be set at the same"
            " time."
        ),
    ),
    (400, "InvalidParam.Ipv6DestCidrIp", NOT_VALID),
    (400, "InvalidParam.Ipv6SourceCidrIp", NOT_VALID),
    (
        400,
        "InvalidParam.Ipv4ProtocolConflictWithIpv6Address",
        "IPv6 address cannot be specified for IPv4-specific protocol.",
    ),
    (
        400,
        "InvalidParam.Ipv6ProtocolConflictWithIpv4Address",
        "IPv4 address cannot be specified for IPv6-specific protocol.",
    ),
    (400, "InvalidParameter.Ipv6CidrIp", "The specified Ipv6CidrIp is not valid."),
    (
        400,
        "InvalidGroupParameter.OperationDenied",
        (
            "The Priority, Policy, SourceGroupId, DestGroupId attributes of enterprise"
            " level security group can not be set or modified."
        ),
    ),
    (
        400,
        "InvalidGroupAuthParameter.OperationDenied",
        "The security group can not authorize to enterprise level security group.",
    ),
    (
        400,
        "InvalidPortRange.Malformed",
        "The specified parameter PortRange must set.",
    ),
    (
        400,
        "InvalidSourcePortRange.Malformed",
        "The specified parameter SourcePortRange is not valid.",
    ),
    (
        400,
        "InvalidSecurityGroupDiscription.Malformed",
        "The specified security group rule description is not valid.",
    ),
    (
        400,
        "NotSupported.ClassicNetworkPrefixList",
        (
            "The prefix list is not supported when the network type of security group is"
            " classic."
        ),
    ),
    (400, "InvalidParam.SourceCidrIp", NOT_VALID),
    (
        400,
        "InvalidParam.SourceCidrIp",
        "The specified param SourceCidrIp is not valid.",
    ),
    (400, "InvalidParam.DestCidrIp", NOT_VALID),
    (
        400,
        "InvalidParam.DestCidrIp",
        "The specified parameter DestCidrIp is invalid.",
    ),
    (
        400,
        "InvalidParam.Permissions",
        "The specified parameter Permissions cannot coexist with other parameters.",
    ),
    (
        400,
        "InvalidParam.DuplicatePermissions",
        "There are duplicate permissions in the specified parameter Permissions.",
    ),
    (
        400,
        "InvalidSecurityGroupId.NotFound",
        "The specified parameter SecurityGroupId is not valid.",
    ),
    (
        400,
        "InvalidParam.SecurityGroupRuleId",
        "The specified parameter SecurityGroupRuleId is not valid.",
    ),
    (
        400,
        "InvalidParam.SecurityGroupRuleIdRepeated",
        "The specified parameter SecurityGroupRuleId is repeated.",
    ),
    (
        403,
        "InvalidNicType.Mismatch",
        "The specified NicType conflicts with the authorization record.",
    ),
    (
        403,
        "InvalidGroupAuthItem.NotFound",
        "Specified group authorized item does not exist in our records.",
    ),
    (403, "InvalidOperation.ResourceManagedByCloudProduct", "%s"),
    (
        404,
        "InvalidSecurityGroupId.NotFound",
        "The specified SecurityGroupId does not exist.",
    ),
    (
        404,
        "InvalidSourceGroupId.NotFound",
        "The SourceGroupId provided does not exist in our records.",
    ),
    (
        404,
        "InvalidPrefixListId.NotFound",
        "The specified prefix list was not found.",
    ),
    (
        404,
        "InvalidSecurityGroupRuleId.NotFound",
        "The specified SecurityGroupRuleId is not exists.",
    ),
    (
        500,
        "InternalError",
        "The request processing has failed due to some unknown error.",
    ),
)
"""
Status, code and message of the 46 rows, in the order of the page of 2024-03-19.
"""

SINCE: tuple[tuple[int, str, str], ...] = (
    (
        400,
        "InvalidSecurityGroupRule.RuleNotExist",
        "The specified rule does not exist.",
    ),
    (
        400,
        "InvalidParam.ProtocolNotSupportPortRangeList",
        "The specified protocol does not support the port range list.",
    ),
    (
        400,
        "InvalidPortRangeListId.NotFound",
        "The specified port range list was not found.",
    ),
    (
        401,
        "InvalidOperation.SecurityGroupNotAuthorized",
        "The specified security group is not authorized to operate.",
    ),
    (
        400,
        "InvalidGroupParameter.OperationDenied",
        (
            "The attributes Policy, SourceGroupId, DestGroupId of enterprise level"
            " security groups are not allowed to be set or modified."
        ),
    ),
    (400, "InvalidSecurityGroup.InvalidNetworkType", "%s"),
)
"""
What later pages add.
"""
