"""
Rules that no traffic uses: flow logs become a small table, and the table a judgement.

It needs the extra `[usage]`: `pip install 'pulumi-alicloud-ingress[usage]'`.
"""

from __future__ import annotations

from alicloud_ingress.usage.collecting import (
    Collected,
    NothingReadError,
    collect_files,
    collect_result,
    collect_sls,
    oss_access_of,
)
from alicloud_ingress.usage.engine import ExtraMissingError, NoRoomError
from alicloud_ingress.usage.json_report import document, schema
from alicloud_ingress.usage.judging import GroupReader, GroupUsage, UsageJudge
from alicloud_ingress.usage.log_files import NoMatchError
from alicloud_ingress.usage.logstore import SlsError
from alicloud_ingress.usage.oss import HttpfsMissingError, OssAccess
from alicloud_ingress.usage.page import html_page
from alicloud_ingress.usage.period import Period, PeriodError, period_of
from alicloud_ingress.usage.query import printed
from alicloud_ingress.usage.results import EngineResultError
from alicloud_ingress.usage.table import (
    Metadata,
    TableError,
    UsageTable,
    open_table,
    time_text,
)
from alicloud_ingress.usage.verdicts import Judged

__all__ = [
    "Collected",
    "EngineResultError",
    "ExtraMissingError",
    "GroupReader",
    "GroupUsage",
    "HttpfsMissingError",
    "Judged",
    "Metadata",
    "NoMatchError",
    "NoRoomError",
    "NothingReadError",
    "OssAccess",
    "Period",
    "PeriodError",
    "SlsError",
    "TableError",
    "UsageJudge",
    "UsageTable",
    "collect_files",
    "collect_result",
    "collect_sls",
    "document",
    "html_page",
    "open_table",
    "oss_access_of",
    "period_of",
    "printed",
    "schema",
    "time_text",
]
