"""
Rules that no traffic uses: flow logs become a small table, and the table a judgement.

It needs the extra `[usage]`: `pip install 'pulumi-alicloud-ingress[usage]'`.
"""

from __future__ import annotations

from alicloud_ingress.usage.collecting import (
    Collected,
    HttpfsMissingError,
    NothingReadError,
    OssAccess,
    collect_files,
    collect_result,
    collect_sls,
    oss_access_of,
)
from alicloud_ingress.usage.engine import ExtraMissingError, NoRoomError
from alicloud_ingress.usage.formats import document, html_page, schema
from alicloud_ingress.usage.judging import GroupReader, GroupUsage, Judged, UsageJudge
from alicloud_ingress.usage.log_paths import NoMatchError
from alicloud_ingress.usage.query import TableNameError, printed
from alicloud_ingress.usage.results import EngineResultError, SlsError
from alicloud_ingress.usage.table import (
    Metadata,
    Period,
    PeriodError,
    TableError,
    UsageTable,
    open_table,
    period_of,
    time_text,
)

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
    "TableNameError",
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
