"""What a call costs, in US dollars, by the public list prices of us-east-1; what is not here is free.

Sources: aws.amazon.com/cloudwatch/pricing (GetMetricData per metric asked for, other metric calls per request),
aws.amazon.com/sqs/pricing, aws.amazon.com/s3/pricing, aws.amazon.com/secrets-manager/pricing. Free tiers are left out:
the figure is the most it can be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_REQUESTS: Final = {
    ("cloudwatch", "list_metrics"): 0.01 / 1000,
    ("cloudwatch", "get_metric_statistics"): 0.01 / 1000,
    ("cloudwatch", "describe_alarms"): 0.01 / 1000,
    ("cloudwatch", "describe_alarm_history"): 0.01 / 1000,
    ("s3", "list_objects_v2"): 0.005 / 1000,
    ("s3", "list_buckets"): 0.005 / 1000,
    ("s3", "head_object"): 0.0004 / 1000,
    ("s3", "head_bucket"): 0.0004 / 1000,
    ("s3", "get_object"): 0.0004 / 1000,
}
_SERVICES: Final = {"sqs": 0.40 / 1_000_000, "secretsmanager": 0.05 / 10_000}
_METRIC: Final = 0.01 / 1000


def price(service: str, operation: str, parameters: Mapping[str, Any]) -> float:
    """US dollars of one call.

    >>> price("ecs", "describe_services", {})
    0.0
    >>> price("cloudwatch", "get_metric_data", {"MetricDataQueries": [{}] * 500})
    0.005
    """
    if (service, operation) == ("cloudwatch", "get_metric_data"):
        return _METRIC * len(parameters.get("MetricDataQueries", ()))
    return _REQUESTS.get((service, operation), _SERVICES.get(service, 0.0))
