"""
The host of ECS for each region, as the SDK chooses it.
"""

from __future__ import annotations

_HOSTS = {
    "ecs.aliyuncs.com": (
        "ap-northeast-2-pop",
        "cn-beijing-finance-pop",
        "cn-beijing-gov-1",
        "cn-hangzhou-finance",
        "cn-hongkong-finance-pop",
        "cn-north-2-gov-1",
        "cn-shanghai-inner",
        "cn-shenzhen-inner",
        "cn-wuhan",
        "cn-yushanfang",
        "cn-zhangbei",
        "rus-west-1-pop",
    ),
    "ecs-cn-hangzhou.aliyuncs.com": (
        "cn-beijing-nu16-b01",
        "cn-fujian",
        "cn-haidian-cm12-c01",
        "cn-hangzhou",
        "cn-hangzhou-bj-b01",
        "cn-hangzhou-internal-prod-1",
        "cn-hangzhou-internal-test-1",
        "cn-hangzhou-internal-test-2",
        "cn-hangzhou-internal-test-3",
        "cn-hangzhou-test-306",
        "cn-shanghai-et15-b01",
        "cn-shanghai-et2-b01",
        "cn-shanghai-finance-1",
        "cn-shanghai-internal-test-1",
        "cn-shenzhen-finance-1",
        "cn-shenzhen-st4-d01",
        "cn-shenzhen-su18-b01",
        "cn-zhangbei-na61-b01",
    ),
    "ecs.cn-qingdao-nebula.aliyuncs.com": (
        "cn-edge-1",
        "cn-huhehaote-nebula-1",
        "cn-zhengzhou-nebula-1",
    ),
    "ecs.cn-shenzhen-cloudstone.aliyuncs.com": ("eu-west-1-oxs",),
    "ecs.cn-zhangjiakou.aliyuncs.com": ("cn-zhangjiakou-na62-a01",),
}
_HOST_OF = {region: host for host, regions in _HOSTS.items() for region in regions}


def host_of(region: str) -> str:
    """
    The host that serves a region.
    """
    return _HOST_OF.get(region) or f"ecs.{region}.aliyuncs.com"
